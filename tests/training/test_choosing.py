"""What a run decides by itself: its folds, and whether to look at tiles."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from eanet_jax import errors
from eanet_jax.commands import training_job
from eanet_jax.configuration import field_rules, recipes
from eanet_jax.training import choosing
from eanet_jax.workdir import choice_json


def folder_of(path, side, texture):
  """3 specimens of 2 images of each of 2 classes; texture(rng, label, side)."""
  for label, name in enumerate(("coarse", "fine")):
    for specimen in range(3):
      for i in range(2):
        rng = np.random.default_rng([label, specimen, i])
        file = path / name / f"s{label}{specimen}" / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(texture(rng, label, side)).save(file)
  return path


def stripes(rng, label, side):
  """Stripes of 3 or 4 px on random squares of 5: shrunk, only those stay."""
  squares = np.kron(rng.normal(size=(side // 5, side // 5)), np.ones((5, 5)))
  phase = rng.uniform(0, 2 * np.pi)
  waves = np.sin(2 * np.pi * np.arange(side) / (3 + label) + phase)
  image = 128 + 40 * squares + 40 * waves
  return np.clip(image, 0, 255).astype(np.uint8)


def spots(rng, label, side):
  """One bright half, the left or the upper: shrunk, it is seen as well."""
  image = rng.integers(0, 80, (side, side))
  half = slice(side // 2)
  image[half if label else slice(None), slice(None) if label else half] += 150
  return image.astype(np.uint8)


def config_of(path, data_dir, *, minutes=15.0, **split):
  config = recipes.load("transfer")
  config.dataset.update(
    source="folder", path=str(path), data_dir=str(data_dir), image_px=64
  )
  config.split.update({"cross_validate": False, **split})
  config.evaluation.orientations = 1
  config.train.minutes = minutes
  field_rules.validate(config)
  return config


def test_what_is_lost_when_shrunk_is_looked_at_in_tiles(tmp_path):
  path = folder_of(tmp_path / "set", 260, stripes)
  config = config_of(path, tmp_path / "data")
  choice = choosing.choose(config)
  whole, tiles = choice.tried
  assert (choice.view, choice.folds) == ("tiles", 0)
  assert (whole["views"], tiles["views"]) == (12, 12 * 16)
  assert whole["accuracy"] < 1
  assert tiles["accuracy"] == 1
  assert tiles["loss"] < whole["loss"]
  chosen = choosing.apply(config, choice)
  assert (chosen.dataset.view, chosen.dataset.tile_px) == ("tiles", 64)
  assert config.dataset.view == "auto"  # as it was

  kept = choosing.choose(config_of(path, tmp_path / "data", minutes=0.0))
  assert kept.view == "whole"
  assert "train.minutes=0" in kept.reasons[0]


def test_whole_micrographs_that_suffice_are_not_cut(tmp_path):
  path = folder_of(tmp_path / "set", 256, spots)
  choice = choosing.choose(config_of(path, tmp_path / "data"))
  assert choice.view == "whole"
  assert [each["accuracy"] for each in choice.tried] == [1.0]


def test_small_micrographs_are_not_tried_in_tiles(tmp_path):
  path = folder_of(tmp_path / "set", 100, stripes)
  choice = choosing.choose(config_of(path, tmp_path / "data"))
  assert (choice.view, choice.tried) == ("whole", [])


def test_a_choice_is_made_once_and_stays(tmp_path, monkeypatch):
  path = folder_of(tmp_path / "set", 100, stripes)
  config = config_of(path, tmp_path / "data")
  workdir = tmp_path / "run"
  assert training_job.settled(config, workdir).dataset.view == "whole"
  written = choice_json.read(workdir)
  assert written is not None
  choice_json.write(workdir, dataclasses.replace(written, view="tiles"))
  monkeypatch.setattr(choosing, "choose", None)
  assert training_job.settled(config, workdir).dataset.view == "tiles"
  (workdir / choice_json.FILE).write_text('{"format": 1, "view": "half"}')
  with pytest.raises(errors.UserError, match=r"choice\.json was changed"):
    training_job.settled(config, workdir)


def test_only_the_discriminant_compares_views():
  config = recipes.load("eanet_best")
  config.dataset.view = "auto"
  with pytest.raises(errors.UserError, match="choose whole or tiles"):
    training_job.check(config)


def rearranged(tmp_path, names):
  """The 12 images, in class folders with specimens of these names."""
  for i, file in enumerate(sorted((tmp_path / "set").rglob("*.png"))):
    new = tmp_path / "new" / file.parts[-3] / names[i % 6] / f"{i}.png"
    new.parent.mkdir(parents=True, exist_ok=True)
    file.rename(new)
  return tmp_path / "new"


@pytest.mark.parametrize(
  ("names", "by", "folds"),
  [
    (["a", "a", "b", "b", "c", "c"], "specimen", 5),
    (["a", "a", "a", "b", "b", "b"], "specimen", 4),
    (["a"] * 6, "micrograph", 5),
  ],
)
def test_each_specimen_is_left_out_of_one_member(tmp_path, names, by, folds):
  folder_of(tmp_path / "set", 100, spots)
  path = rearranged(tmp_path, names)
  config = config_of(path, tmp_path / "data", cross_validate=True)
  choice = choosing.choose(config)
  assert (choice.by, choice.folds) == (by, folds)
  settled = choosing.apply(config, choice)
  field_rules.validate(settled)
  parts = []
  for fold in range(folds):
    member = choosing.of_fold(settled, fold)
    field_rules.validate(member)
    data, _ = training_job.load(member)
    assert len(data.split.test)
    specimens = np.asarray(data.views.specimens)
    shared = set(specimens[data.split.train]) & set(specimens[data.split.test])
    assert bool(shared) == (by == "micrograph")
    parts.append(data.split.test)
  assert np.concatenate(parts).size == 12  # each of them once
  assert len(set(np.concatenate(parts).tolist())) == 12


def test_where_something_else_says_what_to_test_it_is_one_network(tmp_path):
  folder_of(tmp_path / "set", 100, spots)
  config = config_of(
    tmp_path / "set", tmp_path / "data", cross_validate=True, folds=3, fold=1
  )
  settled = choosing.apply(config, choosing.choose(config))
  assert not settled.split.cross_validate
  # Nor does a choice that was made before for the same workdir change that.
  before = choosing.choose(
    config_of(tmp_path / "set", tmp_path / "data", cross_validate=True)
  )
  assert before.folds == 5
  settled = choosing.apply(config, before)
  assert not settled.split.cross_validate
  assert (settled.split.folds, settled.split.fold) == (3, 1)
