"""Systems compared on equal terms: every one on every fold, then a table.

Takes a configuration with `systems` (see configs/compare.py) and a workdir,
leaves a finished run of each system, fold and seed below WORKDIR/runs,
comparison.json, comparison.md and report.html. What is done is not done again.
"""

import dataclasses
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections

from eanet_jax import (
  baselines,
  console,
  errors,
  experiment,
  report,
  results,
  settings,
  standings,
)
from eanet_jax.data import dataset
from eanet_jax.models import systems

FILE = "comparison.json"
_FEW_SPECIMENS = 5

# Table III of the paper: other images, split by image.
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
    fold, seed: of the run.
    config: whole, as a run by itself would have it.
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


def run(config: Any, workdir: str | pathlib.Path) -> int:
  """Runs or resumes a comparison; returns the exit code, 1 if a run failed.

  Args:
    config: merged ConfigDict, see configs/compare.py.
    workdir: everything the comparison writes goes here.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked for it.
  """
  workdir = pathlib.Path(workdir).expanduser()
  begun = time.monotonic()
  runs = plan(config, workdir)
  done = {each: experiment.finished(each.config, each.folder) for each in runs}
  waiting = [each for each in runs if not done[each]]
  console.say(
    f"{len(runs)} runs of {len({r.system for r in runs})} systems,"
    f" {len(runs) - len(waiting)} of them done"
  )
  failed = _train(waiting, done) if waiting else {}
  finished = {each: result for each, result in done.items() if result}
  if not finished:
    raise errors.UserError("; ".join(failed.values()))
  if jax.process_index() == 0:
    comparison = collect(config, finished)
    comparison["warnings"] += [
      f"{each} failed and is left out: {why}" for each, why in failed.items()
    ]
    comparison["wall_time_s"] = sum(r["wall_time_s"] for r in finished.values())
    results.write_json(workdir / FILE, comparison)
    table = standings.markdown(comparison)
    results.write_text(workdir / "comparison.md", table + "\n")
    console.say(f"\n{table}\n")
    minutes = (time.monotonic() - begun) / 60
    console.say(f"{minutes:.1f} minutes; report: {report.write(workdir)}")
  return 1 if failed else 0


def plan(config: Any, workdir: pathlib.Path) -> list[Run]:
  """Returns every run of a comparison, each with a valid configuration.

  Raises:
    UserError: a field that cannot be used.
  """
  settings.validate_comparison(config)
  compare, shared = config.compare, config.to_dict()
  of_system = shared.pop("systems")
  del shared["compare"]
  runs = []
  # Folds outermost: when it is stopped early, all systems have as many.
  for by, folds in (
    ("specimen", compare.folds),
    ("micrograph", compare.micrograph_folds),
  ):
    for seed in compare.seeds:
      for fold in range(folds):
        for name in compare.only or of_system:
          tree = dict(shared)
          for group, fields in of_system[name].items():
            tree[group] = {**tree.get(group, {}), **fields}
          tree["train"] = {**tree["train"], "seed": seed}
          tree["split"] = {
            **tree["split"],
            "by": by,
            "folds": compare.folds,
            "fold": fold,
          }
          own = ml_collections.ConfigDict(tree).lock()
          try:
            settings.validate(own)
          except errors.UserError as error:
            raise errors.UserError(f"system {name}: {error}") from None
          folder = workdir / "runs" / f"{by}-{fold}" / f"{name}-seed{seed}"
          runs.append(Run(name, by, fold, seed, own, folder))
  return runs


