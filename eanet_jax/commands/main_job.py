"""The main job: choose what is left to choose, train, evaluate, write results.

Takes a configuration and a workdir, gives an exit code.
"""

import pathlib

import ml_collections

from eanet_jax.commands import cross_validation_job, training_job
from eanet_jax.data import dataset
from eanet_jax.reporting import console_tables, html_pages
from eanet_jax.runtime import console
from eanet_jax.training import choosing
from eanet_jax.workdir import left_out_csv, results_json


def run(config: ml_collections.ConfigDict, workdir: str | pathlib.Path) -> int:
  """Runs or resumes the job of a workdir; returns the exit code.

  Args:
    config: merged ConfigDict, see configs/default.py.
    workdir: everything the run writes goes here.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked the run to stop.
  """
  workdir = pathlib.Path(workdir).expanduser()
  training_job.check(config)
  config = training_job.settled(config, workdir)
  result = training_job.finished(config, workdir)
  if result:
    console.say(f"{workdir} is finished; another --workdir starts a new run")
    with html_pages.malformed_is_told(workdir):
      told = console_tables.summary(result, workdir)
  else:
    result = train_and_evaluate(config, workdir)
    told = console_tables.summary(result, workdir) if result else ""
  if told:
    console.say(told)
  return 0


def train_and_evaluate(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> results_json.Results | None:
  """Returns the results, after writing all that is in the workdir.

  In a job of several processes all call this, and the first gets the results.

  Args:
    config: as `training_job.settled` gives it.
    workdir: a new one, or that of this run to resume.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked the run to stop.
  """
  if _keeps_folds(config):
    return cross_validation_job.train_and_evaluate(config, workdir)
  data, objective = training_job.load(config)
  for line in data.describe(str(workdir / left_out_csv.FILE)):
    console.say(line)
  return training_job.train_and_evaluate(config, workdir, data, objective)


def data_of(config: ml_collections.ConfigDict) -> dataset.Dataset:
  """Returns the data set that the checkpoints of a settled run are of.

  Raises:
    UserError: a source, path or split cannot be used.
  """
  if _keeps_folds(config):
    of_fold, _ = training_job.load(choosing.of_fold(config, 0))
    return cross_validation_job.everything(of_fold)
  return training_job.load(config)[0]


def _keeps_folds(config: ml_collections.ConfigDict) -> bool:
  """Whether a run trains all folds; each of them has a number of its own."""
  return config.split.cross_validate and config.split.fold < 0
