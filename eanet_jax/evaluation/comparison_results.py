"""What a comparison's results say: systems side by side, over folds and seeds.

Takes finished runs, gives the contents of comparison.json.
"""

import collections
import dataclasses
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence

import ml_collections

from eanet_jax.data import splits
from eanet_jax.evaluation import baselines, pooled_scores, scoring
from eanet_jax.models import networks
from eanet_jax.workdir import (
  comparison_json,
  history_csv,
  predictions_csv,
  results_json,
)

# The paper's table of results: other images, split by image.
_PAPER = {
  "EANet": {"macro_f1": 0.895, "accuracy": 0.986, "kappa": 0.92},
  "VGG + Attention": {"macro_f1": 0.845, "accuracy": 0.945, "kappa": 0.89},
  "VGG": {"macro_f1": 0.813, "accuracy": 0.912, "kappa": 0.85},
}


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """One system on one fold with one seed.

  Attributes:
    system: its name.
    by: what the split keeps apart, "specimen" or "micrograph".
    fold, seed: the fold it was tested on, and its seed.
    config: complete, as for a run by itself.
    folder: its workdir.
  """

  system: str
  by: str
  fold: int
  seed: int
  config: ml_collections.ConfigDict
  folder: pathlib.Path

  def __str__(self) -> str:
    """What the progress bar calls it."""
    return f"{self.system}, {self.by} fold {self.fold + 1}, seed {self.seed}"


Finished = Mapping[Run, results_json.RunResults]
Pooled = Mapping[str, pooled_scores.Pooled]


def collect(
  config: ml_collections.ConfigDict,
  finished: Finished,
  failed: Mapping[Run, str],
) -> comparison_json.ComparisonResults:
  """Returns what comparison.json holds.

  A system that lacks a run that another has gets no scores: they would be of
  other specimens.

  Args:
    config: the comparison's.
    finished: results of the finished runs, at least one.
    failed: why each of the other runs failed.
  """
  first, compare = next(iter(finished.values())), config.compare
  pooled = {
    by: _pooled(
      [each for each in finished if each.by == by],
      first.class_names,
      config.evaluation.bootstrap_resamples,
    )
    for by in ("specimen", "micrograph")
  }
  main = config.split.by
  warnings = _warnings(config, finished, pooled[main])
  return comparison_json.ComparisonResults(
    reference=compare.reference,
    class_names=first.class_names,
    dataset=first.dataset,
    split_by=main,
    folds=compare.folds,
    micrograph_folds=compare.micrograph_folds * (main == "specimen"),
    intervals_over=_intervals_over(pooled[main]),
    seeds=list(compare.seeds),
    epochs=config.train.epochs,
    batch_size=config.train.batch_size,
    device=first.device,
    versions=first.versions,
    warnings=warnings
    + [f"{run} failed and is left out: {why}" for run, why in failed.items()],
    systems=_entries(config, finished, pooled),
    runs=[
      {
        "system": run.system,
        "split": run.by,
        "fold": run.fold,
        "seed": run.seed,
        "workdir": str(run.folder),
        "accuracy": results.test["micrograph"]["accuracy"],
        "macro_f1": results.test["micrograph"]["macro_f1"],
      }
      for run, results in finished.items()
    ],
    wall_time_s=sum(results.wall_time_s for results in finished.values()),
  )


def _entries(
  config: ml_collections.ConfigDict,
  finished: Finished,
  pooled: Mapping[str, Pooled],
) -> list[comparison_json.System]:
  """One entry for each network, baseline and row of the paper."""
  main = pooled[config.split.by]
  of_system: dict[str, list[Run]] = {}
  for run in finished:
    of_system.setdefault(run.system, []).append(run)
  num_classes = len(next(iter(finished.values())).class_names)
  entries = [
    _network(runs, finished, config.split.by) for runs in of_system.values()
  ]
  titles = collections.Counter(entry["title"] for entry in entries)
  for entry in entries:
    if titles[entry["title"]] > 1:  # they differ in more than the network
      entry["title"] = f"{entry['name']}: {entry['title']}"
  entries += [
    {"name": name, "title": title, "kind": "baseline"}
    for name, title in results_json.baseline_titles(num_classes).items()
  ]
  for entry in entries:
    for by in ("specimen", "micrograph"):
      own = pooled[by].get(entry["name"])
      scores = own.as_json() | _tiles(entry, by, finished) if own else None
      entry["specimen_split" if by == "specimen" else "micrograph_split"] = (
        scores
      )
    entry["difference"] = None
    own, other = main.get(entry["name"]), main.get(config.compare.reference)
    if own and other and own is not other:
      entry["difference"] = own.minus(other)
  papers: list[comparison_json.System] = [
    {
      "name": f"paper: {name}",
      "title": name,
      "kind": "paper",
      "paper": scores,
      "specimen_split": None,
      "micrograph_split": None,
      "difference": None,
    }
    for name, scores in _PAPER.items()
  ]
  return entries + papers


