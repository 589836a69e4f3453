"""`eanet memory`: an atlas of what slots of a memory stand for."""

import argparse
import pathlib

from eanet_jax import errors
from eanet_jax.commands import image_paths, reading_options, workdir_argument

_FOLDER = "memory"


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "memory",
    help="show what each slot of a network's memory stands for",
    description="The memory of external attention is the same for all images."
    " Shows of each of its slots the most typical patches, its share of every"
    " class and specimen, which slots are dead or redundant, and whether the"
    " networks of a cross-validation agree: index.html, slots.csv and"
    " specimens.csv. A metallographer may fill in names.csv.",
  )
  workdir_argument.add(parser)
  image_paths.add(
    parser,
    nargs="*",
    more="; of a folder as FOLDER/class/specimen/image files [the micrographs"
    " that it was trained and tested on]",
  )
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="DIR",
    help=f"folder to write to [WORKDIR/{_FOLDER}, or"
    f" <name of the packed file>-{_FOLDER}]",
  )
  parser.add_argument(
    "--block",
    type=_from_one,
    metavar="N",
    help="of the network, from 1 [the last that has a memory]",
  )
  parser.add_argument(
    "--member",
    type=_from_one,
    metavar="N",
    help="whose memory to show of a cross-validation's networks, from 1 [1]",
  )
  reading_options.add(parser)
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Writes the atlas; returns 1 if a file that was named is unusable."""
  from eanet_jax.commands import atlas_job

  out = arguments.out or workdir_argument.own(arguments, _FOLDER)
  if out.exists() and not out.is_dir():
    raise errors.UserError(f"--out={out} is a file: name a folder")
  if workdir_argument.is_packed(arguments) and not arguments.paths:
    # Where others keep their data sets is neither read nor written to.
    raise errors.UserError(
      f"{arguments.named} holds no micrographs: name some, files or folders"
    )
  files = image_paths.expand(arguments.paths)
  failed = atlas_job.run(
    arguments.workdir,
    out,
    home=arguments.named,
    block=arguments.block,
    member=arguments.member,
    files=files,
    folders=[path for path in arguments.paths if path.is_dir()],
    limits=reading_options.limits(arguments),
    told=reading_options.told(arguments),
  )
  return 1 if failed else 0


def _from_one(text: str) -> int:
  number = int(text)
  if number < 1:
    raise argparse.ArgumentTypeError(f"{text} is below 1")
  return number
