"""Comparisons: what is planned, and run from launch.py."""

import json
import shutil

import pytest
from conftest import ROOT, SMALL_COMPARISON, launch, load_comparison

from eanet_jax import errors
from eanet_jax.commands import comparison_job
from eanet_jax.configuration import command_line, config_tree


def test_every_system_is_planned_on_every_fold_and_seed(tmp_path):
  config = load_comparison(seeds=(3, 4), folds=3, micrograph_folds=1)
  runs = comparison_job.plan(config, tmp_path)
  assert len(runs) == 5 * 2 * (3 + 1)
  assert len({each.folder for each in runs}) == len(runs)
  for each in runs:
    own = each.config
    assert (own.split.by, own.split.fold) == (each.by, each.fold)
    assert (own.split.folds, own.train.seed) == (3, each.seed)
    assert "systems" not in own
    assert "compare" not in own
  # Stopped early, it has compared all systems on what it has.
  assert {each.system for each in runs[:5]} == set(config.systems)


def test_images_alone_may_be_split(tmp_path):
  config = load_comparison(folds=3, micrograph_folds=1, only=("eanet", "vit"))
  config.split.by = "micrograph"
  runs = comparison_job.plan(config, tmp_path)
  assert len(runs) == 2 * 3
  assert {each.by for each in runs} == {"micrograph"}
  assert {each.config.split.by for each in runs} == {"micrograph"}


def test_a_shared_field_holds_for_every_system_and_an_own_one_for_one(tmp_path):
  config = load_comparison("ablations", micrograph_folds=0)
  config.train.epochs = 7
  of = {
    each.system: each.config for each in comparison_job.plan(config, tmp_path)
  }
  assert {own.train.epochs for own in of.values()} == {7}
  changed = {
    "slots_8": "model.num_slots",
    "heads_4": "model.num_heads",
    "softmax_tokens": "model.normalisation",
    "single_memory": "model.attention_type",
    "cross_entropy": "loss.gamma",
    "coupled_decay": "optimizer.decoupled_decay",
  }
  assert len(of) == 15
  plain = config_tree.flatten(of["eanet"].to_dict())
  for name, field in changed.items():
    flat = config_tree.flatten(of[name].to_dict())
    assert [f for f in flat if flat[f] != plain[f]] == [field]


def test_a_configuration_is_that_of_the_system_by_itself(tmp_path):
  config = load_comparison("full")
  runs = comparison_job.plan(config, tmp_path)
  for name in config.systems:
    alone = command_line.load(str(ROOT / "configs" / f"{name}.py"))
    own = next(each.config for each in runs if each.system == name)
    changed = config_tree.differences(
      config_tree.as_json(alone), config_tree.as_json(own)
    )
    # The splits and the budget are of the comparison.
    expected = ["split.folds: 0 -> 3"]
    if name == "eanet_best":
      expected.append("train.epochs: 60 -> 50")
    else:
      expected.append("split.validate_by: 'specimen' -> 'micrograph'")
    assert changed == expected


def test_an_ingredient_left_out_changes_its_own_fields_alone(tmp_path):
  config = load_comparison("ingredients", micrograph_folds=0)
  of = {
    each.system: each.config for each in comparison_job.plan(config, tmp_path)
  }
  whole = config_tree.flatten(of.pop("eanet_best").to_dict())
  assert len(of) == 14
  for name, own in of.items():
    flat = config_tree.flatten(own.to_dict())
    changed = [f for f in flat if flat[f] != whole[f]]
    assert 1 <= len(changed) <= 3, name
    paper = config_tree.flatten(
      command_line.load("configs/default.py").to_dict()
    )
    assert all(flat[f] == paper[f] for f in changed), name


@pytest.mark.parametrize(
  ("compare", "says"),
  [
    ({"folds": 1}, "compare.folds=1"),
    ({"seeds": ()}, "one whole number or more"),
    ({"only": ("vit",)}, "leaves out the reference eanet"),
    ({"only": ("eanet", "resnet")}, "'resnet' is not a system"),
    ({"reference": "best"}, "choose one of eanet, eanet_best, vit"),
    ({"micrograph_folds": 3}, "must not be more"),
    ({"shard": "3/2"}, "compare.shard='3/2' cannot be used"),
  ],
)
def test_what_cannot_be_compared_is_one_clear_error(compare, says, tmp_path):
  with pytest.raises(errors.UserError, match=says.replace("(", r"\(")):
    comparison_job.plan(load_comparison(**compare), tmp_path)


def test_an_invalid_field_of_a_system_names_the_system(tmp_path):
  config = load_comparison()
  config.systems.vit.model.num_blocks = 0
  with pytest.raises(errors.UserError, match=r"system vit: .*num_blocks"):
    comparison_job.plan(config, tmp_path)


