"""Images named on the command line, as files or folders."""

import argparse
import pathlib
import sys
from collections.abc import Sequence


def add(
  parser: argparse.ArgumentParser, *, nargs: str = "+", more: str = ""
) -> None:
  """Adds the PATH arguments.

  Args:
    parser: the verb's.
    nargs: how many; one or more.
    more: of the help.
  """
  parser.add_argument(
    "paths",
    nargs=nargs,
    type=pathlib.Path,
    metavar="PATH",
    help=f"image files, or folders that are searched to any depth{more}",
  )


def expand(paths: Sequence[pathlib.Path]) -> list[pathlib.Path]:
  """Returns the image files; says what else lies in the folders, in one line.

  That goes to the standard error, so that a program that reads the output is
  not disturbed.
  """
  from eanet_jax.data import image_folders
  from eanet_jax.runtime import wording

  left_out: list[str] = []
  files = image_folders.expand(paths, left_out)
  if left_out:
    line = wording.printable(f"left out: {'; '.join(left_out)}")
    print(line, file=sys.stderr)
  return files
