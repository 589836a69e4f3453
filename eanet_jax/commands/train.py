"""`eanet train`: train the recommended network on your own micrographs."""

import argparse

from eanet_jax import errors
from eanet_jax.commands import own_folder


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "train",
    help="train a network on a folder of micrographs",
    description="Trains the recommended network on FOLDER/class/specimen/image"
    " files, tests it on specimens that it was not trained on, and writes a"
    " report. Images directly in a class folder count as one specimen. The same"
    " command again resumes an unfinished run, and shows the results of a"
    " finished one.",
  )
  own_folder.add_options(
    parser, recipe="transfer", workdir="runs/<name of FOLDER>"
  )
  parser.add_argument(
    "--minutes",
    metavar="N",
    help="that may be spent on finding out whether large micrographs are better"
    " looked at in tiles, by the recipe transfer [15]",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Trains, resumes, or shows the results of a finished run."""
  with own_folder.said_as_set():
    workdir = own_folder.workdir(arguments)
    if arguments.minutes is not None:
      arguments.fields.append(f"train.minutes={arguments.minutes}")
    config = own_folder.configuration(arguments)
    if "systems" in config:
      raise errors.UserError(
        f"--recipe={arguments.recipe} compares several networks: use eanet"
        " compare"
      )

    from eanet_jax.commands import main_job

    return main_job.run(config, workdir)