def test_launch_compares_and_does_nothing_twice(tmp_path, data_dir):
  command = [
    "--config=configs/compare.py:smoke",
    f"--workdir={tmp_path / 'all'}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL_COMPARISON,
  ]
  done = launch(*command)
  assert done.returncode == 0, done.stderr
  assert "6 runs of 2 systems, 0 of them done" in done.stdout
  found = json.loads((tmp_path / "all" / "comparison.json").read_text())
  kinds = [each["kind"] for each in found["systems"]]
  assert kinds == ["network"] * 2 + ["baseline"] * 3 + ["paper"] * 3
  for each in found["systems"][:5]:
    for split in ("specimen_split", "micrograph_split"):
      low, high = each[split]["macro_f1"]["interval_95"]
      assert 0 <= low <= each[split]["macro_f1"]["mean"] <= high <= 1
  table = (tmp_path / "all" / "comparison.md").read_text()
  assert table.strip() in done.stdout
  assert (tmp_path / "all" / "report.html").exists()

  # One run is lost: it alone is done again, and comes out the same.
  lost = tmp_path / "all" / "runs" / "specimen-1" / "vit-seed0"
  before = json.loads((lost / "results.json").read_text())
  shutil.rmtree(lost)
  (tmp_path / "all" / "comparison.json").unlink()
  again = launch(*command)
  assert again.returncode == 0, again.stderr
  assert "6 runs of 2 systems, 5 of them done" in again.stdout
  assert (
    json.loads((lost / "results.json").read_text())["test"] == (before["test"])
  )
  redone = json.loads((tmp_path / "all" / "comparison.json").read_text())
  for a, b in zip(found["systems"], redone["systems"], strict=True):
    assert a["specimen_split"] == b["specimen_split"]


@pytest.mark.parametrize("of", [1, 2, 3, 5, 7, 50])
def test_shards_have_every_run_once_and_share_out_the_systems(tmp_path, of):
  config = load_comparison(folds=4, seeds=(0, 1), micrograph_folds=2)
  runs = comparison_job.plan(config, tmp_path)  # 12 of each of 5 systems
  shards = [
    comparison_job._of_shard(runs, f"{number}/{of}")
    for number in range(1, of + 1)
  ]
  together = [each for shard in shards for each in shard]
  assert sorted(map(runs.index, together)) == list(range(len(runs)))
  assert comparison_job._of_shard(runs, "") == runs
  for shard in shards:
    counts = [[e.system for e in shard].count(s) for s in config.systems]
    assert max(counts) - min(counts) <= 2, counts


def told_by(comparison):
  """What comparison.json says, but for times and places."""
  times = {"images_per_s", "inference_images_per_s"}
  del comparison["wall_time_s"]
  for each in comparison["runs"]:
    del each["workdir"]
  for each in comparison["systems"]:
    for name in times & each.keys():
      del each[name]
  return comparison


def test_two_shards_make_the_table_of_the_whole(tmp_path, data_dir):
  def compare(workdir, shard):
    done = launch(
      "--config=configs/compare.py:smoke",
      f"--workdir={workdir}",
      f"--config.dataset.data_dir={data_dir}",
      *SMALL_COMPARISON,
      "--config.compare.micrograph_folds=0",
      f"--config.compare.shard={shard}",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  whole, here, there = (tmp_path / name for name in ("whole", "here", "there"))
  assert "4 runs of 2 systems, 0 of them done" in compare(whole, "")
  told = compare(here, "1/2")
  assert "4 runs of 2 systems, 2 in shard 1/2, 0 of them done" in told
  assert "2 of 4 runs are done" in told
  assert len(list(here.glob("runs/*/*/results.json"))) == 2
  assert not (here / "comparison.json").exists()
  # On a disk of its own, and gathered.
  assert "2 of 4 runs are done" in compare(there, "2/2")
  shutil.copytree(there, here, dirs_exist_ok=True)
  told = compare(here, "2/2")
  assert "2 in shard 2/2, 2 of them done" in told
  assert (here / "comparison.md").read_text().strip() in told
  assert (here / "report.html").exists()
  of_shards, of_whole = (
    told_by(json.loads((workdir / "comparison.json").read_text()))
    for workdir in (here, whole)
  )
  assert of_shards == of_whole


def test_a_run_that_fails_is_left_out_and_told(tmp_path, data_dir):
  done = launch(
    "--config=configs/compare.py:smoke",
    f"--workdir={tmp_path / 'all'}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL_COMPARISON,
    "--config.compare.micrograph_folds=0",
    "--config.systems.vit.model.pretrained=not_there.npz",
  )
  assert done.returncode == 1
  assert "not_there.npz" in done.stdout
  found = json.loads((tmp_path / "all" / "comparison.json").read_text())
  names = [each["name"] for each in found["systems"][:2]]
  assert names == ["eanet", "majority"]
  assert any("not_there.npz" in warning for warning in found["warnings"])
