"""Options of how files are answered for: quickly, and with which columns."""

import argparse


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
    type=_at_least_one,
    default=0,
    metavar="K",
    help="columns of the K most probable classes, not of every class",
  )


def _at_least_one(text: str) -> int:
  number = int(text)  # argparse tells what is no number
  if number < 1:
    raise argparse.ArgumentTypeError(f"{text} is below 1")
  return number
