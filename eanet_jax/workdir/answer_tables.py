"""Tables of answers: CSV, JSON Lines or Parquet, by the ending of their name.

Takes rows by column, one after another. Rows of the first two are on disk as
soon as they are known, and a table that was cut off can be gone on with.
Parquet has its columns and sizes at the end: it is written whole or not at all.
"""

import collections
import contextlib
import csv
import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Literal, TextIO

from eanet_jax import errors
from eanet_jax.runtime import atomic_files, csv_files

Kind = Literal["csv", "jsonl", "parquet"]
# Rows in memory before they are written; also what a reader takes at a time.
_ROW_GROUP = 1000
# A name that is not UTF-8 stays what it was.
_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}

_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")

Add = Callable[[Mapping[str, object]], None]


def kind(path: pathlib.Path) -> Kind:
  """Returns which table is written to `path`; CSV where it has no ending.

  Raises:
    UserError: its ending is of none.
  """
  suffix = path.suffix.lower()
  if not suffix or (path.exists() and not path.is_file()):  # a device, a pipe
    return "csv"
  if suffix == ".csv":
    return "csv"
  if suffix == ".jsonl":
    return "jsonl"
  if suffix == ".parquet":
    return "parquet"
  raise errors.UserError(
    f"--out={path}: its ending says which table is written, and {path.suffix}"
    " is none: end it with .csv, .jsonl (JSON Lines) or .parquet"
  )


def is_stdout(path: pathlib.Path) -> bool:
  """Whether the path is of the standard output."""
  return str(path) in _STDOUT


@dataclasses.dataclass(frozen=True)
class Done:
  """What a table that was begun has.

  Attributes:
    rows: how many there are of each file or specimen, by name.
    errors: how many of those could not be used.
    end: bytes of the table that are kept.
  """

  rows: collections.Counter[str]
  errors: int
  end: int


def done(
  path: pathlib.Path, columns: Mapping[str, type], key: str, network_id: str
) -> Done:
  """Returns what a table that was begun has; nothing if there is none.

  A last row that was cut off is not counted, nor where a name has several rows
  are those of the last name: some may be missing.

  Args:
    path: the table.
    columns: those it must have.
    key: the column of names.
    network_id: what must stand in every row.

  Raises:
    UserError: it has other columns, is of another network, or is none that can
      be gone on with.
  """
  nothing = Done(collections.Counter(), 0, 0)
  if not path.exists():
    return nothing
  which = kind(path)
  if which == "parquet":
    raise errors.UserError(
      f"--resume: {path} is a Parquet table, which is written whole at the end:"
      " use .csv or .jsonl"
    )
  if not path.is_file():
    raise errors.UserError(
      f"--resume: {path} is a device or a pipe: name a file"
    )
  try:
    return _read(path, which, list(columns), key, network_id)
  except (ValueError, csv.Error) as error:
    raise errors.UserError(
      f"--resume: {path} was changed or is damaged ({error}): name another file"
    ) from None


def _read(
  path: pathlib.Path,
  which: Kind,
  columns: list[str],
  key: str,
  network_id: str,
) -> Done:
  rows: collections.Counter[str] = collections.Counter()
  end = last_begins = errors_found = errors_before = 0
  last = ""
  several = "tile" in columns  # of one file
  records = _csv_rows if which == "csv" else _json_rows
  with path.open("rb") as file:
    for row, place in records(file, columns, path):
      if row["network_id"] != network_id:
        raise errors.UserError(
          f"--resume: {path} is of another network, or was made with other"
          f" options ({row['network_id']}, and this is {network_id}): name"
          " another file"
        )
      name = row[key]
      if name != last:
        last, last_begins, errors_before = name, end, errors_found
      rows[name] += 1
      errors_found += bool(row["error"])
      end = place
  if several and last:
    del rows[last]
    end, errors_found = last_begins, errors_before
  return Done(rows, errors_found, end)


