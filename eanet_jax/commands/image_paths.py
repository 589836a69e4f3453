"""Images named on the command line, as files or folders."""

import argparse
import pathlib


def add(parser: argparse.ArgumentParser) -> None:
  """Adds the PATH arguments, one or more."""
  parser.add_argument(
    "paths",
    nargs="+",
    type=pathlib.Path,
    metavar="PATH",
    help="image files, or folders that are searched to any depth",
  )
