"""Checkpoints: what comes back is what was saved, or it is refused."""

import json
import pathlib
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eanet_jax import errors
from eanet_jax.workdir import checkpoints, history_csv, run_meta


def tree(value: float):
  return {"kernel": jnp.full((3, 5), value), "bias": jnp.arange(3.0) + value}


def meta_of(step, score, **changes):
  fields = {
    "step": step,
    "config": {"optimizer": {"clip_norm": 3}},
    "class_names": ("a", "b"),
    "outputs": 2,
    "mean": 120.5,
    "std": None,
    "data_digest": "digest",
    "history": (history_csv.Epoch(1, step, 1e-3, 0.5, 0.6, 0.7),),
    "score": score,
    "wall_time_s": 2.5,
    "versions": {"jax": "0.10"},
  }
  return run_meta.RunMeta(**{**fields, **changes})


def save(workdir, steps):
  """Saves {step: score}; the arrays of a step hold its number."""
  with checkpoints.Checkpoints(workdir) as saved:
    for step, score in steps.items():
      progress = {"count": jnp.asarray(step)}
      saved.save(tree(step), progress, meta_of(step, score))


def restore(workdir):
  with checkpoints.Checkpoints(workdir) as saved:
    return saved.restore_newest(
      tree(0), {"count": jnp.asarray(0)}, lambda meta: None
    )


def restore_best(workdir):
  with checkpoints.Checkpoints(workdir) as saved:
    return saved.restore_best(lambda meta: tree(0))


def data_files(step: pathlib.Path, item: str):
  files = [f for f in (step / item).rglob("*") if f.is_file()]
  return sorted(files, key=lambda f: f.stat().st_size, reverse=True)


def test_round_trip_is_exact(tmp_path):
  save(tmp_path, {7: 0.5})
  params, progress, meta = restore(tmp_path)
  assert int(progress["count"]) == 7
  assert meta == meta_of(7, 0.5)
  for a, b in zip(
    jax.tree.leaves(params), jax.tree.leaves(tree(7)), strict=True
  ):
    np.testing.assert_array_equal(a, b)


def test_a_step_of_another_format_says_what_to_do(tmp_path):
  for number, age in ((0, "an older"), (99, "a newer")):
    workdir = tmp_path / str(number)
    with checkpoints.Checkpoints(workdir) as saved:
      other = meta_of(3, 0.5, format=number)
      saved.save(tree(3), {"count": jnp.asarray(3)}, other)
    for read in (restore, restore_best):
      with pytest.raises(
        errors.UserError, match=f"from {age} version"
      ) as caught:
        read(workdir)
      assert "checkpoint 3" in str(caught.value)


def test_the_newest_two_and_the_best_are_kept(tmp_path):
  save(tmp_path, {1: 0.2, 2: 0.9, 3: 0.1, 4: 0.3, 5: 0.2})
  with checkpoints.Checkpoints(tmp_path) as saved:
    assert saved.steps() == [2, 4, 5]
  assert restore_best(tmp_path)[1].step == 2


def test_the_best_of_an_earlier_process_is_kept(tmp_path):
  save(tmp_path, {1: 0.9})
  save(tmp_path, {2: 0.1, 3: 0.2, 4: None})
  with checkpoints.Checkpoints(tmp_path) as saved:
    assert saved.steps() == [1, 3, 4]
  save(tmp_path, {5: 0.9, 6: 0.1, 7: 0.1})
  with checkpoints.Checkpoints(tmp_path) as saved:
    assert saved.steps() == [5, 6, 7]


def test_a_step_trained_again_has_its_new_score(tmp_path):
  save(tmp_path, {1: 0.5, 2: 0.9})
  for file in data_files(tmp_path / checkpoints.FOLDER / "2", "variables"):
    file.write_bytes(b"")
  save(tmp_path, {2: 0.1, 3: 0.2, 4: 0.2})
  with checkpoints.Checkpoints(tmp_path) as saved:
    assert saved.steps() == [1, 3, 4]


