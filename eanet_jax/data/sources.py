"""Where micrographs come from: which file is of which class and specimen.

Takes the name of a source and a folder, gives a `Source`: the entries to build
the data set from, what was left out and why, and a digest that changes when
the data set would. Rules are explicit; nothing is matched by likeness.
"""

import collections
import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Iterable, Sequence

from eanet_jax import errors
from eanet_jax.data import micrographs, synthetic
from eanet_jax.runtime import wording

# Changed when cleaning or the record schema changes what is on disk.
VERSION = "1.1.0"
NAMES = ("synthetic", "folder", "nine_cr", "unlabelled")

# An alloy of the published set is a folder: CPJ7, CPJ-8A, HR52-B, HR66, P92,
# P92LBN. The family is its leading letters, the folder is the specimen.
_NINE_CR = (
  ("CPJ", re.compile(r"CPJ-?\d+[A-Z]*", re.IGNORECASE)),
  ("HR", re.compile(r"HR-?\d+(-?[A-Z]+\d*)?", re.IGNORECASE)),
  ("P92", re.compile(r"P92(-?[A-Z]+)?", re.IGNORECASE)),
)


@dataclasses.dataclass(frozen=True)
class Entry:
  """One micrograph of a source.

  Attributes:
    label: class name.
    specimen: unique over the source.
    file: path relative to the source's folder, or the drawing's name.
    index: of a drawing within its specimen; -1 for a file.
  """

  label: str
  specimen: str
  file: str
  index: int = -1


@dataclasses.dataclass(frozen=True)
class Source:
  """Entries of a data set, in a fixed order, and what was left out.

  Attributes:
    name: one of NAMES.
    root: folder the entries' files are relative to; "" for drawings.
    seed: of the drawings; 0 for files.
    entries: what the data set is built from.
    unmatched: one line for each folder or file that belongs to no class.
    digest: hexadecimal; it changes when the data set would.
    told: what is said of every file, and wanted of it.
  """

  name: str
  root: str
  seed: int
  entries: tuple[Entry, ...]
  unmatched: tuple[str, ...]
  digest: str
  told: micrographs.Told = micrographs.NOTHING_TOLD

  @property
  def classes(self) -> list[str]:
    """Class names in the order of their labels."""
    return sorted({entry.label for entry in self.entries})


def find(
  name: str,
  path: str = "",
  *,
  seed: int = 0,
  images_per_specimen: int = 0,
  told: micrographs.Told = micrographs.NOTHING_TOLD,
) -> Source:
  """Returns the source called `name` at `path`.

  Args:
    name: one of NAMES.
    path: folder of micrographs; not used by synthetic.
    seed: of the drawn micrographs; not used by the others.
    images_per_specimen: the first so many of each; 0 for all.
    told: what is said of every file, and wanted of it.

  Raises:
    UserError: an unknown name, no such folder, or too few classes in it.
  """
  if name == "synthetic":
    entries = _first_of_each(_drawings(), images_per_specimen)
    facts = [name, str(seed), str(images_per_specimen), *_told_facts(told)]
    return Source(name, "", seed, entries, (), _digest(facts), told)
  if name not in NAMES:
    raise errors.UserError(
      f"dataset.source={name!r} is unknown: choose one of {', '.join(NAMES)}"
    )
  if not path:
    raise errors.UserError(
      f"dataset.source={name} needs a folder: add --config.dataset.path=FOLDER"
    )
  root = _folder(path)
  found, unmatched = _match_all(root, name)
  entries = _first_of_each(found, images_per_specimen)
  _check_classes(name, path, entries, unmatched)
  facts = [name, str(root), *_told_facts(told)]
  for entry in entries:
    facts += [entry.file, *_stamps(root / entry.file)]
  return Source(name, str(root), 0, entries, unmatched, _digest(facts), told)


def _drawings() -> list[Entry]:
  return [
    Entry(label, specimen, f"{specimen}_{index:03d}", index)
    for label, specimen, index in synthetic.catalogue()
  ]


