"""`eanet compare`: several networks on equal terms, on one folder."""

import argparse

from eanet_jax import errors
from eanet_jax.commands import own_folder, shard_option


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "compare",
    help="train several networks on a folder of micrographs, and compare them",
    description="Trains each network of the comparison on each fold of"
    " FOLDER/class/specimen/image files, and writes one table and a report."
    " Takes an hour or more. The same command again resumes an unfinished"
    " comparison.",
  )
  own_folder.add_options(
    parser,
    recipe="compare:laptop",
    workdir="runs/<name of FOLDER>-compared",
  )
  shard_option.add(
    parser,
    "train only every N-th of the networks, from the I-th on: N jobs with 1/N"
    " to N/N, on one machine each, train each once. They share --workdir on a"
    " disk that all see, or their runs are gathered in one folder. Who finds"
    " all runs done makes the table",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Runs or resumes the comparison; returns 1 if one of its runs failed."""
  with own_folder.said_as_set():
    folder = arguments.folder
    workdir = own_folder.workdir(folder, arguments.workdir, "-compared")
    fields = own_folder.fields(arguments)
    config = own_folder.configuration(folder, arguments.recipe, fields)
    if "systems" not in config:
      raise errors.UserError(
        f"--recipe={arguments.recipe} is one network, not a comparison: use"
        " eanet train"
      )
    if arguments.shard:
      config.compare.shard = "{}/{}".format(*arguments.shard)

    from eanet_jax.commands import comparison_job

    return comparison_job.run(config, workdir)
