"""Where micrographs come from: which file is of which class and specimen.

Takes the name of a source and a folder, gives a `Source`: the entries to build
the data set from, what was left out and why, and a digest that changes when
the data set would. Rules are explicit; nothing is matched by likeness.
"""

import collections
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable, Sequence

from eanet_jax import errors
from eanet_jax.data import (
  built_files,
  class_folders,
  entries,
  file_contents,
  file_kinds,
  image_folders,
  micrographs,
  synthetic,
  table_cells,
  tables,
)
from eanet_jax.runtime import wording

# Changed when cleaning or the record schema changes what is on disk.
VERSION = "1.3.0"
NAMES = ("synthetic", "folder", "nine_cr", "unlabelled", "table")
_MEMORY = "known-files"  # folder of the data folder, for hashes of contents

Entry = entries.Entry


@dataclasses.dataclass(frozen=True)
class Source:
  """Entries of a data set, in a fixed order, and what was left out.

  Attributes:
    name: one of NAMES.
    root: folder the entries' files are relative to; "" for drawings.
    seed: of the drawings; 0 for files.
    entries: what the data set is built from.
    unmatched: a line for each reason why something at the source is not used.
    digest: hexadecimal; it changes when the data set would.
    remarks: lines on what was taken for what.
    told: what is said of every file, and wanted of it.
  """

  name: str
  root: str
  seed: int
  entries: tuple[Entry, ...]
  unmatched: tuple[str, ...]
  digest: str
  remarks: tuple[str, ...] = ()
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
  data_dir: str | None = None,
  told: micrographs.Told = micrographs.NOTHING_TOLD,
) -> Source:
  """Returns the source called `name` at `path`.

  Args:
    name: one of NAMES; a table at `path` is taken for one, too, where a folder
      is asked for.
    path: folder of micrographs, or table; not used by synthetic.
    seed: of the drawn micrographs; not used by the others.
    images_per_specimen: the first so many of each; 0 for all.
    data_dir: where data sets are kept, and what is known of files' contents;
      None to read every file.
    told: what is said of every file, and wanted of it.

  Raises:
    UserError: an unknown name, no such folder, a table that cannot be used, or
      too few classes.
  """
  if name == "synthetic":
    kept = _first_of_each(_drawings(), images_per_specimen)
    facts = [name, str(seed), str(images_per_specimen), *_told_facts(told)]
    return Source(name, "", seed, kept, (), _digest(facts), told=told)
  if name not in NAMES:
    raise errors.UserError(
      f"dataset.source={name!r} is unknown: choose one of {', '.join(NAMES)}"
    )
  what = "table" if name == "table" else "folder"
  if not path:
    raise errors.UserError(
      f"dataset.source={name} needs a {what}: add"
      f" --config.dataset.path={what.upper()}"
    )
  if name == "table" or (name == "folder" and table_cells.is_table(path)):
    found = _of_table(path)
  else:
    found = _of_folder(name, path)
  kept = _first_of_each(found.entries, images_per_specimen)
  contents = _contents(pathlib.Path(found.root), kept, data_dir)
  digest = _digest([found.name, *_told_facts(told), *contents])
  return dataclasses.replace(found, entries=kept, digest=digest, told=told)


def labelled(path: str) -> Source:
  """Returns what a folder or table says of its files, be it of one class.

  Nothing is read of the files: there is no digest. Their parts of a split, if
  they are said, are kept and not checked.

  Raises:
    UserError: there is no such folder, a table cannot be used, or no file is
      of a class.
  """
  if table_cells.is_table(path):
    found = _named_by_table(path)
  else:
    found, _ = _below_folder("folder", path)
  if not found.entries:
    told = "".join(f"; left out: {line}" for line in found.unmatched[:3])
    raise errors.UserError(
      f"{path}: no image in it is of a class: expected <class>/<specimen>/image"
      f" files, or a table with the columns file and class{told}"
    )
  return found


def _drawings() -> list[Entry]:
  return [
    Entry(label, specimen, f"{specimen}_{index:03d}", index)
    for label, specimen, index in synthetic.catalogue()
  ]


def _of_table(path: str) -> Source:
  """All that a table names; without a digest."""
  found = _named_by_table(path)
  entries.check_parts(path, found.entries)
  if len(found.classes) < 2:
    count = wording.count(len(found.classes), "class")
    raise errors.UserError(
      f"{path}: {count} of images that are there; at least 2 are needed"
      + "".join(f"; left out: {line}" for line in found.unmatched[:3])
    )
  return found


def _named_by_table(path: str) -> Source:
  table = tables.read(path)
  agreed, remarks = entries.agree(table.entries)
  return Source(
    "table",
    str(table.root),
    0,
    tuple(agreed),
    table.left_out,
    "",
    (*table.remarks, *remarks),
  )