def _train(waiting: list[Run], done: dict[Run, Any]) -> dict[Run, str]:
  """Trains what waits, puts results into `done`; returns why runs failed."""
  loaded: dict[str, dataset.Dataset] = {}

  def load(each: Run) -> dataset.Dataset:
    key = f"{each.config.dataset} {each.config.split}"
    if key not in loaded:
      loaded[key] = dataset.load(each.config)
    return loaded[key]

  def images(each: Run) -> int:
    data, train = load(each), each.config.train
    steps = -(-len(data.views.of(data.split.train)) // train.batch_size)
    return train.epochs * steps * train.batch_size

  for line in load(waiting[0]).describe():
    if not line.startswith("note:"):  # those are of one fold
      console.say(line)
  failed = {}
  with console.progress(
    total=sum(map(images, waiting)),
    unit="img",
    smoothing=0.02,  # systems differ in speed: the estimate is over many
    disable=jax.process_index() > 0,
  ) as bar:
    for i, each in enumerate(waiting, start=1):
      end = bar.n + images(each)
      label = f"{i}/{len(waiting)} {each}: "
      try:
        done[each] = experiment.train_and_evaluate(
          each.config, each.folder, load(each), bar, label
        )
      except errors.UserError as error:
        failed[each] = str(error)
        console.say(f"{each}: {error}")
        bar.update(end - bar.n)
        continue
      finally:
        jax.clear_caches()  # nothing compiled for this run fits another
      if done[each]:
        scores = done[each]["test"]["micrograph"]
        console.say(
          f"{label}macro F1 {scores['macro_f1']:.3f}, accuracy"
          f" {scores['accuracy']:.3f}, {done[each]['wall_time_s']:.0f} s"
        )
  return failed


def collect(config: Any, finished: Mapping[Run, Any]) -> dict[str, Any]:
  """Returns what comparison.json holds, of finished runs.

  A system that lacks a run that another has is compared on no fold: its
  figures would be of other specimens.
  """
  first = next(iter(finished.values()))
  compare, names = (
    config.compare,
    list(dict.fromkeys(r.system for r in finished)),
  )
  of_split = {
    by: _pooled(
      [each for each in finished if each.by == by],
      names,
      first["class_names"],
      config.evaluation.bootstrap_resamples,
    )
    for by in ("specimen", "micrograph")
  }
  pooled = of_split["specimen"]
  reference = pooled.get(compare.reference)
  entries = [
    _network(name, [each for each in finished if each.system == name], finished)
    for name in names
  ]
  entries += [
    {"name": name, "title": title, "kind": "baseline"}
    for name, title in results.BASELINES.items()
  ]
  for entry in entries:
    name = entry["name"]
    for by, found in of_split.items():
      own = found.get(name)
      entry[f"{by}_split"] = own.as_json() if own else None
    entry["difference"] = None
    if reference and name in pooled and name != compare.reference:
      entry["difference"] = pooled[name].minus(reference)
  entries += [
    {"name": f"paper: {name}", "title": name, "kind": "paper", "paper": scores}
    | {"specimen_split": None, "micrograph_split": None, "difference": None}
    for name, scores in _PAPER.items()
  ]
  return {
    "reference": compare.reference,
    "class_names": first["class_names"],
    "dataset": first["dataset"],
    "folds": compare.folds,
    "micrograph_folds": compare.micrograph_folds,
    "seeds": list(compare.seeds),
    "epochs": config.train.epochs,
    "batch_size": config.train.batch_size,
    "device": first["device"],
    "versions": first["versions"],
    "warnings": _warnings(config, finished, pooled),
    "systems": entries,
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


def _pooled(runs, names, class_names, resamples):
  """standings.Pooled by name, baselines too, of one kind of split."""
  keys = {(each.fold, each.seed) for each in runs}
  of_system = {
    name: {(r.fold, r.seed): r for r in runs if r.system == name}
    for name in names
  }
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


def _network(name, runs, finished) -> dict[str, Any]:
  """What is known of a system but for its scores."""
  own = [finished[each] for each in runs]

  def mean(field):
    values = [result[field] for result in own if result[field] is not None]
    return sum(values) / len(values) if values else None

  return {
    "name": name,
    "title": systems.title(runs[0].config.model.to_dict()),
    "kind": "network",
    "parameters": own[0]["parameters"],
    "gflop_per_image": own[0]["gflop_per_image"],
    "images_per_s": mean("images_per_s"),
    "inference_images_per_s": mean("inference_images_per_s"),
    "curves": [
      {"fold": each.fold, "seed": each.seed, **results.history(each.folder)}
      for each in runs
      if each.by == "specimen"
    ],
  }


def _warnings(config, finished, pooled) -> list[str]:
  """What a reader of the table must know."""
  specimens: dict[str, set[str]] = {}
  for result in finished.values():
    for each in result["per_specimen"]:
      specimens.setdefault(each["class"], set()).add(each["specimen"])
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
      "one seed: the intervals are over specimens, not over trainings"
    )
  return warnings
