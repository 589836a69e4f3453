"""Trains and evaluates a network, or compares several: the door for jobs.

  python launch.py --config configs/eanet.py
  python launch.py --config configs/compare.py:laptop
  python launch.py --config configs/eanet.py:single_head --workdir runs/literal
  python launch.py --config configs/eanet.py --config.train.epochs=10 \\
    --config.dataset.source=folder --config.dataset.path=my_micrographs

The same command again resumes an unfinished run, and shows the results of a
finished one. Every field of a configuration can be set on the command line, as
--config.group.field=value; --help tells what each means. Compiled programs are
kept in ~/.cache/eanet_jax; the variable EANET_COMPILATION_CACHE names another
folder, or off.
"""

import sys

from absl import flags

from eanet_jax.configuration import command_line
from eanet_jax.runtime import console, peers

_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder of the run. [runs/<name of the config>]"
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator",
  None,
  "host:port of process 0 of a job of several processes, or auto where the"
  " cluster tells (TPU pod, Slurm, MPI).",
)
_NUM_PROCESSES = flags.DEFINE_integer(
  "num_processes", None, "Processes of the job, with --coordinator=host:port."
)
_PROCESS_ID = flags.DEFINE_integer(
  "process_id", None, "Of this process, from 0, with --coordinator=host:port."
)
_JOIN_TIMEOUT_S = flags.DEFINE_integer(
  "join_timeout_s",
  peers.JOIN_S,
  "How many seconds the processes of a job wait for each other's start.",
)


def main(argv: list[str]) -> int:
  """Parses the command line and runs the job; returns the exit code."""
  config, name = command_line.parse(argv, __doc__)

  peers.join(
    _COORDINATOR.value,
    _NUM_PROCESSES.value,
    _PROCESS_ID.value,
    _JOIN_TIMEOUT_S.value,
  )
  if "systems" in config:
    from eanet_jax.commands import comparison_job

    run = comparison_job.run
  else:
    from eanet_jax.commands import main_job

    run = main_job.run
  return run(config, _WORKDIR.value or f"runs/{name}")


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
