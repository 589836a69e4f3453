"""Systems compared on equal terms: each of them on every fold, then a table.

Takes a configuration with `systems` (see configs/compare.py) and a workdir,
leaves a finished run of each system, fold and seed below WORKDIR/runs,
comparison.json, comparison.md and report.html. Finished runs are not repeated.
"""

import dataclasses
import itertools
import pathlib
import time

import jax
import ml_collections

from eanet_jax import errors
from eanet_jax.commands import training_job
from eanet_jax.configuration import comparison_rules
from eanet_jax.data import batching, dataset
from eanet_jax.evaluation import comparison_results
from eanet_jax.reporting import html_pages, markdown_table
from eanet_jax.runtime import atomic_files, console, progress, shards
from eanet_jax.training import objectives
from eanet_jax.workdir import (
  checksums_json,
  comparison_json,
  left_out_csv,
  results_json,
)


def run(config: ml_collections.ConfigDict, workdir: str | pathlib.Path) -> int:
  """Runs or resumes a comparison; returns the exit code, 1 if a run failed.

  Args:
    config: merged ConfigDict, see configs/compare.py.
    workdir: everything the comparison writes goes here.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked the run to stop.
  """
  workdir = pathlib.Path(workdir).expanduser()
  begun = time.monotonic()
  planned = plan(config, workdir)
  own = _of_shard(planned, config.compare.shard)
  runs = [_settled(each) for each in own]
  done = {
    each: training_job.finished(each.config, each.folder) for each in runs
  }
  waiting = [each for each in runs if not done[each]]
  console.say(
    f"{len(planned)} runs of {len({each.system for each in planned})} systems,"
    f" {f'{len(runs)} in shard {config.compare.shard}, ' * (own != planned)}"
    f"{len(runs) - len(waiting)} of them done"
  )
  failed = _train(waiting, done) if waiting else {}
  console.say(f"{(time.monotonic() - begun) / 60:.1f} minutes")
  if jax.process_index() == 0:
    for each in planned:
      if each not in own and (result := _finished_elsewhere(each)):
        done[each] = result
    place = {each.folder: i for i, each in enumerate(planned)}
    finished = {
      each: result
      for each in sorted(done, key=lambda each: place[each.folder])
      if isinstance(result := done[each], results_json.RunResults)
    }
    missing = len(planned) - len(failed) - sum(map(bool, done.values()))
    if missing:
      console.say(
        f"{len(finished)} of {len(planned)} runs are done in {workdir}:"
        f" {missing} of other shards are not. The table is made by whichever"
        " shard finds all done, or by the same command without a shard, once"
        " all are there"
      )
    elif not finished:
      raise errors.UserError("no run could be finished")
    else:
      _write(comparison_results.collect(config, finished, failed), workdir)
  return 1 if failed else 0


def _settled(each: comparison_results.Run) -> comparison_results.Run:
  """The run with nothing left to choose."""
  settled = training_job.settled(each.config, each.folder)
  return dataclasses.replace(each, config=settled)


def _finished_elsewhere(
  each: comparison_results.Run,
) -> results_json.Results | None:
  """The results of another shard's run, None if it is not finished."""
  if results_json.read(each.folder) is None:
    return None  # nothing is chosen for it here
  config = _settled(each).config
  return training_job.finished(config, each.folder, report=False)


def _of_shard(
  runs: list[comparison_results.Run], shard: str
) -> list[comparison_results.Run]:
  """Every n-th run, but of each n in a row another one.

  Systems take turns among the runs: where there are n of them, one shard would
  get all runs of the slowest.
  """
  part = shards.parse(shard)
  if part is None:
    return runs
  number, of = part
  return [
    each for i, each in enumerate(runs) if (i + i // of) % of == number - 1
  ]


def _write(
  comparison: comparison_json.ComparisonResults, workdir: pathlib.Path
) -> None:
  """Writes and shows the table; shards that end together write the same."""
  checksums_json.remove(workdir)
  comparison_json.write(workdir, comparison)
  checksums_json.write(workdir)
  table = markdown_table.write(comparison)
  atomic_files.write_text(workdir / "comparison.md", table + "\n")
  console.say(f"\n{table}\n")
  console.say(f"report: {html_pages.write(workdir)}")


def plan(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> list[comparison_results.Run]:
  """Returns every run of a comparison, each with a valid configuration.

  Raises:
    UserError: a field cannot be used.
  """
  comparison_rules.validate(config)
  compare, shared = config.compare, config.to_dict()
  of_system = shared.pop("systems")
  del shared["compare"]
  splits = [(config.split.by, compare.folds)]
  if config.split.by == "specimen":
    splits.append(("micrograph", compare.micrograph_folds))
  runs = []
  for by, folds in splits:
    # Systems innermost: stopped early, all of them have about as many runs.
    for seed, fold, name in itertools.product(
      compare.seeds, range(folds), compare.only or of_system
    ):
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
        training_job.check(whole)
      except errors.UserError as error:
        raise errors.UserError(f"system {name}: {error}") from None
      folder = workdir / "runs" / f"{by}-{fold}" / f"{name}-seed{seed}"
      runs.append(comparison_results.Run(name, by, fold, seed, whole, folder))
  return runs


def _train(
  waiting: list[comparison_results.Run],
  done: dict[comparison_results.Run, results_json.Results | None],
) -> dict[comparison_results.Run, str]:
  """Trains the waiting runs into `done`; returns why each failed run failed."""
  loaded: dict[str, tuple[dataset.Dataset, objectives.Objective]] = {}

  def load(
    each: comparison_results.Run,
  ) -> tuple[dataset.Dataset, objectives.Objective]:
    own = each.config
    key = f"{own.dataset} {own.split} {own.loss}"
    if key not in loaded:
      loaded[key] = training_job.load(own)
    return loaded[key]

  def images(each: comparison_results.Run) -> int:
    (data, _), train = load(each), each.config.train
    views = len(data.views.of(data.split.train))
    steps = batching.steps_per_epoch(views, train.batch_size)
    return train.epochs * steps * train.batch_size

  first = waiting[0]
  console.say(f"{first}:")
  listed = first.folder / left_out_csv.FILE
  for line in load(first)[0].describe(str(listed)):
    console.say(line)
  failed = {}
  shown: progress.Progress[None] = console.progress(
    total=sum(map(images, waiting)),
    unit="image",
    disable=jax.process_index() > 0,
  )
  with shown as bar:
    for i, each in enumerate(waiting, start=1):
      end = bar.done + images(each)
      label = f"{i}/{len(waiting)} {each}: "
      bar.begin(f"{label}compiling")
      try:
        result = training_job.train_and_evaluate(
          each.config, each.folder, *load(each), bar, label
        )
      except errors.UserError as error:
        failed[each] = str(error)
        console.say(f"{each}: {error}")
        bar.skip(end - bar.done)
        continue
      finally:
        jax.clear_caches()  # nothing compiled for this run fits another
      if isinstance(result, results_json.RunResults):
        done[each] = result
        scores = result.test["micrograph"]
        console.say(
          f"{label}macro F1 {scores['macro_f1']:.3f}, accuracy"
          f" {scores['accuracy']:.3f}, {result.wall_time_s:.0f} s"
        )
  return failed
