"""`eanet pack`: a trained network with its figures as one file."""

import argparse
import pathlib

from eanet_jax import errors
from eanet_jax.commands import output_file, workdir_argument


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "pack",
    help="write a workdir as one file, to hand to others",
    description="Writes what prediction and report need of a workdir as one"
    " file, with a list of all that is in it and its checksums. Every command"
    " that reads a workdir takes the file in its place, checks it whole and"
    " runs nothing in it. The same workdir gives the same file, byte for byte."
    " It tells the path of the folder that was trained on and the names of its"
    " files, and shows small pictures of some.",
  )
  workdir_argument.add(parser)
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="FILE",
    help="file to write; its name should end in .eanet.zip"
    " [<name of the workdir>.eanet.zip]",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Writes the file and says what it tells."""
  from eanet_jax.runtime import sharding, versions
  from eanet_jax.workdir import packed_workdir, restore

  workdir = arguments.workdir
  if workdir_argument.is_packed(arguments):
    raise errors.UserError(f"{arguments.named} is packed already: copy it")
  name = f"{packed_workdir.name(workdir.resolve())}{packed_workdir.ENDING}"
  out = (arguments.out or pathlib.Path(name)).expanduser()
  output_file.check(out, whole=True)
  # The best step whose arrays are as they were saved: no damage is handed on.
  meta = restore.restore(workdir, sharding.data_mesh()).meta
  folders = restore.folders(workdir, meta.step)
  size = packed_workdir.write(workdir, out, folders, versions.installed())
  print(f"{out}: {size / 1e6:.1f} MB")
  if path := meta.config["dataset"]["path"]:
    print(f"note: it tells the path of what was trained on, {path}")
  return 0
