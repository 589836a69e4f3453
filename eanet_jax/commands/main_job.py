"""The main job: choose what is left to choose, train, evaluate, write results.

Takes a configuration and a workdir, gives an exit code.
"""

import pathlib

import ml_collections

from eanet_jax.commands import cross_validation_job, training_job
from eanet_jax.reporting import console_tables, html_pages
from eanet_jax.runtime import console
from eanet_jax.workdir import left_out_csv


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
    if config.split.cross_validate:
      result = cross_validation_job.train_and_evaluate(config, workdir)
    else:
      data, objective = training_job.load(config)
      for line in data.describe(str(workdir / left_out_csv.FILE)):
        console.say(line)
      result = training_job.train_and_evaluate(config, workdir, data, objective)
    told = console_tables.summary(result, workdir) if result else ""
  if told:
    console.say(told)
  return 0
