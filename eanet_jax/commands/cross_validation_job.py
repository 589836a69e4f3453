"""A cross-validation: a network for each fold, and the classifier that is kept.

Takes a settled configuration and a workdir, gives results. The folds are runs
like any other, below WORKDIR/folds: one that is finished is not trained again.
"""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable

import jax
import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.commands import training_job
from eanet_jax.configuration import config_tree
from eanet_jax.data import dataset, splits
from eanet_jax.evaluation import (
  calibration,
  cross_validated_results,
  run_results,
)
from eanet_jax.inference import forward_pass
from eanet_jax.models import ensemble
from eanet_jax.runtime import console, pytrees, sharding, versions, wording
from eanet_jax.training import choosing, objective_discriminant, objectives
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
  """Returns the results of all folds, after writing what is in the workdir.

  In a job of several processes all call this, and the first gets the results.

  Args:
    config: as `training_job.settled` gives it, of a cross-validation.
    workdir: a new one, or that of this run to resume.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked the run to stop.
  """
  folds = config.split.folds
  parts: list[splits.Split] = []
  results: list[results_json.RunResults] = []
  data: dataset.Dataset | None = None
  for fold in range(folds):
    own = choosing.of_fold(config, fold)
    of_fold, objective = training_job.load(own)
    if data is None:
      data = everything(of_fold)
      for line in data.describe(str(workdir / left_out_csv.FILE)):
        console.say(line)
    parts.append(of_fold.split)
    console.say(f"fold {fold + 1} of {folds}: {_tested(of_fold)}")
    folder = workdir / FOLDER / str(fold)
    # `eanet report` makes the page of a fold for those who want it.
    done = training_job.finished(own, folder, report=False)
    if done is None:
      done = training_job.train_and_evaluate(
        own, folder, of_fold, objective, report=False
      )
    if isinstance(done, results_json.RunResults):
      results.append(done)
  assert data is not None  # there are at least two folds
  begun = time.monotonic()
  try:
    with contextlib.ExitStack() as stack:
      if jax.process_index() == 0:
        stack.enter_context(lock.held(workdir))
        left_out_csv.write(workdir, data.views.skipped, data.views.unmatched)
        remarks_csv.write(workdir, data.views.remarks)
        config_json.write(workdir, config)
      before = sum(each.wall_time_s for each in results)
      trained, networks, meta = _assembled(
        config, workdir, data, lambda: before + time.monotonic() - begun
      )
      found = cross_validated_results.answer(trained, networks, parts)
      calibrated = calibration.of_folds(found.answered, found.folds)
      variables = cross_validated_results.completed(
        trained.variables, found, calibrated
      )
      saved = stack.enter_context(checkpoints.Checkpoints(workdir))
      saved.save(variables, {"step": np.zeros((), np.int32)}, meta)
      saved.wait()
      result = cross_validated_results.results(
        trained, networks, parts, found, calibrated
      )
      if result is not None:
        training_job.keep(workdir, result)
      return result
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --workdir={workdir}: {errors.reason(error)}"
    ) from None


def everything(of_fold: dataset.Dataset) -> dataset.Dataset:
  """Returns the data set of a fold, all of it to train on and to test."""
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
  wall_time_s: Callable[[], float],
) -> tuple[
  run_results.FinishedTraining, list[pytrees.Variables], run_meta.RunMeta
]:
  """What is kept, the networks of the folds, and what a checkpoint says.

  What training step by step gives is a matter of chance, so that the mean of
  the folds' networks is kept. A discriminant is not: one that is fitted to all
  specimens knows more than the mean of some that each lack a fifth of them.
  """
  mesh = sharding.data_mesh()
  restored = [
    restore.restore(workdir / FOLDER / str(fold), mesh)
    for fold in range(config.split.folds)
  ]
  first = restored[0]
  assert not isinstance(first.model, ensemble.Ensemble)
  networks = [each.variables for each in restored]
  objective = objectives.choose(config, data)
  members = networks
  if isinstance(objective, objective_discriminant.Discriminant):
    console.say("the classifier that is kept: trained on all of them")
    alone = forward_pass.ForwardPass(
      first.model, data.mean, data.std, config.evaluation.batch_size, mesh
    )
    members = [objective.solve(first.variables, data, alone)]
  variables = ensemble.stack(members)
  forward = forward_pass.ForwardPass(
    ensemble.Ensemble(first.model, len(members)),
    data.mean,
    data.std,
    config.evaluation.batch_size,
    mesh,
  )
  trained = run_results.FinishedTraining(
    config=config,
    workdir=workdir,
    data=data,
    forward=forward,
    variables=variables,
    mesh=mesh,
    parameters=sum(leaf.size for leaf in jax.tree.leaves(variables["params"])),
    best_epoch=0,
    history=(),
    images_per_s=None,
    wall_time_s=wall_time_s,
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
  return trained, networks, meta
