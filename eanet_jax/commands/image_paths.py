"""Images named on the command line, by files and folders."""

import argparse
import pathlib


def add(parser: argparse.ArgumentParser) -> None:
  """Adds one PATH or more."""
  parser.add_argument(
    "paths",
    nargs="+",
    type=pathlib.Path,
    metavar="PATH",
    help="image files, or folders that are searched to any depth",
  )
