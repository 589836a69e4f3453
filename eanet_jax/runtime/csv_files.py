"""CSV files that come back as they were, and that no spreadsheet runs.

Takes rows by column, gives UTF-8 text. Names of files and classes may begin or
be as they like: a formula is marked as text, bytes that are not UTF-8 are kept.
"""

import contextlib
import csv
import io
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from eanet_jax import errors
from eanet_jax.runtime import atomic_files

_MARKED = ("=", "+", "-", "@", "\t", "\r", "'")  # at the start of a cell


def write(
  path: pathlib.Path,
  columns: Sequence[str],
  rows: Iterable[Mapping[str, Any]],
) -> None:
  """Writes rows under a header of `columns`; None is an empty cell."""
  text = io.StringIO()
  write_row(text, columns)
  for row in rows:
    write_row(text, (row.get(name) for name in columns))
  atomic_files.write_text(path, text.getvalue())


def read(path: pathlib.Path, columns: Sequence[str]) -> list[dict[str, str]]:
  """Returns the rows of a file that `write` wrote.

  Raises:
    UserError: its header lacks one of the columns, or it is no text.
    OSError: it cannot be read.
  """
  with (
    as_written(path),
    path.open(newline="", encoding="utf-8", errors="surrogateescape") as file,
  ):
    rows = [
      [cell.removeprefix("'") for cell in row] for row in csv.reader(file)
    ]
  header, *rest = rows or [[]]
  for name in columns:
    if name not in header:
      raise errors.UserError(f"{path} was changed: it has no column {name}")
  return [dict(zip(header, row, strict=False)) for row in rest]


@contextlib.contextmanager
def as_written(path: pathlib.Path) -> Iterator[None]:
  """Whoever makes something of the rows of a file does so in this block.

  Raises:
    UserError: the block could not: the file was changed or is damaged.
  """
  try:
    yield
  except (LookupError, TypeError, ValueError, csv.Error) as error:
    raise errors.UserError(
      f"{path} was changed or is damaged: {type(error).__name__}: {error}"
    ) from None


def write_row(file: TextIO, values: Iterable[Any]) -> None:
  """Writes a row of which no spreadsheet runs a cell; None is an empty cell.

  A spreadsheet takes text that begins with one of =+-@ for a formula, also the
  name of a file. An apostrophe before it says that it is text.
  """
  cells = [
    f"'{value}" if isinstance(value, str) and value[:1] in _MARKED else value
    for value in values
  ]
  # A lone carriage return would end a row: csv quotes it only if told to.
  returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
  writer = csv.writer(
    file,
    lineterminator="\n",
    quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL,
  )
  writer.writerow(cells)