def _of_folder(name: str, path: str) -> Source:
  """All that lies below a folder; without a digest."""
  found, listing = _below_folder(name, path)
  _check_classes(name, path, found.entries, found.unmatched, listing)
  entries.check_parts(path, found.entries)
  return found


def _below_folder(name: str, path: str) -> tuple[Source, image_folders.Listing]:
  root = _folder(path)
  listing = image_folders.search(root)
  match = class_folders.matcher(name, path, listing.images)
  matched: list[Entry] = []
  unmatched: collections.Counter[str] = collections.Counter()
  for image in listing.images:
    found = class_folders.why_not(image) or match(image)
    if isinstance(found, str):
      unmatched[found] += 1
    else:
      matched.append(found)
  remarks: tuple[str, ...] = ()
  if name == "folder":
    matched, remarks = entries.agree(matched)
    remarks += class_folders.remarks(matched)
  lines = [
    f"{reason} ({wording.count(count, 'image')})"
    for reason, count in sorted(unmatched.items())
  ]
  if name == "folder":
    lines += _without_images(listing, matched)
  lines += listing.left_out()
  return Source(
    name, str(root), 0, tuple(matched), tuple(lines), "", remarks
  ), listing


def _without_images(
  listing: image_folders.Listing, matched: Sequence[Entry]
) -> list[str]:
  """A line for each folder that should be of a class and has no micrograph."""
  files = [pathlib.PurePath(entry.file).parts for entry in matched]
  depth = 2 if any(entry.part for entry in matched) else 1
  used = {file[:n] for file in files for n in range(1, depth + 1)}
  return [
    f"{folder.as_posix()}: no image in it can be used, it is no class"
    for folder in listing.folders
    if len(folder.parts) <= depth and folder.parts not in used
  ]


def _check_classes(
  name: str,
  path: str,
  matched: Sequence[Entry],
  unmatched: Sequence[str],
  listing: image_folders.Listing,
) -> None:
  """Raises UserError where there is too little to train on."""
  suffixes = ", ".join(sorted(file_kinds.SUFFIXES))
  beside = f"there are: {listing.overview()}"
  if name == "unlabelled":
    if not matched:
      raise errors.UserError(
        f"{path}: found no images in it, expected {suffixes}; {beside}"
      )
    return
  classes = sorted({entry.label for entry in matched})
  if len(classes) >= 2:
    return
  layout = (
    "<class>/<specimen>/image files in it, e.g. P92/P92-1/a.tif"
    if name == "folder"
    else "one folder of images for each alloy (CPJ7, HR52-B, P92, ...)"
  )
  told = f"found {wording.count(len(classes), 'class')} of images; {beside}"
  if unmatched:
    told += f"; left out: {unmatched[0]}"
  if name == "folder":
    told += _perhaps_meant(path, matched, listing)
  raise errors.UserError(
    f"{path}: {told}. At least 2 classes are needed: expected {layout}, as"
    f" {suffixes}"
  )


def _perhaps_meant(
  path: str, matched: Sequence[Entry], listing: image_folders.Listing
) -> str:
  """What else to name, where the classes are a folder deeper or in a table."""
  for file in listing.others:
    if len(file.parts) == 1 and table_cells.is_table(pathlib.Path(path, file)):
      return f". If the classes stand in {file}, name that file"
  files = [pathlib.PurePath(entry.file).parts for entry in matched]
  inside = sorted({file[1] for file in files if len(file) > 2})
  if len(inside) < 2:
    return ""
  return (
    f". If {wording.listed(inside, 3)} are the classes, name the folder"
    f" {pathlib.PurePath(path, files[0][0])}"
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


def _contents(
  root: pathlib.Path, kept: Sequence[Entry], data_dir: str | None
) -> list[str]:
  """All that the data set is made of: names, files, and what is told of them.

  A file beside an image tells of it, as what a microscope wrote: it counts too.
  """
  paths = [root / entry.file for entry in kept]
  beside = image_folders.beside(paths)
  files = [
    [entry.file, *(str(path.with_name(name)) for name in beside.get(path, ()))]
    for entry, path in zip(kept, paths, strict=True)
  ]
  each = [file for of_entry in files for file in of_entry]
  memory = None
  if data_dir is not None:
    memory = built_files.home(data_dir) / _MEMORY
  content_of = dict(
    zip(each, file_contents.hashes(root, each, memory), strict=True)
  )
  facts = []
  for entry, of_entry in zip(kept, files, strict=True):
    told = (entry.label, entry.specimen, entry.um_per_px, entry.bar_rows)
    names = [entry.file, *(pathlib.PurePath(f).name for f in of_entry[1:])]
    contents = [content_of[file] for file in of_entry]
    facts += [*map(str, told), *names, *contents]
  return facts


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
