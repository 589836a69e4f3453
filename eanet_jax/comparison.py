"""Systems compared on equal terms: every one on every fold, then a table.

Takes a configuration with `systems` (see configs/compare.py) and a workdir,
leaves a finished run of each system, fold and seed below WORKDIR/runs,
comparison.json, comparison.md and report.html. What is done is not done again.
"""

import dataclasses
import pathlib
import time
from typing import Any

import jax
import ml_collections

from eanet_jax import (
  console,
  errors,
  experiment,
  fields,
  report,
  results,
  scoreboard,
)
from eanet_jax.data import dataset


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
  if jax.process_index() == 0:
    finished = {each: result for each, result in done.items() if result}
    if not finished:
      raise errors.UserError("no run could be finished")
    comparison = scoreboard.collect(config, finished)
    comparison["warnings"] += [
      f"{each} failed and is left out: {why}" for each, why in failed.items()
    ]
    comparison["wall_time_s"] = sum(r["wall_time_s"] for r in finished.values())
    results.write_json(workdir / report.COMPARISON_FILE, comparison)
    table = scoreboard.markdown(comparison)
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
  fields.validate_comparison(config)
  compare, shared = config.compare, config.to_dict()
  of_system = shared.pop("systems")
  del shared["compare"]
  splits = [(config.split.by, compare.folds)]
  if config.split.by == "specimen":
    splits.append(("micrograph", compare.micrograph_folds))
  runs = []
  # Folds outermost: when it is stopped early, all systems have as many.
  for by, folds in splits:
    for seed in compare.seeds:
      for fold in range(folds):
        for name in compare.only or of_system:
          tree = dict(shared)
          for group, own in of_system[name].items():
            tree[group] = {**tree.get(group, {}), **own}
          tree["train"] = {**tree["train"], "seed": seed}
          tree["split"] = {
            **tree["split"],
            "by": by,
            "folds": compare.folds,
            "fold": fold,
          }
          whole = ml_collections.ConfigDict(tree).lock()
          try:
            fields.validate(whole)
          except errors.UserError as error:
            raise errors.UserError(f"system {name}: {error}") from None
          folder = workdir / "runs" / f"{by}-{fold}" / f"{name}-seed{seed}"
          runs.append(Run(name, by, fold, seed, whole, folder))
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
