"""Options of how image files are read: what is said of them, what they take."""

import argparse
import typing

from eanet_jax.commands import number_options
from eanet_jax.data import file_limits

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import micrographs


def add(parser: argparse.ArgumentParser) -> None:
  """Adds what is said of the files, --file-limit-gb and --file-limit-s."""
  parser.add_argument(
    "--bar-rows",
    type=number_options.not_negative,
    metavar="ROWS",
    help="of the data bar at the bottom of every file [found in each]",
  )
  parser.add_argument(
    "--um-per-px",
    type=number_options.above_zero,
    metavar="UM",
    help="how wide a pixel of every file is, in micrometres [as files state]",
  )
  usual = file_limits.Limits()
  parser.add_argument(
    "--file-limit-gb",
    type=number_options.above_zero,
    default=usual.gb,
    metavar="GB",
    help="memory that reading one file may take, enforced on Linux"
    f" [{usual.gb:g}]",
  )
  parser.add_argument(
    "--file-limit-s",
    type=number_options.above_zero,
    default=usual.s,
    metavar="S",
    help=f"processor seconds that reading one file may take [{usual.s:g}]",
  )


def limits(arguments: argparse.Namespace) -> file_limits.Limits:
  """Returns what a file may take."""
  return file_limits.Limits(
    arguments.file_limit_gb, arguments.file_limit_s, "--file-limit-{}"
  )


def told(arguments: argparse.Namespace) -> "micrographs.Told":
  """Returns what is said of every file."""
  from eanet_jax.data import micrographs

  return micrographs.Told(arguments.bar_rows, arguments.um_per_px)
