"""`eanet report`: write the page of a run or a comparison again."""

import argparse
import pathlib

from eanet_jax.commands import output_file, workdir_argument


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "report",
    help="write report.html of a training run or a comparison again",
    description="Writes a page from the results in WORKDIR: one self-contained"
    " file, to print or to send.",
  )
  workdir_argument.add(parser, "workdir of a finished run or comparison")
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="PAGE",
    help="file to write [WORKDIR/report.html, or <name of the packed"
    " file>-report.html]",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Writes the page and prints its path."""
  from eanet_jax.reporting import html_pages

  out = arguments.out
  if out is None:
    out = workdir_argument.own(arguments, html_pages.FILE)
  else:
    output_file.check(out, whole=True)
  print(html_pages.write(arguments.workdir, out))
  return 0