def _csv_rows(
  file: IO[bytes], columns: list[str], path: pathlib.Path
) -> Iterator[tuple[dict[str, str], int]]:
  """Yields whole rows, each with where it ends; the header is none."""
  end, whole = 0, True

  def lines() -> Iterator[str]:
    nonlocal end, whole
    for line in file:
      end += len(line)
      whole = line.endswith(b"\n")
      yield line.decode(**_TEXT)

  reader = csv.reader(lines(), strict=True)
  header: list[str] = []
  while True:
    try:
      cells = [cell.removeprefix("'") for cell in next(reader)]
    except StopIteration:
      return
    except csv.Error:  # in quotes that nobody closed
      if file.read(1):
        raise
      return
    if not whole:
      if not header and not ",".join(columns).startswith(",".join(cells)):
        _refuse(path, columns)
      return
    if not header:
      header = cells
      if header != columns:
        _refuse(path, columns)
    elif len(cells) != len(columns):
      raise ValueError(f"a row has {len(cells)} cells, not {len(columns)}")
    else:
      yield dict(zip(columns, cells, strict=True)), end


def _json_rows(
  file: IO[bytes], columns: list[str], path: pathlib.Path
) -> Iterator[tuple[dict[str, str], int]]:
  """Yields whole rows, each with where it ends."""
  end = 0
  for line in file:
    end += len(line)
    if not line.endswith(b"\n"):
      return
    row = json.loads(line)
    if not isinstance(row, dict) or list(row) != columns:
      _refuse(path, columns)
    yield row, end


def _refuse(path: pathlib.Path, columns: list[str]) -> None:
  raise errors.UserError(
    f"--resume: {path} has other columns than those of this network and these"
    f" options ({', '.join(columns[:4])}, ...): name another file"
  )


@contextlib.contextmanager
def opened(
  path: pathlib.Path,
  columns: Mapping[str, type],
  begun: Done | None = None,
) -> Iterator[Add]:
  """Yields a function that adds a row to a table.

  Whatever stops the program, the rows of a CSV and of JSON Lines before are
  kept. A link, a device or a pipe stays what it is.

  Args:
    path: of the table.
    columns: with their types, in order.
    begun: what is there already and is kept; None to begin anew.
  """
  which = kind(path)
  if which == "parquet":
    with _parquet(path, columns) as add:
      yield add
    return
  end = begun.end if begun else 0
  if end:
    with path.open("r+b") as cut:
      cut.truncate(end)
  with _text(path, anew=not end) as file:
    if which == "csv" and not end:
      csv_files.write_row(file, columns)
      file.flush()

    def add(row: Mapping[str, object]) -> None:
      if which == "csv":
        csv_files.write_row(file, (row.get(name) for name in columns))
      else:
        line = json.dumps({name: row.get(name) for name in columns})
        file.write(line + "\n")
      file.flush()

    yield add


def _text(path: pathlib.Path, *, anew: bool) -> TextIO:
  if is_stdout(path):
    # By its name a standard output that is a file would be emptied.
    return os.fdopen(os.dup(1), "w", newline="", **_TEXT)
  return path.open("w" if anew else "a", newline="", **_TEXT)


@contextlib.contextmanager
def _parquet(path: pathlib.Path, columns: Mapping[str, type]) -> Iterator[Add]:
  """Yields what adds a row; row groups are written as they are full."""
  import pyarrow
  import pyarrow.parquet

  types = {str: pyarrow.string(), int: pyarrow.int64()}
  types |= {float: pyarrow.float64(), bool: pyarrow.bool_()}
  schema = pyarrow.schema([(name, types[t]) for name, t in columns.items()])
  waiting: list[dict[str, object]] = []
  with (
    atomic_files.replacing(path) as building,
    pyarrow.parquet.ParquetWriter(building, schema) as writer,
  ):

    def flush() -> None:
      writer.write_table(pyarrow.Table.from_pylist(waiting, schema))
      waiting.clear()

    def add(row: Mapping[str, object]) -> None:
      waiting.append({name: _utf8(row.get(name)) for name in columns})
      if len(waiting) == _ROW_GROUP:
        flush()

    yield add
    flush()


def _utf8(value: object) -> object:
  """Text that Parquet can hold: bytes that are no UTF-8 are seen as \\udce9."""
  if isinstance(value, str):
    return value.encode("utf-8", "backslashreplace").decode()
  return value
