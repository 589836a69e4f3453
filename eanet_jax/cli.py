"""The command `eanet`: its parser, and which file of commands/ does what."""

import argparse
import sys
from collections.abc import Sequence

from eanet_jax.commands import (
  card,
  certify,
  compare,
  draw,
  evaluate,
  explain,
  export,
  inspect,
  memory,
  pack,
  predict,
  report,
  serve,
  train,
  verify,
  workdir_argument,
)
from eanet_jax.runtime import console

# In the order in which a new user needs them, which --help keeps. Each imports
# what it needs only when it runs, so that --help answers at once.
_VERBS = (
  inspect,
  train,
  predict,
  evaluate,
  explain,
  memory,
  export,
  serve,
  pack,
  card,
  certify,
  verify,
  report,
  compare,
  draw,
)


def main() -> int:
  """Runs the command line; returns the exit code."""
  return console.guarded(_main, sys.argv)


def _main(argv: list[str]) -> int:
  parser = argparse.ArgumentParser(
    prog="eanet",
    description="Trains a network on your own micrographs of steel and"
    " classifies new ones with it.",
    epilog="eanet COMMAND --help says more. Compiled programs are kept in"
    " ~/.cache/eanet_jax; set the variable EANET_COMPILATION_CACHE to another"
    " folder, or to off.",
  )
  parser.add_argument(
    "--version",
    action=_Version,
    nargs=0,
    help="print the versions of eanet_jax, jax and jaxlib",
  )
  commands = parser.add_subparsers(
    dest="command", required=True, metavar="COMMAND", title="commands"
  )
  for verb in _VERBS:
    verb.add(commands)
  arguments = parser.parse_args(argv[1:])
  with workdir_argument.opened(arguments):
    return arguments.run(arguments)


class _Version(argparse.Action):
  """Looks up the versions only when they are asked for."""

  def __call__(
    self,
    parser: argparse.ArgumentParser,
    namespace: argparse.Namespace,
    values: str | Sequence[str] | None,
    option_string: str | None = None,
  ) -> None:
    """Prints them and ends the program."""
    from eanet_jax.runtime import versions

    installed = versions.installed()
    for package in ("eanet_jax", "jax", "jaxlib"):
      print(f"{package} {installed[package]}")
    parser.exit()


if __name__ == "__main__":  # python -m eanet_jax.cli
  sys.exit(main())
