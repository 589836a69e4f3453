"""`eanet report`: write the page of a run or a comparison again."""

import argparse
import pathlib


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "report",
    help="write report.html of a training run or a comparison again",
    description="Writes WORKDIR/report.html from the results in WORKDIR: one"
    " self-contained file, to print or to send.",
  )
  parser.add_argument(
    "workdir",
    type=pathlib.Path,
    help="workdir of a finished run or comparison",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Writes the page and prints its path."""
  from eanet_jax.reporting import html_pages

  print(html_pages.write(arguments.workdir))
  return 0
