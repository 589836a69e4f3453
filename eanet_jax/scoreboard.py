"""The table of a comparison: comparison.json and comparison.md.

Takes the finished runs of systems over folds and seeds, gives their scores,
costs and differences side by side.
"""

import collections
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from eanet_jax import baselines, results, standings
from eanet_jax.data import splits
from eanet_jax.models import systems

_FEW_SPECIMENS = 5

# The paper's table of results: other images, split by image.
_PAPER = {
  "EANet": {"macro_f1": 0.895, "accuracy": 0.986, "kappa": 0.92},
  "VGG + Attention": {"macro_f1": 0.845, "accuracy": 0.945, "kappa": 0.89},
  "VGG": {"macro_f1": 0.813, "accuracy": 0.912, "kappa": 0.85},
}


def collect(config: Any, finished: Mapping[Any, Any]) -> dict[str, Any]:
  """Returns what comparison.json holds, of finished runs.

  A system that lacks a run that another has is compared on no fold: its
  figures would be of other specimens.

  Args:
    config: of the comparison.
    finished: results by `comparison.Run`.
  """
  first, compare = next(iter(finished.values())), config.compare
  pooled = {
    by: _pooled(
      [each for each in finished if each.by == by],
      first["class_names"],
      config.evaluation.bootstrap_resamples,
    )
    for by in ("specimen", "micrograph")
  }
  main = config.split.by
  return {
    "reference": compare.reference,
    "class_names": first["class_names"],
    "dataset": first["dataset"],
    "split_by": main,
    "folds": compare.folds,
    "micrograph_folds": compare.micrograph_folds * (main == "specimen"),
    "intervals_over": _intervals_over(pooled[main]),
    "seeds": list(compare.seeds),
    "epochs": config.train.epochs,
    "batch_size": config.train.batch_size,
    "device": first["device"],
    "versions": first["versions"],
    "warnings": _warnings(config, finished, pooled[main]),
    "systems": _entries(config, finished, pooled),
    "runs": [
      {
        "system": each.system,
        "split": each.by,
        "fold": each.fold,
        "seed": each.seed,
        "workdir": str(each.folder),
        "accuracy": result["test"]["micrograph"]["accuracy"],
        "macro_f1": result["test"]["micrograph"]["macro_f1"],
      }
      for each, result in finished.items()
    ],
  }


def _entries(config, finished, pooled) -> list[dict[str, Any]]:
  """One entry for each network, baseline and row of the paper."""
  main = pooled[config.split.by]
  of_system: dict[str, list] = {}
  for each in finished:
    of_system.setdefault(each.system, []).append(each)
  entries = [
    _network(runs, finished, config.split.by) for runs in of_system.values()
  ]
  titles = collections.Counter(entry["title"] for entry in entries)
  for entry in entries:
    if titles[entry["title"]] > 1:  # they differ in more than the network
      entry["title"] = f"{entry['name']}: {entry['title']}"
  entries += [
    {"name": name, "title": title, "kind": "baseline"}
    for name, title in results.BASELINES.items()
  ]
  for entry in entries:
    for by, found in pooled.items():
      own = found.get(entry["name"])
      entry[f"{by}_split"] = own.as_json() if own else None
      if own:
        entry[f"{by}_split"] |= _tiles(entry, by, finished)
    entry["difference"] = None
    own, other = main.get(entry["name"]), main.get(config.compare.reference)
    if own and other and own is not other:
      entry["difference"] = own.minus(other)
  return entries + [
    {"name": f"paper: {name}", "title": name, "kind": "paper", "paper": scores}
    | {"specimen_split": None, "micrograph_split": None, "difference": None}
    for name, scores in _PAPER.items()
  ]


def _tiles(entry, by, finished) -> dict[str, Any]:
  """The share of tiles that are right; {} where micrographs are whole."""
  name, is_baseline = entry["name"], entry["kind"] == "baseline"
  # By fold and seed: a baseline's is the same in the runs of every system.
  levels = {
    (each.fold, each.seed): (
      result["baselines"][name] if is_baseline else result["test"]
    )
    for each, result in finished.items()
    if each.by == by and (is_baseline or each.system == name)
  }
  if not all("tile" in level for level in levels.values()):
    return {}
  counts = sum(
    np.asarray(level["tile"]["confusion_matrix"]) for level in levels.values()
  )
  share = float(np.trace(counts) / counts.sum())
  return {"tile_accuracy": {"mean": share, "interval_95": None, "folds": []}}


def _pooled(runs, class_names, resamples):
  """standings.Pooled by name, baselines too, of one kind of split."""
  keys = {(each.fold, each.seed) for each in runs}
  of_system: dict[str, dict] = {}
  for each in runs:
    of_system.setdefault(each.system, {})[each.fold, each.seed] = each
  whole = {name: own for name, own in of_system.items() if own.keys() == keys}
  if not (keys and whole):
    return {}

  def pool(own, file):
    predictions = {
      key: standings.read(each.folder / file, class_names)
      for key, each in own.items()
    }
    return standings.pool(predictions, len(class_names), resamples)

  found = {
    name: pool(own, "test_predictions.csv") for name, own in whole.items()
  }
  any_system = next(iter(whole.values()))
  for name in results.BASELINES:  # the same whatever the system and the seed
    own = {k: r for k, r in any_system.items() if k[1] == min(keys)[1]}
    found[name] = pool(own, f"test_predictions_{name}.csv")
  return found


