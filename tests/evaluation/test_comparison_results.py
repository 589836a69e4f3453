"""The table of a comparison, from the files that its runs leave."""

import dataclasses

import made_results
import numpy as np
import pytest
from conftest import load_comparison

from eanet_jax.commands import comparison_job
from eanet_jax.evaluation import comparison_results
from eanet_jax.reporting import markdown_table
from eanet_jax.workdir import predictions_csv, results_json

CLASSES = ["CPJ", "HR", "P92"]


def finish(run, right, seed, specimen="{true}-{fold}-{i}", **changes):
  """Writes and returns what a run leaves; `right` is the chance to be right."""
  rng = np.random.default_rng([seed, run.fold])
  run.folder.mkdir(parents=True)
  labels = np.repeat(np.arange(3), 12)
  numbers = [*range(12)] * 3
  specimens = [
    specimen.format(true=CLASSES[label], fold=run.fold, i=i % 3)
    for label, i in zip(labels, numbers, strict=True)
  ]
  files = [
    f"{CLASSES[label]}/{run.fold}-{i}"
    for label, i in zip(labels, numbers, strict=True)
  ]
  for name in ("", *results_json.BASELINES):
    hit = rng.random(36) < (0.5 if name else right)
    predicted = np.where(hit, labels, (labels + 1) % 3)
    predictions = predictions_csv.Predictions(
      np.array(files), np.array(specimens), labels, np.eye(3)[predicted]
    )
    predictions_csv.write_test(run.folder, predictions, CLASSES, name)
  named = sorted(set(zip(specimens, labels.tolist(), strict=True)))
  fields = {
    "dataset": {"source": "folder", "path": "", "view": "whole"}
    | {"image_px": 64},
    "images_per_s": 10.0 + run.fold,
    "per_specimen": [
      {"specimen": s, "class": CLASSES[label], "micrographs": 4}
      | {"accuracy": 0.5}
      for s, label in named
    ],
  }
  return made_results.run_results(**{**fields, **changes})


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
  chance = {"eanet": 0.8, "vit": 0.5, "vgg": 0.99, "vgg_attention": 0.6}
  config = load_comparison(folds=3, micrograph_folds=1, only=tuple(chance))
  runs = comparison_job.plan(config, tmp_path_factory.mktemp("made"))
  finished = {
    run: finish(run, chance[run.system], i)
    for i, run in enumerate(runs)
    # One fold of vgg_attention is missing.
    if (run.system, run.by, run.fold) != ("vgg_attention", "specimen", 1)
  }
  return finished, comparison_results.collect(config, finished, {})


def entry(collected, name):
  return next(e for e in collected[1].systems if e["name"] == name)


def test_collected_scores_are_those_of_the_predictions(collected):
  finished, _ = collected
  own = {
    (run.fold, run.seed): predictions_csv.read_test(run.folder, CLASSES)
    for run in finished
    if run.system == "vit" and run.by == "specimen"
  }
  right = np.concatenate(
    [p.probabilities.argmax(1) == p.labels for p in own.values()]
  )
  vit = entry(collected, "vit")
  assert vit["specimen_split"]["accuracy"]["mean"] == pytest.approx(
    right.mean()
  )
  assert vit["images_per_s"] == 10.5  # of 10, 11, 12 and 10


def test_differences_are_to_the_reference(collected):
  assert entry(collected, "eanet")["difference"] is None
  behind = entry(collected, "vit")["difference"]["accuracy"]
  ahead = entry(collected, "vgg")["difference"]["accuracy"]
  assert behind["interval_95"][1] < 0 < ahead["interval_95"][0]
  assert entry(collected, "texture")["difference"]["kappa"]["mean"] < 0


def test_a_system_with_a_run_missing_is_not_compared(collected):
  incomplete = entry(collected, "vgg_attention")
  assert incomplete["specimen_split"] is None
  assert incomplete["difference"] is None
  assert incomplete["micrograph_split"] is not None


def tiled(confusion):
  tile = {"tile": {"confusion": confusion}}
  return made_results.levels(0, 1.0) | tile


