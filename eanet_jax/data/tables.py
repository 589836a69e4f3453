"""A table in place of folders: which file is of which class and specimen.

Takes a CSV, TSV or XLSX file with a row for each micrograph and the columns
file, class and, where they are known, specimen, um_per_px, bar_rows and split.
Gives entries, and what was left out. All that is wrong in it is told at once,
by row.
"""

import collections
import contextlib
import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping

from eanet_jax import errors
from eanet_jax.data import entries, file_kinds, spelling, table_cells

_SHOWN = 5  # bad rows in an error


@dataclasses.dataclass(frozen=True)
class Table:
  """What a table names.

  Attributes:
    root: folder that the entries' files are relative to.
    entries: of the rows whose file is there, in the order of the rows.
    left_out: a line for each other row.
    remarks: lines on what was taken for what.
  """

  root: pathlib.Path
  entries: tuple[entries.Entry, ...]
  left_out: tuple[str, ...]
  remarks: tuple[str, ...]


def read(path: str | os.PathLike, *, labelled: bool = True) -> Table:
  """Returns what a table names.

  Args:
    path: the table.
    labelled: whether it must say of each file what class it is of. If not, a
      file that is not there, or is no image, is an entry too: who reads it says
      what is wrong with it.

  Raises:
    UserError: it cannot be read, lacks columns, or rows contradict one another
      or say what cannot be.
  """
  try:
    path = pathlib.Path(path).expanduser().absolute()
    needed = table_cells.NEEDED if labelled else ("file",)
    cells = table_cells.read(path, needed)
  except OSError as error:
    raise errors.UserError(f"{path}: {error.strerror or error}") from None
  except RuntimeError:
    raise errors.UserError(f"{path}: there is no such home folder") from None
  reading = _Reading(path, labelled)
  for number, row in cells.rows:
    reading.add(number, row, too_long=number in cells.long_rows)
  return reading.table(cells)


class _BadRow(ValueError):
  """What is wrong with a row."""


class _Reading:
  """Rows on their way to entries."""

  def __init__(self, path: pathlib.Path, labelled: bool):
    self._name, self._root = path.name, path.parent
    self._labelled = labelled
    self._files = _Files(self._root)
    self._entries: dict[str, tuple[int, entries.Entry]] = {}  # by file
    self._left_out: list[str] = []
    self._bad: list[str] = []
    self._without_part: list[int] = []
    self._unnamed = 0  # rows without a specimen

  def add(self, number: int, row: Mapping[str, str], too_long: bool) -> None:
    """Takes one row."""
    try:
      if too_long:
        raise _BadRow(
          "has more cells than the first row: is there a separator in a number"
          " or a name? Put it in quotes"
        )
      self._add(number, row)
    except _BadRow as error:
      self._bad.append(f"row {number}: {error}")

  def _add(self, number: int, row: Mapping[str, str]) -> None:
    if not row["file"]:
      raise _BadRow("no file")
    label = row.get("class", "")
    if not label and self._labelled:
      raise _BadRow("no class")
    um_per_px = _number(row, "um_per_px")
    if um_per_px is not None and um_per_px <= 0:
      raise _BadRow(f"um_per_px {row['um_per_px']}: must be above 0")
    bar_rows = _number(row, "bar_rows")
    if bar_rows is not None and (bar_rows < 0 or bar_rows % 1):
      raise _BadRow(f"bar_rows {row['bar_rows']}: must be a whole number, 0 up")
    part = entries.PARTS.get(spelling.key(row.get("split", "")), "")
    if row.get("split") and not part:
      raise _BadRow(f"split {row['split']}: must be train, validation or test")
    place = f"{self._name}, row {number}:"
    file = self._files.find(row["file"])
    if not self._labelled:
      file = file or row["file"]
    elif not file:
      self._left_out.append(f"{place} no file {row['file']}")
      return
    elif not file_kinds.is_image(file):
      self._left_out.append(
        f"{place} {row['file']} is no image that can be read"
      )
      return
    own = row.get("specimen", "")
    if not own:
      self._unnamed += 1
      # Where a split is stated, one folder may hold images of all its parts.
      folder = pathlib.PurePath(file).parent.as_posix().strip("./")
      own = "" if part else folder
    specimen = entries.specimen_of(label, own, part)
    entry = entries.Entry(
      label,
      specimen,
      file,
      part=part,
      um_per_px=um_per_px,
      bar_rows=None if bar_rows is None else int(bar_rows),
    )
    first, before = self._entries.setdefault(file, (number, entry))
    if first == number:
      if not part:
        self._without_part.append(number)
    elif before != entry:
      raise _BadRow(f"{row['file']} is in row {first} too, and not the same")
    else:
      again = f"{row['file']} once more, as in row {first}"
      self._left_out.append(f"{place} {again}")

  def table(self, cells: table_cells.Cells) -> Table:
    """Returns what all rows name; raises UserError if some are bad."""
    found = [entry for _, entry in self._entries.values()]
    if any(entry.part for entry in found):
      self._bad += [
        f"row {number}: no split, and other rows have one"
        for number in self._without_part
      ]
    if self._bad:
      told = "; ".join(self._bad[:_SHOWN])
      if len(self._bad) > _SHOWN:
        told += f"; and {len(self._bad) - _SHOWN} more rows"
      raise errors.UserError(f"{self._name}, {told}")
    remarks = list(cells.remarks)
    if self._unnamed:
      which = f"{self._unnamed} rows name no specimen"
      if "specimen" not in cells.columns:
        which = "no column is called specimen"
      remarks.append(
        f"{self._name}: {which}: files of one class in one folder are taken as"
        " one specimen"
      )
    return Table(
      self._root, tuple(found), tuple(self._left_out), tuple(remarks)
    )


