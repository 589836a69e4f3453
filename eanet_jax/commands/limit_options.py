"""Options of what reading one image file may take."""

import argparse
import math

from eanet_jax.data import file_limits


def add(parser: argparse.ArgumentParser) -> None:
  """Adds --file-limit-gb and --file-limit-s."""
  usual = file_limits.Limits()
  parser.add_argument(
    "--file-limit-gb",
    type=_above_zero,
    default=usual.gb,
    metavar="GB",
    help="memory that reading one file may take, enforced on Linux"
    f" [{usual.gb:g}]",
  )
  parser.add_argument(
    "--file-limit-s",
    type=_above_zero,
    default=usual.s,
    metavar="S",
    help=f"processor seconds that reading one file may take [{usual.s:g}]",
  )


def chosen(arguments: argparse.Namespace) -> file_limits.Limits:
  """Returns the limits that the options set."""
  return file_limits.Limits(
    arguments.file_limit_gb, arguments.file_limit_s, "--file-limit-{}"
  )


def _above_zero(text: str) -> float:
  number = float(text)  # argparse tells what is no number
  if not 0 < number < math.inf:
    raise argparse.ArgumentTypeError(f"{text} is not above 0")
  return number
