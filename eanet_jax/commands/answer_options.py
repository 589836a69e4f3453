"""Options of how files are answered for: quickly, and with which columns."""

import argparse

from eanet_jax.commands import number_options


def add(parser: argparse.ArgumentParser) -> None:
  """Adds --fast and --top-k."""
  parser.add_argument(
    "--fast",
    action="store_true",
    help="look at images as they are, not in the orientations that the network"
    " was tested with: up to four times as fast, less often right, and nothing"
    " is said of novelty",
  )
  parser.add_argument(
    "--top-k",
    type=number_options.at_least_one,
    default=0,
    metavar="K",
    help="columns of the K most probable classes, not of every class",
  )
