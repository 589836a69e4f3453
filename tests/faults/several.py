"""Runs several commands in one process; see `program.run_several`.

Takes a JSON list of argument lists, of launch.py or eanet, on standard input;
prints a JSON list of [exit code, standard output, standard error].
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import conftest
import jax

jax.config.update("jax_num_cpu_devices", 1)  # as in the other faults


def main() -> None:
  """Runs each command."""
  found = []
  for command in json.load(sys.stdin):
    if "eanet" in command:
      arguments = command[command.index("eanet") + 1 :]
      done = conftest.eanet(*arguments)
    else:
      done = conftest.script(*command)
    found.append([done.returncode, done.stdout, done.stderr])
    jax.clear_caches()
  print(json.dumps(found))


if __name__ == "__main__":
  main()