def _network(runs, finished, main: str) -> dict[str, Any]:
  """What is known of a system but for its scores; curves of the main split."""
  own = [finished[each] for each in runs]

  def median(field):  # what else the machine did in one run does not show
    values = [result[field] for result in own if result[field] is not None]
    return statistics.median(values) if values else None

  return {
    "name": runs[0].system,
    "title": systems.title(runs[0].config.model.to_dict()),
    "kind": "network",
    "parameters": own[0]["parameters"],
    "gflop_per_image": own[0]["gflop_per_image"],
    "images_per_s": median("images_per_s"),
    "inference_images_per_s": median("inference_images_per_s"),
    "curves": [
      {"fold": each.fold, "seed": each.seed, **results.history(each.folder)}
      for each in runs
      if each.by == main
    ],
  }


def _intervals_over(pooled) -> str:
  """What the intervals of all systems are over."""
  units = {each.unit for each in pooled.values()}
  return f"{units.pop()}s" if units else "specimens"


def _warnings(config, finished, pooled) -> list[str]:
  """What a reader of the table must know."""
  specimens: dict[str, set[str]] = {}
  for result in finished.values():
    for each in result["per_specimen"]:
      specimens.setdefault(each["class"], set()).add(each["specimen"])
  if config.split.by == "micrograph":
    warnings = [splits.LEAKAGE]
  else:
    warnings = [
      f"class {name} has {len(own)} specimens: its figures say little about the"
      " next one"
      for name, own in sorted(specimens.items())
      if len(own) < _FEW_SPECIMENS
    ]
  if "grey" in pooled:
    shortcut = baselines.shortcut_warning(pooled["grey"].scores, len(specimens))
    warnings += [shortcut] if shortcut else []
  if len(config.compare.seeds) == 1:
    warnings.append(
      f"one seed: the intervals are over {_intervals_over(pooled)}, not over"
      " trainings"
    )
  return warnings


_BY_IMAGE = ("macro_f1", "accuracy", "kappa")


def markdown(comparison: Mapping[str, Any]) -> str:
  """Returns the table of a comparison, as comparison.md has it."""
  main, by_image = comparison["split_by"], comparison["micrograph_folds"] > 0
  header = ["system", "parameters", "GFLOP", "train/s", "infer/s"]
  header += ["macro F1", "accuracy", "kappa", "precision", "recall"]
  header += [f"F1 - {comparison['reference']}"]
  means = {"specimens right": "specimen_accuracy"}
  if comparison["intervals_over"] == "micrographs":  # no specimen is known
    means = {}
  if comparison["dataset"]["view"] == "tiles":
    means["tiles right"] = "tile_accuracy"
  header += means
  if by_image:
    header += ["by image: F1", "accuracy", "kappa"]
  seeds = ", ".join(map(str, comparison["seeds"]))
  lines = [
    f"{comparison['folds']} folds by {main}, seed {seeds},"
    f" {comparison['epochs']} epochs, {comparison['dataset']['image_px']} px."
    f" 95 % intervals: bootstrap over {comparison['intervals_over']}, all folds"
    " pooled.",
    "",
    "| " + " | ".join(header) + " |",
    "|" + "---|" * len(header),
  ]
  for entry in comparison["systems"]:
    if entry["kind"] == "paper":
      figures = [_number(entry["paper"][name]) for name in _BY_IMAGE]
      if by_image:
        cells = ["–"] * (10 + len(means)) + figures
      elif main == "micrograph":
        cells = ["–"] * 4 + figures + ["–"] * (3 + len(means))
      else:  # they have no column
        continue
      cells.insert(0, f"the paper's own: {entry['title']}")
    else:
      own = entry[f"{main}_split"]
      cells = [entry["title"], *_cost(entry), *_figures(entry, own)]
      cells += [
        _number(own[name]["mean"]) if own else "–" for name in means.values()
      ]
      if by_image:
        cells += [_score(entry["micrograph_split"], n) for n in _BY_IMAGE]
    lines.append("| " + " | ".join(cells) + " |")
  lines += ["", *[f"- {warning}" for warning in comparison["warnings"]]]
  return "\n".join(lines).strip()


def _cost(entry) -> list[str]:
  if entry["kind"] != "network":
    return ["–"] * 4
  speeds = (entry["images_per_s"], entry["inference_images_per_s"])
  return [
    f"{entry['parameters']:,}",
    f"{entry['gflop_per_image']:.3f}",
    *("–" if speed is None else f"{speed:.0f}" for speed in speeds),
  ]


def _figures(entry, scores) -> list[str]:
  shown = ("macro_f1", "accuracy", "kappa", "macro_precision", "macro_recall")
  return [
    *(_score(scores, name) for name in shown),
    _score(entry["difference"], "macro_f1", "+.3f"),
  ]


def _score(scores, name: str, form: str = ".3f") -> str:
  if not scores:
    return "–"
  text = f"{scores[name]['mean']:{form}}"
  if scores[name]["interval_95"]:
    low, high = scores[name]["interval_95"]
    text += f" [{low:{form}}, {high:{form}}]"
  return text


def _number(value: float) -> str:
  return f"{value:.3f}"
