"""One network: build the data, train, evaluate the best, write the results.

Takes a configuration and a workdir, gives results. Other modules do each part;
this one joins them.
"""

import contextlib
import dataclasses
import pathlib

import jax
import ml_collections

from eanet_jax import errors
from eanet_jax.commands import final_figures
from eanet_jax.configuration import field_rules
from eanet_jax.data import dataset
from eanet_jax.evaluation import run_results
from eanet_jax.models import networks
from eanet_jax.reporting import html_pages
from eanet_jax.runtime import console, progress, versions, wording
from eanet_jax.training import (
  choosing,
  metric_writers,
  objectives,
  train_loop,
)
from eanet_jax.workdir import (
  checkpoints,
  checksums_json,
  choice_json,
  config_json,
  left_out_csv,
  lock,
  remarks_csv,
  results_json,
)


def check(config: ml_collections.ConfigDict) -> None:
  """Raises UserError naming the first field whose value cannot be used."""
  field_rules.validate(config)
  objectives.check(config)
  metric_writers.check(config.train.writers)


def settled(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> ml_collections.ConfigDict:
  """Returns a valid configuration with nothing left to choose.

  What is chosen for a workdir is written to it, and stays.

  Raises:
    UserError: a source, path or split cannot be used.
  """
  if choosing.is_settled(config):
    return config
  choice = choice_json.read(workdir)
  if choice is None or choice.asked != config.split.cross_validate:
    choice = choosing.choose(config)
    # That of another configuration's run stays: it will be told of.
    if jax.process_index() == 0 and not (workdir / config_json.FILE).exists():
      _write_choice(workdir, choice)
  for reason in choice.reasons:
    console.say(reason)
  return choosing.apply(config, choice)


def _write_choice(workdir: pathlib.Path, choice: choice_json.Choice) -> None:
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    choice_json.write(workdir, choice)
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --workdir={workdir}: {errors.reason(error)}"
    ) from None


def load(
  config: ml_collections.ConfigDict,
) -> tuple[dataset.Dataset, objectives.Objective]:
  """Returns the data set of a valid configuration, and its objective.

  Raises:
    UserError: a source, path or split cannot be used.
  """
  data = dataset.load(config)
  objective = objectives.choose(config, data)
  split = objective.arrange(data.split)
  return dataclasses.replace(data, split=split), objective


def finished(
  config: ml_collections.ConfigDict, workdir: pathlib.Path, report: bool = True
) -> results_json.Results | None:
  """Returns the results in a workdir, None if its run is not finished.

  A run that was stopped between its results and its report gets its report, if
  it is to have one. One whose micrographs are at another path is not finished
  until they have been found to be the same.

  Raises:
    UserError: the workdir holds a run with another configuration.
  """
  results = results_json.read(workdir)
  saved = (workdir / checkpoints.FOLDER).is_dir()
  if (results or saved) and not config_json.check_same(workdir, config):
    if not saved:
      raise errors.UserError(
        f"{workdir} holds the results of micrographs at another path, and no"
        f" {checkpoints.FOLDER} to compare them by: choose another --workdir"
      )
    return None
  if results and report and jax.process_index() == 0:
    _report(workdir, results)
  return results


def _report(workdir: pathlib.Path, results: results_json.Results) -> None:
  """Writes the report of a finished run, unless it is there."""
  if not isinstance(results, results_json.RunResults):
    return
  if not (workdir / html_pages.FILE).exists():
    html_pages.write(workdir)


def train_and_evaluate(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  data: dataset.Dataset,
  objective: objectives.Objective,
  bar: progress.Progress | None = None,
  label: str = "",
  report: bool = True,
) -> results_json.Results | None:
  """Returns the results of a run, after writing all that is in its workdir.

  In a job of several processes all call this, and the first gets the results.

  Args:
    config: a valid configuration.
    workdir: a new one, or that of this run to resume.
    data, objective: see `load`.
    bar: counts the images trained on, over several runs; None for a bar of this
      run alone.
    label: the run's, on the bar.
    report: whether it is to have one.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked the run to stop.
  """
  devices = jax.device_count()
  if config.train.batch_size % devices:
    raise errors.UserError(
      f"--config.train.batch_size={config.train.batch_size} does not split over"
      f" {devices} devices: take a multiple of {devices}"
    )
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
      if jax.process_index() == 0:
        stack.enter_context(lock.held(workdir))
        left_out_csv.write(workdir, data.views.skipped, data.views.unmatched)
        remarks_csv.write(workdir, data.views.remarks)
      saved = stack.enter_context(checkpoints.Checkpoints(workdir))
      writers = stack.enter_context(
        metric_writers.opened(config.train.writers, workdir)
      )
      training = train_loop.Training(
        config, workdir, data, objective, saved, writers
      )
      if jax.process_index() == 0:
        training.write_overview()
      if bar is None:
        _run_alone(config, training)
      else:
        bar.skip(training.step * config.train.batch_size)
        training.run(bar, label)
      results = objective.results(_best(config, workdir, data, saved, training))
      if results is None or jax.process_index() > 0:
        return None
      keep(workdir, results, report)
      if training.total_steps and writers:
        final_figures.write(writers, config, workdir, results, training.step)
      return results
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --workdir={workdir}: {errors.reason(error)}"
    ) from None


def keep(
  workdir: pathlib.Path, results: results_json.Results, report: bool = True
) -> None:
  """Writes the results of a run, and its report if it is to have one."""
  # A report that is there is of results that were lost: made anew.
  (workdir / html_pages.FILE).unlink(missing_ok=True)
  checksums_json.remove(workdir)
  results_json.write(workdir, results)
  checksums_json.write(workdir)
  if report:
    _report(workdir, results)


def _run_alone(
  config: ml_collections.ConfigDict, training: train_loop.Training
) -> None:
  console.say(
    f"{networks.title(config.model.to_dict())}: {training.parameters:,}"
    f" parameters{' to fit' * bool(training.state.frozen)}, on"
    f" {versions.device()}"
  )
  size = config.train.batch_size
  shown: progress.Progress[None] = console.progress(
    total=training.total_steps * size,
    done=training.step * size,
    unit="image",
    disable=jax.process_index() > 0 or not training.total_steps,
  )
  with shown as bar:
    if training.step < training.total_steps:
      bar.begin("compiling")
      seconds = training.estimate()
      console.say(f"time to train: {wording.duration(seconds)}")
    training.run(bar)


def _best(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  data: dataset.Dataset,
  saved: checkpoints.Checkpoints,
  training: train_loop.Training,
) -> run_results.FinishedTraining:
  """The training with the variables of its best checkpoint."""
  best = saved.restore_best(lambda _: training.state.variables)
  if best is None:
    raise errors.UserError(f"{workdir}: no checkpoint in it can be read")
  variables, meta = best
  # A step that is damaged was passed over, and another's scores are others.
  if training.history.best_step not in (None, meta.step):
    raise errors.UserError(
      f"checkpoint {training.history.best_step} in"
      f" {workdir / checkpoints.FOLDER}, of the best epoch, is damaged or"
      " missing: delete that folder, and the same command trains again to the"
      " same results"
    )
  return run_results.FinishedTraining(
    config=config,
    workdir=workdir,
    data=data,
    forward=training.forward,
    variables=variables,
    mesh=training.mesh,
    parameters=training.parameters,
    best_epoch=meta.step // training.steps_per_epoch,
    history=tuple(training.history.epochs),
    images_per_s=training.clock.images_per_s,
    wall_time_s=lambda: training.clock.wall_time_s,
  )
