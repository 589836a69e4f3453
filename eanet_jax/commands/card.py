"""`eanet card`: a model card, for those who are to use a network."""

import argparse
import pathlib

from eanet_jax import errors
from eanet_jax.commands import output_file, workdir_argument

_FILE = "README.md"


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "card",
    help="write a model card of a finished run",
    description="Writes Markdown with the header that model hubs read: what the"
    " network is for and what not, data, split, results with intervals,"
    " calibration, and limits in words. All figures are those of results.json."
    " The license is for you to choose. It tells the names of classes, not"
    " those of files.",
  )
  workdir_argument.add(parser, "workdir of a finished run")
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="FILE",
    help=f"file to write [WORKDIR/{_FILE}, or <name of the packed"
    f" file>-{_FILE}]",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Writes the card and prints its path."""
  from eanet_jax.reporting import html_pages, model_card
  from eanet_jax.runtime import atomic_files
  from eanet_jax.workdir import packed_workdir, results_json

  workdir = arguments.workdir
  results = results_json.read(workdir)
  if not isinstance(results, results_json.RunResults):
    raise errors.UserError(
      f"{workdir} holds no results of classes: write the card of a finished run"
    )
  out = arguments.out
  if out is None:
    out = workdir_argument.own(arguments, _FILE)
  output_file.check(out, whole=True)
  name = packed_workdir.name(arguments.named.resolve())
  with html_pages.malformed_is_told(workdir):
    text = model_card.markdown(name, results)
  atomic_files.write_text(out, text)
  print(out)
  return 0
