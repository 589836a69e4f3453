"""The cells of a table, whatever program wrote it.

Takes a CSV, TSV or XLSX file, gives its rows as text and what the first row
calls them.
"""

import csv
import dataclasses
import io
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

from eanet_jax import errors
from eanet_jax.data import spelling
from eanet_jax.runtime import wording

NEEDED = ("file", "class")
COLUMNS = (*NEEDED, "specimen", "um_per_px", "bar_rows", "split")

_TEXT = frozenset({".csv", ".tsv", ".tab"})
_WORKBOOK = frozenset({".xlsx", ".xlsm"})
# Tables that are not read, so that they are not taken for a missing folder.
_REFUSED = frozenset({".xls", ".xlsb", ".ods", ".numbers"})
_SHOWN = 5  # names in a line

_Rows = list[list[str]]


@dataclasses.dataclass(frozen=True)
class Cells:
  """Rows of a table that are not empty.

  Attributes:
    rows: (number as a spreadsheet shows it, {column: text}) of each; a column
      that a row is too short for is "".
    long_rows: numbers of rows with more cells than the first one.
    columns: of COLUMNS, those that are there.
    remarks: lines on what was not read.
  """

  rows: tuple[tuple[int, dict[str, str]], ...]
  long_rows: tuple[int, ...]
  columns: frozenset[str]
  remarks: tuple[str, ...]


def is_table(path: str | os.PathLike) -> bool:
  """Whether the path is of a file that is a table by its ending."""
  path = pathlib.Path(path)
  known = _TEXT | _WORKBOOK | _REFUSED
  try:
    return path.suffix.lower() in known and path.expanduser().is_file()
  except (OSError, RuntimeError):  # who opens it says why
    return False


def read(path: pathlib.Path, needed: Sequence[str] = NEEDED) -> Cells:
  """Returns the cells of a table.

  Args:
    path: the table.
    needed: the columns that it must have.

  Raises:
    UserError: it is no table, or its first row does not name what is needed.
    OSError: it cannot be opened.
  """
  remarks, rows = _sheet(path)
  filled = [
    (number, [cell.strip() for cell in cells])
    for number, cells in enumerate(rows, start=1)
    if any(cell.strip() for cell in cells)
  ]
  if not filled:
    raise errors.UserError(
      f"{path.name}: is empty; its first row must name the columns"
      f" {', '.join(COLUMNS)}"
    )
  (place, first), *others = filled
  header, ignored = _header(f"{path.name}, row {place}", first, needed)
  if ignored:
    named = wording.listed(ignored, _SHOWN)
    remarks.append(f"{path.name}: columns that are not used: {named}")
  by_column = tuple(
    (
      number,
      {
        column: cells[position] if position < len(cells) else ""
        for position, column in header.items()
      },
    )
    for number, cells in others
  )
  long_rows = tuple(
    number for number, cells in others if len(cells) > len(first)
  )
  return Cells(by_column, long_rows, frozenset(header.values()), tuple(remarks))


def _sheet(path: pathlib.Path) -> tuple[list[str], _Rows]:
  """Remarks, and the rows of a file as text."""
  suffix = path.suffix.lower()
  if path.is_dir():
    raise errors.UserError(
      f"{path} is a folder, not a table: dataset.source=folder takes it"
    )
  if suffix in _WORKBOOK:
    return _of_workbook(path)
  if suffix in _TEXT:
    return [], _of_text(path)
  raise errors.UserError(
    f"{path.name}: tables of this kind are not read: save it as .xlsx or .csv"
  )


def _of_text(path: pathlib.Path) -> _Rows:
  text = _decoded(path.read_bytes())
  lines = io.StringIO(text, newline=None).read().splitlines(keepends=True)
  skipped: _Rows = []
  if lines and lines[0].lower().startswith("sep="):  # as Excel writes it
    skipped, lines = [[]], lines[1:]
  try:
    readings = [
      skipped + list(csv.reader(lines, delimiter=mark)) for mark in ",;\t"
    ]
  except csv.Error as error:
    raise errors.UserError(f"{path.name}: is no table: {error}") from None
  # The separator is the one that parts the names of the columns.
  return max(readings, key=_named)


def _decoded(content: bytes) -> str:
  """Text in UTF-8 or UTF-16, or else as Windows has it in the West."""
  if content.startswith((b"\xff\xfe", b"\xfe\xff")):
    encoding = "utf-16"
  elif b"\0" in content[:4]:
    encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
  else:
    encoding = "utf-8-sig"
  try:
    return content.decode(encoding)
  except UnicodeDecodeError:
    return content.decode("cp1252", errors="replace")


def _of_workbook(path: pathlib.Path) -> tuple[list[str], _Rows]:
  import openpyxl

  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # about what it does not show
      book = openpyxl.load_workbook(path, read_only=True, data_only=True)
      sheets = {}
      for sheet in book.worksheets:
        sheet.reset_dimensions()  # which other programs state wrongly
        sheets[sheet.title] = [
          [_cell_text(cell) for cell in row]
          for row in sheet.iter_rows(values_only=True)
        ]
      book.close()
  except OSError:
    raise
  except Exception as error:
    # A damaged archive, and XML that is not as expected, fail in many ways.
    raise errors.UserError(
      f"{path.name}: cannot be read as a workbook ({error}): save it as .csv"
    ) from None
  if not sheets:
    return [], []
  chosen = max(sheets, key=lambda name: _named(sheets[name]))
  others = [repr(name) for name in sheets if name != chosen and sheets[name]]
  remarks = []
  rows = sheets[chosen]
  width = len(next(filter(any, rows), []))
  if others:
    named = wording.listed(others, _SHOWN)
    remarks.append(f"{path.name}: read is sheet {chosen!r}, not {named}")
  return remarks, [row[:width] for row in rows]  # further cells have no name


def _cell_text(value: Any) -> str:
  if value is None:
    return ""
  if isinstance(value, float) and value.is_integer():
    return str(int(value))
  return str(value)


def _named(rows: _Rows) -> int:
  """How many of the columns the first row that is not empty names."""
  first = next(filter(any, rows), [])
  return len({_column(cell) for cell in first} & set(COLUMNS))


def _column(cell: str) -> str:
  return spelling.key(cell.replace("_", " ").replace("-", " ")).replace(
    " ", "_"
  )


def _header(
  place: str, first: Sequence[str], needed: Sequence[str]
) -> tuple[dict[int, str], list[str]]:
  """Columns by their position, and the names of those that are not used."""
  header: dict[int, str] = {}
  ignored = []
  for position, cell in enumerate(first):
    column = _column(cell)
    if column not in COLUMNS:
      ignored += [cell] * bool(cell)
      continue
    if column in header.values():
      raise errors.UserError(f"{place}: two columns are called {column}")
    header[position] = column
  if missing := [each for each in needed if each not in header.values()]:
    there = wording.listed([cell for cell in first if cell], 10)
    which = f"column {needed[0]} is"
    if len(needed) > 1:
      which = f"columns {' and '.join(needed)} are"
    *others, last = (each for each in COLUMNS if each not in needed)
    raise errors.UserError(
      f"{place}: no column is called {' or '.join(missing)}; there are"
      f" {there}. The {which} needed; {', '.join(others)} and {last} may be"
      " there"
    )
  return header, ignored
