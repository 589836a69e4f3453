"""Images named on the command line, as files, folders or tables."""

import argparse
import pathlib
import sys
import typing
from collections.abc import Iterable, Sequence

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import given_files, micrographs


def add(
  parser: argparse.ArgumentParser,
  *,
  tables: bool = False,
  nargs: str = "+",
  more: str = "",
) -> None:
  """Adds the PATH arguments.

  Args:
    parser: the verb's.
    tables: whether tables are taken, too.
    nargs: how many, as argparse says it; one or more.
    more: of the help.
  """
  if tables:
    more += "; or a CSV, TSV or XLSX table with the column file and, where they"
    more += " are known, specimen, um_per_px and bar_rows"
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

  left_out: list[str] = []
  files = image_folders.expand(paths, left_out)
  say_left_out(left_out)
  return files


def given(
  paths: Sequence[pathlib.Path], told: "micrographs.Told"
) -> "given_files.Given":
  """Returns the files of paths and tables; says what else there is, likewise.

  Args:
    paths: see `add`.
    told: what is said of all files.

  Raises:
    UserError: a table cannot be used.
  """
  from eanet_jax.data import given_files

  found = given_files.expand(paths, told)
  say_left_out(found.left_out)
  return found


def say_left_out(lines: Iterable[str]) -> None:
  """Prints, to the standard error, why what is not used is not."""
  from eanet_jax.runtime import wording

  if text := "; ".join(lines):
    print(wording.printable(f"left out: {text}"), file=sys.stderr)
