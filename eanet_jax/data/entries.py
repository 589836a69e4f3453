"""One micrograph of a source, and what all entries must agree in.

Takes entries as folders or a table name them, gives entries in which a class
and a specimen have one spelling each, and a split that parts no specimen.
"""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

from eanet_jax import errors
from eanet_jax.data import micrographs, spelling
from eanet_jax.runtime import wording

# Names of the parts of a split, as people write them, by `spelling.key`.
PARTS = {
  "train": "train",
  "training": "train",
  "val": "validation",
  "valid": "validation",
  "validation": "validation",
  "test": "test",
  "testing": "test",
}
_SHOWN = 5  # names in a line


@dataclasses.dataclass(frozen=True)
class Entry:
  """One micrograph of a source.

  Attributes:
    label: class name.
    specimen: unique over the source.
    file: path relative to the source's folder, or the drawing's name; absolute
      where a table names a file elsewhere.
    index: of a drawing within its specimen; -1 for a file.
    part: "train", "validation" or "test" where the source says; else "".
    um_per_px, bar_rows: what a table tells of the file, as in
      `micrographs.Told`; None where it does not.
  """

  label: str
  specimen: str
  file: str
  index: int = -1
  part: str = ""
  um_per_px: float | None = None
  bar_rows: int | None = None


def specimen_of(label: str, own: str, part: str) -> str:
  """Returns the name of a specimen, which is unique over the source.

  Args:
    label: its class.
    own: its name within the class; "" where nothing tells specimens apart.
    part: that it is in, where the source says.
  """
  # Nothing says whether images of one class in two parts are of one piece.
  return "/".join(name for name in (label, own or part) if name)


def told(entry: Entry, of_all: micrographs.Told) -> micrographs.Told:
  """Returns what is said of one file: of it alone, or else of all."""
  own = {
    name: value
    for name in ("bar_rows", "um_per_px")
    if (value := getattr(entry, name)) is not None
  }
  return dataclasses.replace(of_all, **own)


def agree(entries: Iterable[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
  """Returns the entries with one spelling a name, and remarks on those merged.

  Files keep the names that they have on disk.
  """
  entries = list(entries)
  labels = spelling.agreed(entry.label for entry in entries)
  named = []
  for entry in entries:
    label = labels[spelling.key(entry.label)]
    own = entry.specimen.removeprefix(entry.label).split("/")[1:]
    specimen = "/".join([label, *map(spelling.shown, own)])
    named.append(dataclasses.replace(entry, label=label, specimen=specimen))
  specimens = spelling.agreed(entry.specimen for entry in named)
  named = [
    dataclasses.replace(e, specimen=specimens[spelling.key(e.specimen)])
    for e in named
  ]
  remarks = [
    *_merged("class", entries, named, "label"),
    *_merged("specimen", entries, named, "specimen"),
  ]
  return named, tuple(remarks)


def _merged(
  what: str, before: Sequence[Entry], after: Sequence[Entry], field: str
) -> list[str]:
  """A remark for each name that stands for several spellings."""
  spellings = collections.defaultdict(set)
  for old, new in zip(before, after, strict=True):
    own = getattr(old, field)
    if field == "specimen":  # its class is another matter
      own = own.removeprefix(old.label).lstrip("/")
    spellings[getattr(new, field)].add(own)
  return [
    f"{wording.listed([repr(n) for n in sorted(names)], _SHOWN)} are taken as"
    f" one {what}, {name}"
    for name, names in spellings.items()
    if len(names) > 1
  ]


def check_parts(where: str, entries: Iterable[Entry]) -> None:
  """Raises UserError where what the source says is no split.

  Args:
    where: the folder or table, as the user named it.
    entries: each with its part, or none with any.
  """
  parts: dict[str, set[str]] = collections.defaultdict(set)
  for entry in entries:
    parts[entry.specimen].add(entry.part)
  stated = set().union(*parts.values())
  if stated <= {""}:
    return
  if missing := [part for part in ("train", "test") if part not in stated]:
    raise errors.UserError(
      f"{where}: a split is given, but no image of a class is in its part"
      f" {missing[0]}: add some, or give no split and let the program draw one"
    )
  if torn := sorted(name for name, of in parts.items() if len(of) > 1):
    raise errors.UserError(
      f"{where}: specimens must be in one part of the split each, their images"
      f" are near-copies: {wording.listed(torn, _SHOWN)}"
      f" {'is' if len(torn) == 1 else 'are'} in several. Move their images to"
      " one part, or give no split and let the program draw one"
    )