def _number(row: Mapping[str, str], column: str) -> float | None:
  """The number in a cell, None in an empty one; a comma is a point."""
  cell = row.get(column, "")
  if not cell:
    return None
  with contextlib.suppress(ValueError):
    number = float(cell.replace(",", "."))
    if math.isfinite(number):
      return number
  raise _BadRow(f"{column} {cell}: must be a number")


class _Files:
  """Finds the files that a table names, however they are spelled there."""

  def __init__(self, root: pathlib.Path):
    self._root = root
    self._listed: dict[pathlib.Path, dict[str, list[str]]] = {}

  def find(self, name: str) -> str:
    """Returns the path of a file, "" if there is none.

    It is relative to the root where the name is. Names are taken as they are,
    else with the separators of Windows, else as a reader takes them.
    """
    for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
      file = os.path.normpath(spelled)
      if _is_there(self._root / file):
        return self._within(file)
      if found := self._alike(pathlib.PurePath(file)):
        return self._within(found)
    return ""

  def _within(self, file: str) -> str:
    """Relative to the root, so that a folder that moves stays the same."""
    path = pathlib.PurePath(file)
    if path.is_absolute() and path.is_relative_to(self._root):
      path = path.relative_to(self._root)
    return path.as_posix()

  def _alike(self, file: pathlib.PurePath) -> str:
    """The one path whose names read the same, folder by folder; or ""."""
    found = pathlib.Path(file.anchor) if file.is_absolute() else pathlib.Path()
    for name in file.parts[1 if file.is_absolute() else 0 :]:
      if name != os.pardir and not _is_there(self._root / found / name):
        alike = self._names(self._root / found).get(spelling.key(name), [])
        if len(alike) != 1:
          return ""
        (name,) = alike
      found = found / name
    return str(found)

  def _names(self, folder: pathlib.Path) -> dict[str, list[str]]:
    if folder not in self._listed:
      of_folder: dict[str, list[str]] = collections.defaultdict(list)
      try:
        for path in folder.iterdir():
          of_folder[spelling.key(path.name)].append(path.name)
      except OSError:
        pass  # then there is no such file
      self._listed[folder] = of_folder
    return self._listed[folder]


def _is_there(path: pathlib.Path) -> bool:
  try:
    return path.exists()
  except (OSError, ValueError):  # a name that no file can have
    return False