def test_a_step_is_what_it_says_not_what_its_folder_is_called(tmp_path):
  save(tmp_path, {1: 0.1, 2: 0.2})
  folder = tmp_path / checkpoints.FOLDER
  (folder / "2").rename(folder / "9")
  assert restore(tmp_path).meta.step == 1
  assert restore_best(tmp_path)[1].step == 1


def test_of_equal_scores_the_later_is_best_and_kept(tmp_path):
  save(tmp_path, {1: 0.9, 2: 0.9, 3: 0.1, 4: 0.1})
  assert restore_best(tmp_path)[1].step == 2


def test_an_unscored_step_is_newest_but_not_best(tmp_path):
  save(tmp_path, {1: 0.0, 2: None})
  assert restore(tmp_path).meta.step == 2
  assert restore_best(tmp_path)[1].step == 1


@pytest.mark.parametrize("item", ["variables", "progress", "meta"])
@pytest.mark.parametrize("damage", ["flip", "empty", "remove"])
def test_a_damaged_step_falls_back_to_the_one_before(tmp_path, item, damage):
  save(tmp_path, {1: 0.1, 2: 0.2})
  folder = tmp_path / checkpoints.FOLDER / "2"
  for file in data_files(folder, item)[: 1 if damage == "flip" else None]:
    if damage == "remove":
      file.unlink()
    elif damage == "empty":
      file.write_bytes(b"")
    else:
      content = bytearray(file.read_bytes())
      for i in range(len(content) // 2, len(content) // 2 + 8):
        content[i % len(content)] ^= 0x55
      file.write_bytes(content)
  best = restore_best(tmp_path)[1].step  # progress it does not need
  assert best == (2 if item == "progress" else 1)
  params, _, meta = restore(tmp_path)
  assert meta.step == 1
  assert float(params["kernel"][0, 0]) == 1
  save(tmp_path, {2: 0.2})  # as the run that goes on from step 1 will
  assert restore(tmp_path).meta.step == 2


def test_when_no_step_is_sound_nothing_is_begun_again(tmp_path):
  save(tmp_path, {1: 0.1})
  for file in data_files(tmp_path / checkpoints.FOLDER / "1", "variables"):
    file.write_bytes(b"")
  with pytest.raises(errors.UserError, match="another --workdir"):
    restore(tmp_path)
  assert restore_best(tmp_path) is None


def test_an_empty_step_folder_is_passed_over(tmp_path):
  save(tmp_path, {1: 0.1})
  (tmp_path / checkpoints.FOLDER / "9").mkdir()
  assert restore_best(tmp_path)[1].step == 1
  assert restore(tmp_path).meta.step == 1
  save(tmp_path, {9: 0.2})
  assert restore(tmp_path).meta.step == 9


def test_every_array_has_its_checksum_in_plain_json(tmp_path):
  save(tmp_path, {1: 0.1})
  folder = tmp_path / checkpoints.FOLDER / "1" / "meta"
  meta = json.loads((folder / "metadata").read_text())
  assert set(meta["checksums"]["variables"]) == {"['bias']", "['kernel']"}


def test_a_folder_without_checkpoints_says_so(tmp_path):
  with pytest.raises(errors.UserError, match="no such folder"):
    checkpoints.open_existing(tmp_path / "nothing")
  with pytest.raises(errors.UserError, match="training run"):
    checkpoints.open_existing(tmp_path)


def test_what_else_was_read_of_a_damaged_step_prints_nothing(
  tmp_path, monkeypatch
):
  many = {f"array {i}": jnp.full((9, 9), i) for i in range(40)}
  with checkpoints.Checkpoints(tmp_path) as saved:
    saved.save(many, {"count": jnp.asarray(1)}, meta_of(1, 0.1))
  folder = tmp_path / checkpoints.FOLDER / "1"
  (folder / "variables" / "manifest.ocdbt").unlink()
  printed = []
  monkeypatch.setattr(sys, "unraisablehook", printed.append)
  with checkpoints.Checkpoints(tmp_path) as saved:
    for _ in range(5):
      assert saved.restore_best(lambda meta: many) is None
  time.sleep(0.5)  # some answers come late
  assert printed == []