def test_tiles_are_counted_over_all_folds(tmp_path):
  config = load_comparison(micrograph_folds=0, folds=2)
  config.compare.only = ("eanet", "vit")
  finished = {}
  for run in comparison_job.plan(config, tmp_path):
    right = 6 + run.fold if run.system == "vit" else 9
    counts = {"a": {"a": right, "b": 10 - right}, "b": {"b": 10 * run.fold}}
    of_baseline = tiled({"a": {"a": 1, "b": 1}, "b": {"a": 1, "b": 1}})
    finished[run] = finish(
      run,
      0.5,
      0,
      test=tiled(counts),
      baselines=dict.fromkeys(results_json.BASELINES, of_baseline),
      dataset={"source": "folder", "path": "", "view": "tiles"}
      | {"image_px": 64},
    )
  found = comparison_results.collect(config, finished, {})
  share = {
    each["name"]: each["specimen_split"]["tile_accuracy"]["mean"]
    for each in found.systems
    if each["specimen_split"]
  }
  assert share == pytest.approx(
    {"eanet": 28 / 30, "vit": 23 / 30}
    | dict.fromkeys(results_json.BASELINES, 1 / 2)
  )
  text = markdown_table.write(found)
  assert "| tiles right |" in text
  assert "| 0.933 |" in text


def test_systems_that_share_a_network_are_told_apart(tmp_path):
  config = load_comparison("ablations", micrograph_folds=0, folds=2)
  config.compare.only = ("eanet", "slots_8", "cross_entropy")
  runs = comparison_job.plan(config, tmp_path)
  found = comparison_results.collect(
    config, {r: finish(r, 0.5, 0) for r in runs}, {}
  )
  assert [each["title"] for each in found.systems[:3]] == [
    "eanet: EANet, 16 x 16 slots",
    "EANet, 16 x 8 slots",
    "cross_entropy: EANet, 16 x 16 slots",
  ]


def test_a_set_without_specimens_is_compared_by_image(tmp_path):
  config = load_comparison(folds=2, only=("eanet", "vit"))
  config.split.by = "micrograph"
  chance = {"eanet": 0.9, "vit": 0.5}
  failed = comparison_job.plan(config, tmp_path / "failed")[0]
  found = comparison_results.collect(
    config,
    {
      run: finish(run, chance[run.system], i, specimen="{true}")
      for i, run in enumerate(comparison_job.plan(config, tmp_path))
    },
    {failed: "the loss was not finite"},
  )
  eanet, vit = found.systems[:2]
  assert vit["specimen_split"] is None
  behind = vit["difference"]["accuracy"]
  assert behind["mean"] == pytest.approx(
    vit["micrograph_split"]["accuracy"]["mean"]
    - eanet["micrograph_split"]["accuracy"]["mean"]
  )
  assert behind["interval_95"][1] < 0
  assert found.split_by == "micrograph"
  assert found.micrograph_folds == 0
  first, *_, seeds, failure = found.warnings
  assert "higher than for a new specimen" in first
  assert seeds.endswith("over micrographs, not over trainings")
  assert failure.endswith("failed and is left out: the loss was not finite")
  assert not any("its figures say little" in w for w in found.warnings)
  lines = markdown_table.write(found).splitlines()
  assert lines[0].startswith("2 folds by micrograph, seed 0, 2 epochs")
  assert "bootstrap over micrographs" in lines[0]
  row = next(line for line in lines if "paper's own: EANet" in line)
  header = next(line for line in lines if line.startswith("| system"))
  assert "specimens right" not in header
  named = dict(zip(header.split(" | "), row.split(" | "), strict=True))
  assert named["accuracy"] == "0.986"


def test_operations_that_could_not_be_counted_are_a_dash(collected):
  _, found = collected
  eanet, *others = found.systems
  uncounted = {**eanet, "gflop_per_image": None}
  found = dataclasses.replace(found, systems=[uncounted, *others])
  row = next(
    line
    for line in markdown_table.write(found).splitlines()
    if line.startswith(f"| {eanet['title']} |")
  )
  assert row.split(" | ")[2] == "–"


def test_the_papers_figures_stand_apart(collected):
  paper = entry(collected, "paper: EANet")
  assert paper["kind"] == "paper"
  assert paper["paper"] == {"macro_f1": 0.895, "accuracy": 0.986, "kappa": 0.92}
  assert paper["specimen_split"] is None
  text = markdown_table.write(collected[1])
  row = next(line for line in text.splitlines() if "paper's own: EANet" in line)
  assert row.endswith("| 0.895 | 0.986 | 0.920 |")
  widths = {line.count("|") for line in text.splitlines() if "|" in line}
  assert len(widths) == 1
