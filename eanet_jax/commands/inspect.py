"""`eanet inspect`: what cleaning does to files, before training on them."""

import argparse
import pathlib

from eanet_jax.commands import image_paths, limit_options, output_file


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "inspect",
    help="show what cleaning does to files, before training on them",
    description="Prints size, rows of the data bar and scale of each file, and"
    " draws a contact sheet with what is cut off shaded. Exit code 1 if any"
    " file could not be used.",
  )
  image_paths.add(parser)
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("contact_sheet.png"),
    help="PNG file to write, of the first 60 files [contact_sheet.png]",
  )
  limit_options.add(parser)
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Prints and draws what cleaning does; returns 1 if a file is unusable."""
  from eanet_jax.data import contact_sheet, micrographs

  output_file.check(arguments.out, whole=True)
  files = micrographs.expand(arguments.paths)
  limits = limit_options.chosen(arguments)
  return 1 if contact_sheet.inspect(files, arguments.out, limits) else 0
