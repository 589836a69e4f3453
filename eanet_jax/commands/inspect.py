"""`eanet inspect`: what cleaning does to files, before training on them."""

import argparse
import pathlib
import typing
from collections.abc import Sequence

from eanet_jax import errors
from eanet_jax.commands import image_paths, output_file, reading_options

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import inspection

_DRAWN = 60
_SHOWN = 200  # lines, more are in the table alone


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "inspect",
    help="show what cleaning does to files, before training on them",
    description="Tells of each file its size, its grey levels, the rows of the"
    " data bar, boxes drawn over the specimen, the scale, what told each of"
    " them, and what is odd about it. Writes all of it as a table, and a"
    " contact sheet with what is cut off or hidden shaded. Exit code 1 if any"
    " file could not be used.",
  )
  image_paths.add(parser)
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("contact_sheet.png"),
    help=f"PNG file to write, of the first {_DRAWN} files; the table is beside"
    " it, a CSV file of the same name [contact_sheet.png]",
  )
  reading_options.add(parser)
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Prints, tabulates and draws; returns 1 if a file is unusable."""
  from eanet_jax.data import contact_sheet, inspection
  from eanet_jax.runtime import csv_files, wording

  out = arguments.out
  if out.suffix.lower() == ".csv":
    raise errors.UserError(f"--out={out}: name the PNG file, as a .png")
  table = out.with_suffix(".csv")
  for each in (out, table):
    output_file.check(each, whole=True)
  if table.exists() and not inspection.wrote(table):
    raise errors.UserError(
      f"--out={out}: its table would be written over {table}, which is not one"
      " of eanet inspect: name another PNG file"
    )
  files = image_paths.expand(arguments.paths)
  found, cells = inspection.inspect(
    files,
    reading_options.limits(arguments),
    reading_options.told(arguments),
    _DRAWN,
  )
  for line in _lines(found, table):
    print(wording.printable(line))
  contact_sheet.save(cells, out)
  csv_files.write(table, inspection.COLUMNS, (one.row() for one in found))
  failed = sum(one.facts is None for one in found)
  remarked = sum(bool(one.remarks) for one in found)
  left_out = len(files) - len(cells)
  print(
    f"{len(files) - failed} files usable, {failed} not, {remarked} with"
    f" remarks: {table}, {out}"
    + (f" (without the last {left_out})" if left_out else "")
  )
  return 1 if failed else 0


def _lines(
  found: Sequence["inspection.Found"], table: pathlib.Path
) -> list[str]:
  """A line for each file; of many, those that a person should look at."""
  shown = list(found)
  if len(shown) > _SHOWN:
    shown = [one for one in found if one.error or one.remarks]
  lines = [one.line() for one in shown[:_SHOWN]]
  if len(lines) < len(found):
    lines.append(f"{len(found) - len(lines)} more files: {table}")
  return lines
