"""`eanet verify`: train a network again, and compare it bit for bit."""

import argparse
import pathlib


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "verify",
    help="train again from a dossier, and say whether all is identical",
    description="Compares every file of FOLDER with the SHA-256 in a dossier"
    " that eanet certify wrote, says which versions and what of the machine"
    " differ, trains the network anew and compares data, split, features,"
    " weights, answers and figures bit for bit: identical, or the first that"
    " differs and by how much. Exit code 1 if not identical. Nothing in the"
    " dossier is executed, and nothing is kept of the training.",
  )
  parser.add_argument(
    "dossier", type=pathlib.Path, help="file that eanet certify wrote"
  )
  parser.add_argument(
    "folder",
    type=pathlib.Path,
    metavar="FOLDER",
    nargs="?",
    help="folder of the micrographs; of a table of them, the folder that it"
    " lies in",
  )
  parser.add_argument(
    "--same-versions",
    action="store_true",
    help="do not train where versions or code differ: that is not identical",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Verifies a dossier; returns 1 if something is not identical."""
  from eanet_jax.commands import verification_job

  identical = verification_job.run(
    arguments.dossier, arguments.folder, arguments.same_versions
  )
  return 0 if identical else 1
