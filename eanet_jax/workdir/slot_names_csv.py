"""names.csv: what a metallographer calls the slots of a network's memory.

A row for each slot: its `slot`, its `name`, which is empty until somebody gives
it one, and `memory`, the letters of the memory it was seen in: slots of another
network mean something else.
"""

import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from eanet_jax import errors
from eanet_jax.runtime import csv_files

FILE = "names.csv"
_SLOT = re.compile(
  r"(?:m([1-9]\d{0,3}))?b([1-9]\d{0,3})h([1-9]\d{0,4})s([1-9]\d{0,4})"
)


class Slot(NamedTuple):
  """A slot of a memory. All numbers are from 1, as people count.

  As text it is such as b4h3s12, or m2b4h3s12 of the second network of an
  ensemble: nothing that a spreadsheet takes for a number or a date.
  """

  member: int  # of an ensemble; 0 of a network alone
  block: int
  head: int
  slot: int

  def __str__(self) -> str:
    """Returns the slot as names.csv has it."""
    member = f"m{self.member}" * (self.member > 0)
    return f"{member}b{self.block}h{self.head}s{self.slot}"

  @classmethod
  def parse(cls, text: str) -> Self | None:
    """Returns the slot of its text, None if it is none."""
    found = _SLOT.fullmatch(text)
    return cls(*(int(n or 0) for n in found.groups())) if found else None


class Named(NamedTuple):
  """A row with a name. `memory` is "" where the file does not say it."""

  name: str
  memory: str


def write(path: pathlib.Path, slots: Iterable[tuple[Slot, str, str]]) -> None:
  """Writes a row for each (slot, name, memory)."""
  csv_files.write(
    path,
    ["slot", "name", "memory"],
    (
      {"slot": str(slot), "name": name, "memory": memory}
      for slot, name, memory in slots
    ),
  )


def read(path: pathlib.Path) -> Mapping[Slot, Named]:
  """Returns the slots that have a name, {} if there is no such file.

  Raises:
    UserError: a row names no slot, or a slot twice; or it is no such table.
  """
  try:
    rows = csv_files.read(path, ["slot", "name"])
  except FileNotFoundError:
    return {}
  except OSError as error:
    raise errors.UserError(
      f"cannot read {path}: {errors.reason(error)}"
    ) from None
  found: dict[Slot, Named] = {}
  for number, row in enumerate(rows, start=2):
    text, name = row.get("slot", "").strip(), row.get("name", "").strip()
    if not text and not name:
      continue
    slot = Slot.parse(text)
    if slot is None:
      raise errors.UserError(
        f"{path}, line {number}: {text!r} is no slot, which is such as b4h3s12"
      )
    if not name:
      continue
    if slot in found:
      raise errors.UserError(f"{path}, line {number}: {slot} is named twice")
    found[slot] = Named(name, row.get("memory", "").strip())
  return found
