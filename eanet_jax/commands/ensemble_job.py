"""An ensemble: a network for each fold, and what all of them make together.

Takes a settled configuration and a workdir, gives results. The members are runs
like any other, below WORKDIR/folds: one that is finished is not trained again.
"""

import contextlib
import dataclasses
import pathlib
import time

import jax
import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.commands import training_job
from eanet_jax.configuration import config_tree
from eanet_jax.data import dataset, splits
from eanet_jax.evaluation import calibration, ensemble_results, run_results
from eanet_jax.inference import forward_pass
from eanet_jax.models import ensemble
from eanet_jax.runtime import console, sharding, versions, wording
from eanet_jax.training import choosing
from eanet_jax.workdir import (
  checkpoints,
  config_json,
  left_out_csv,
  lock,
  remarks_csv,
  restore,
  results_json,
  run_meta,
)

FOLDER = "folds"


def train_and_evaluate(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> results_json.RunResults | None:
  """Returns the results of an ensemble, after writing what is in its workdir.

  In a job of several processes all call this, and the first gets the results.

  Args:
    config: as `training_job.settled` gives it, of an ensemble.
    workdir: a new one, or that of this run to resume.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked the run to stop.
  """
  folds, begun = config.split.folds, time.monotonic()
  parts: list[splits.Split] = []
  results: list[results_json.RunResults] = []
  data: dataset.Dataset | None = None
  for fold in range(folds):
    own = choosing.of_member(config, fold)
    of_fold, objective = training_job.load(own)
    if data is None:
      data = _everything(of_fold)
      for line in data.describe(str(workdir / left_out_csv.FILE)):
        console.say(line)
    parts.append(of_fold.split)
    console.say(f"fold {fold + 1} of {folds}: {_tested(of_fold)}")
    folder = workdir / FOLDER / str(fold)
    done = training_job.finished(own, folder)
    if done is None:
      done = training_job.train_and_evaluate(own, folder, of_fold, objective)
    if isinstance(done, results_json.RunResults):
      results.append(done)
  assert data is not None  # there are at least two folds
  try:
    with contextlib.ExitStack() as stack:
      if jax.process_index() == 0:
        stack.enter_context(lock.held(workdir))
        left_out_csv.write(workdir, data.views.skipped, data.views.unmatched)
        remarks_csv.write(workdir, data.views.remarks)
        config_json.write(workdir, config)
      trained, meta = _assembled(config, workdir, data, folds)
      before = sum(each.wall_time_s for each in results)
      trained = dataclasses.replace(
        trained, wall_time_s=lambda: before + time.monotonic() - begun
      )
      found = ensemble_results.answer(trained, parts)
      calibrated = calibration.of_folds(found.answered, found.folds)
      variables = ensemble_results.completed(
        trained.variables, found, calibrated
      )
      saved = stack.enter_context(checkpoints.Checkpoints(workdir))
      saved.save(variables, {"step": np.zeros((), np.int32)}, meta)
      saved.wait()
      result = ensemble_results.results(trained, parts, found, calibrated)
      if result is not None:
        training_job.keep(workdir, result)
      return result
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --workdir={workdir}: {errors.reason(error)}"
    ) from None


def _everything(of_fold: dataset.Dataset) -> dataset.Dataset:
  """The data set of a fold, all of it to train on and to test."""
  everything = np.arange(len(of_fold.views.labels))
  split = dataclasses.replace(
    of_fold.split,
    train=everything,
    validation=everything[:0],
    test=everything,
    warnings=(),
  )
  return dataclasses.replace(of_fold, split=split)


def _tested(data: dataset.Dataset) -> str:
  if data.split.by == "micrograph":
    count = wording.count(len(data.split.test), "micrograph")
    return f"trained without {count}"
  tested = sorted({data.views.specimens[i] for i in data.split.test})
  return f"trained without {wording.listed(tested, 8)}"


def _assembled(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  data: dataset.Dataset,
  folds: int,
) -> tuple[run_results.FinishedTraining, run_meta.RunMeta]:
  """The members put together, and what a checkpoint says of them."""
  mesh = sharding.data_mesh()
  members = [
    restore.restore(workdir / FOLDER / str(fold), mesh) for fold in range(folds)
  ]
  variables = ensemble.stack([each.variables for each in members])
  first = members[0]
  assert not isinstance(first.model, ensemble.Ensemble)
  forward = forward_pass.ForwardPass(
    ensemble.Ensemble(first.model, folds),
    data.mean,
    data.std,
    config.evaluation.batch_size,
    mesh,
  )
  parameters = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
  trained = run_results.FinishedTraining(
    config=config,
    workdir=workdir,
    data=data,
    forward=forward,
    variables=variables,
    mesh=mesh,
    parameters=parameters,
    best_epoch=0,
    history=(),
    images_per_s=None,
    wall_time_s=lambda: 0.0,
  )
  meta = run_meta.RunMeta(
    step=0,
    config=config_tree.as_json(config),
    class_names=data.views.class_names,
    outputs=first.meta.outputs,
    mean=data.mean,
    std=data.std,
    data_digest=data.digest,
    history=(),
    score=None,
    wall_time_s=0.0,
    versions=versions.installed(),
  )
  return trained, meta
