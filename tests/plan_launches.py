"""Plans launch.py commands without running them: a line in, a line out.

Each command is parsed as launch.py parses it, in a process of its own as flags
are global. Then every run of it must have a valid configuration, a source with
micrographs and a split of them. Prints a line of JSON for each: [what is wrong
or "", workdir, runs].
"""

import contextlib
import json
import os
import pathlib
import shlex
import sys
import types

import numpy as np

import launch
from eanet_jax import errors
from eanet_jax.commands import comparison_job, main_job, training_job
from eanet_jax.data import cleaning, dataset, sources, view_store
from eanet_jax.runtime import peers
from eanet_jax.training import metric_writers


def views_of(source: sources.Source, *_, **__) -> types.SimpleNamespace:
  """What a split asks of the views that would be built."""
  return types.SimpleNamespace(
    class_names=source.classes,
    labels=np.array([source.classes.index(e.label) for e in source.entries]),
    specimens=[entry.specimen for entry in source.entries],
    files=[entry.file for entry in source.entries],
    copies=(),
    remarks=(),
    numbers={
      name: np.full(len(source.entries), np.nan) for name in cleaning.NUMBERS
    },
  )


def plan(argv: list[str]) -> tuple[str, int]:
  """Returns the workdir and the number of runs of a command.

  Raises:
    UserError: a run could not start.
  """
  found = []
  for job in (main_job, comparison_job):
    job.run = lambda config, workdir: found.append((config, workdir)) or 0
  peers.join = lambda *_: None
  peers.first_process_first = contextlib.nullcontext
  view_store.load = views_of
  metric_writers.check = lambda *_: None  # whatever extras are installed
  sys.argv = argv  # config_flags looks there
  launch.main(argv)
  ((config, workdir),) = found
  if "systems" in config:
    runs = [
      each.config for each in comparison_job.plan(config, pathlib.Path(workdir))
    ]
  else:
    training_job.check(config)
    runs = [config]
  for each in {f"{run.dataset}{run.split}": run for run in runs}.values():
    split = dataset.load(each).split
    if not len(split.train):
      raise errors.UserError("nothing to train on")
  return workdir, len(runs)


def main() -> None:
  """Plans each line of the standard input."""
  for line in sys.stdin:
    sys.stdout.flush()
    if os.fork():
      os.wait()
      continue
    answer = ["", "", 0]
    try:
      answer[1:] = plan(shlex.split(line)[1:])
    except BaseException as error:  # whatever it is, it is of this command
      answer[0] = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
    os._exit(0)


if __name__ == "__main__":
  main()