def _match_all(
  root: pathlib.Path, name: str
) -> tuple[list[Entry], tuple[str, ...]]:
  """The entries below a folder, and a line for each reason of the others."""
  match = {
    "folder": _match_folder,
    "nine_cr": _match_nine_cr,
    "unlabelled": _match_any,
  }[name]
  entries: list[Entry] = []
  unmatched: collections.Counter[str] = collections.Counter()
  closed: list[str] = []
  for file in micrographs.find(root):
    relative = file.relative_to(root)
    if file.suffix.lower() not in micrographs.SUFFIXES:
      closed.append(f"{relative.as_posix()}: this folder cannot be read")
      continue
    found = match(relative)
    try:
      relative.as_posix().encode()
    except UnicodeEncodeError:  # neither TFRecords nor CSV could hold it
      found = "files and folders whose names are not UTF-8: rename them"
    if isinstance(found, str):
      unmatched[found] += 1
      continue
    label, specimen = found
    entries.append(Entry(label, specimen, relative.as_posix()))
  lines = tuple(
    f"{reason} ({wording.count(count, 'image')})"
    for reason, count in sorted(unmatched.items())
  )
  return entries, (*lines, *closed)


def _check_classes(
  name: str, path: str, entries: Sequence[Entry], unmatched: Sequence[str]
) -> None:
  """Raises UserError where there is too little to train on."""
  suffixes = ", ".join(sorted(micrographs.SUFFIXES))
  if name == "unlabelled":
    if not entries:
      raise errors.UserError(
        f"{path}: found no images in it, expected {suffixes}"
      )
    return
  classes = {entry.label for entry in entries}
  if len(classes) < 2:
    layout = (
      "<class>/<specimen>/image files in it, e.g. P92/P92-1/a.tif"
      if name == "folder"
      else "one folder of images for each alloy (CPJ7, HR52-B, P92, ...)"
    )
    found = f"found {wording.count(len(classes), 'class')} of images"
    if unmatched:
      found += f"; left out: {unmatched[0]}"
    raise errors.UserError(
      f"{path}: {found}; at least 2 classes are needed: expected {layout}, as"
      f" {suffixes}"
    )


def _folder(path: str) -> pathlib.Path:
  try:
    folder = pathlib.Path(path).expanduser()
    if folder.is_dir():
      return folder.resolve()
    reason = "there is no such folder"
  except RuntimeError:
    reason = "there is no such home folder"
  except OSError as error:
    reason = f"cannot be read: {error.strerror}"
  raise errors.UserError(f"dataset.path={path}: {reason}")


def _first_of_each(entries: Iterable[Entry], count: int) -> tuple[Entry, ...]:
  """The first `count` entries of each specimen, in order; all for 0."""
  if not count:
    return tuple(entries)
  seen: collections.Counter[str] = collections.Counter()
  kept: list[Entry] = []
  for entry in entries:
    seen[entry.specimen] += 1
    if seen[entry.specimen] <= count:
      kept.append(entry)
  return tuple(kept)


def _match_folder(relative: pathlib.PurePath) -> tuple[str, str] | str:
  """Class and specimen of <class>/[<specimen>/...]image, or why it has none."""
  *folders, _ = relative.parts
  if not folders:
    return "files beside the class folders"
  # Images right in a class folder are one specimen: nothing says they are not.
  return folders[0], "/".join(folders[:2])


def _match_any(relative: pathlib.PurePath) -> tuple[str, str]:
  """One class for all; a folder is a specimen."""
  return "unlabelled", relative.parent.as_posix()


def _match_nine_cr(relative: pathlib.PurePath) -> tuple[str, str] | str:
  """Family and alloy of the innermost folder that is named like an alloy."""
  for folder in reversed(relative.parts[:-1]):
    for family, pattern in _NINE_CR:
      if pattern.fullmatch(folder):
        return family, folder.upper()
    if folder.upper() == "TAF":
      return f"{relative.parent.as_posix()}: TAF is of none of the families"
  return f"{relative.parent.as_posix()}: not named like an alloy of the set"


def _stamps(file: pathlib.Path) -> list[str]:
  """Size and time of a file and of what a microscope wrote beside it."""
  stamps = []
  endings = (".hdr", f"-{file.suffix[1:]}.hdr", ".txt", ".TXT")
  for beside in (file, *(file.with_name(file.stem + end) for end in endings)):
    try:
      stat = beside.stat()
    except OSError:
      continue  # not there, or a broken link that reading will report
    stamps.append(f"{stat.st_size} {stat.st_mtime_ns}")
  return stamps


def _told_facts(told: micrographs.Told) -> list[str]:
  """What was said and changes pixels; nothing where nothing was."""
  nothing = dataclasses.asdict(micrographs.NOTHING_TOLD)
  return [
    f"{name}={value}"
    for name, value in dataclasses.asdict(told).items()
    if value != nothing[name]
  ]


def _digest(facts: list[str]) -> str:
  text = "\0".join([VERSION, *facts])
  return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