def _tiles(
  entry: comparison_json.System, by: str, finished: Finished
) -> comparison_json.Estimates:
  """The share of tiles that are right; {} if each micrograph is one view."""
  name, is_baseline = entry["name"], entry["kind"] == "baseline"
  # By fold and seed: a baseline's is the same in the runs of every system.
  levels = {
    (run.fold, run.seed): (
      results.baselines[name] if is_baseline else results.test
    )
    for run, results in finished.items()
    if run.by == by and (is_baseline or run.system == name)
  }
  if not all("tile" in level for level in levels.values()):
    return {}
  rows = [
    (true, row)
    for level in levels.values()
    for true, row in level["tile"]["confusion"].items()
  ]
  right = sum(row.get(true, 0) for true, row in rows)
  share = right / sum(sum(row.values()) for _, row in rows)
  return {"tile_accuracy": {"mean": share, "interval_95": None, "folds": []}}


def _pooled(
  runs: Sequence[Run], class_names: Sequence[str], resamples: int
) -> Pooled:
  """Scores of systems and baselines by name, for one kind of split."""
  keys = {(run.fold, run.seed) for run in runs}
  of_system: dict[str, dict[tuple[int, int], Run]] = {}
  for run in runs:
    of_system.setdefault(run.system, {})[run.fold, run.seed] = run
  whole = {name: own for name, own in of_system.items() if own.keys() == keys}
  if not (keys and whole):
    return {}

  def pool(
    own: Mapping[tuple[int, int], Run], baseline: str = ""
  ) -> pooled_scores.Pooled:
    predictions = {
      key: predictions_csv.read_test(run.folder, class_names, baseline)
      for key, run in own.items()
    }
    return pooled_scores.pool(predictions, len(class_names), resamples)

  found = {name: pool(own) for name, own in whole.items()}
  any_system = next(iter(whole.values()))
  for name in results_json.BASELINES:  # the same whatever system and seed
    own = {k: run for k, run in any_system.items() if k[1] == min(keys)[1]}
    found[name] = pool(own, name)
  return found


def _network(
  runs: Sequence[Run], finished: Finished, main: str
) -> comparison_json.System:
  """What is known of a system except its scores; curves of the main split."""
  own = [finished[run] for run in runs]

  def median(values: Iterable[float | None]) -> float | None:
    # So that other work of the machine during one run does not show.
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None

  return {
    "name": runs[0].system,
    "title": networks.title(runs[0].config.model.to_dict()),
    "kind": "network",
    "parameters": own[0].parameters,
    "gflop_per_image": own[0].gflop_per_image,
    "images_per_s": median(each.images_per_s for each in own),
    "inference_images_per_s": median(
      each.inference_images_per_s for each in own
    ),
    "curves": [
      {
        "fold": run.fold,
        "seed": run.seed,
        **history_csv.columns(history_csv.read(run.folder)),
      }
      for run in runs
      if run.by == main
    ],
  }


def _intervals_over(pooled: Pooled) -> str:
  """What the intervals of all systems are over."""
  units = {each.unit for each in pooled.values()}
  return f"{units.pop()}s" if units else "specimens"


def _warnings(
  config: ml_collections.ConfigDict, finished: Finished, pooled: Pooled
) -> list[str]:
  """What a reader of the table must know."""
  specimens: dict[str, set[str]] = {}
  for results in finished.values():
    for each in results.per_specimen:
      specimens.setdefault(each["class"], set()).add(each["specimen"])
  if config.split.by == "micrograph":
    warnings = [splits.LEAKAGE]
  else:
    warnings = scoring.few_specimens(
      {name: len(own) for name, own in specimens.items()}
    )
  if "grey" in pooled:
    shortcut = baselines.shortcut_warning(pooled["grey"].scores, len(specimens))
    warnings += [shortcut] if shortcut else []
  if len(config.compare.seeds) == 1:
    warnings.append(
      f"one seed: the intervals are over {_intervals_over(pooled)}, not over"
      " trainings"
    )
  return warnings
