"""`eanet train`: train the recommended network on your own micrographs.

And `train`, the same for programs.
"""

import argparse
import os
import pathlib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from eanet_jax import errors
from eanet_jax.commands import own_folder

if typing.TYPE_CHECKING:  # so that --help answers at once
  import ml_collections

  from eanet_jax.workdir import results_json


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
  fields = own_folder.fields(arguments)
  if arguments.minutes is not None:
    fields.append(f"train.minutes={arguments.minutes}")
  with own_folder.said_as_set():
    config, workdir = _job(
      arguments.folder, arguments.workdir, arguments.recipe, fields
    )

    from eanet_jax.commands import main_job

    return main_job.run(config, workdir)


def train(
  folder: str | os.PathLike,
  workdir: str | os.PathLike | None = None,
  *,
  recipe: str = "transfer",
  fields: Mapping[str, Any] | None = None,
  verbose: bool = False,
) -> "results_json.Results":
  """Returns the results of a training: what `eanet train` does, in a program.

  The workdir has all that the command leaves there. A run that was interrupted,
  by Ctrl-C too, goes on after its last epoch, and of one that is finished the
  results are returned, as with the command.

  Args:
    folder: of FOLDER/class/specimen/image files, or a table of them.
    workdir: everything is written to it; by default runs/<name of folder>.
    recipe: a name, with or without :variant, or the path of a config file.
    fields: of the recipe, as {"train.epochs": 3} or {"train": {"epochs": 3}};
      the file configs/default.py says what each means.
    verbose: whether to print what the command prints.

  Raises:
    UserError: what the command would say in a line.
  """
  from eanet_jax.runtime import console

  chosen = None if workdir is None else pathlib.Path(workdir)
  with own_folder.said_as_arguments(), console.in_a_program(verbose=verbose):
    import jax

    from eanet_jax.commands import main_job
    from eanet_jax.configuration import config_tree
    from eanet_jax.workdir import results_json

    if jax.process_count() > 1 or jax.config.read("jax_enable_x64"):
      raise errors.UserError(
        "train() is for one process that counts with 32 bits, and JAX is set up"
        " otherwise here: use launch.py, or leave jax_enable_x64 off"
      )
    flat = config_tree.flatten(fields or {})
    texts = [f"{name}={value}" for name, value in flat.items()]
    config, written_to = _job(pathlib.Path(folder), chosen, recipe, texts)
    main_job.run(config, written_to)
    results = results_json.read(written_to)
  assert results is not None  # the job has ended
  return results


def _job(
  folder: pathlib.Path,
  workdir: pathlib.Path | None,
  recipe: str,
  fields: Sequence[str],
) -> tuple["ml_collections.ConfigDict", pathlib.Path]:
  """Returns what is to be done, and where it is to be written."""
  workdir = own_folder.workdir(folder, workdir)
  config = own_folder.configuration(folder, recipe, fields)
  if "systems" in config:
    raise errors.UserError(
      f"--recipe={recipe} compares several networks: use eanet compare"
    )
  return config, workdir
