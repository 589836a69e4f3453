"""All files that a data set was made from, and the hash of each.

Takes a source as a configuration names it, gives names relative to its folder:
micrographs, what lies beside them, and files that are of no use.
"""

import dataclasses
import pathlib

from eanet_jax import errors
from eanet_jax.data import file_contents, image_folders, sources, table_cells


@dataclasses.dataclass(frozen=True)
class InputFiles:
  """The files of a data set.

  Attributes:
    table: name of the table that lists the micrographs, relative to the folder;
      "" of a folder that is searched.
    hashes: SHA-256, hexadecimal, by POSIX name relative to the folder; of a
      file that cannot be read, why.
  """

  table: str
  hashes: dict[str, str]


def find(source: str, path: str) -> InputFiles:
  """Returns the files of a source, every one of them read.

  Args:
    source: `dataset.source`; drawings have no files.
    path: `dataset.path`.

  Raises:
    UserError: there is no such folder or table, or the table names files that
      do not lie below its folder.
  """
  if source == "synthetic":
    return InputFiles("", {})
  place = pathlib.Path(path).expanduser()
  if table_cells.is_table(place):
    return _of_table(place.absolute())
  if not place.is_dir():
    raise errors.UserError(f"{path}: there is no such folder")
  listing = image_folders.search(place)
  found = [*listing.images, *listing.others]
  images = [place / image for image in listing.images]
  return _hashed(place, "", [path.as_posix() for path in found], images)


def _of_table(table: pathlib.Path) -> InputFiles:
  if not table.is_file():
    raise errors.UserError(f"{table}: there is no such table")
  files = [entry.file for entry in sources.labelled(str(table)).entries]
  for file in files:
    pure = pathlib.PurePath(file)
    if pure.is_absolute() or ".." in pure.parts:
      raise errors.UserError(
        f"{table} names {file}, which is not in its folder: nobody else has it"
        " there. Put the table into a folder that holds all files"
      )
  images = [table.parent / file for file in files]
  return _hashed(table.parent, table.name, [table.name, *files], images)


def _hashed(
  root: pathlib.Path, table: str, names: list[str], images: list[pathlib.Path]
) -> InputFiles:
  """The hashes of these files, and of what lies beside the images."""
  beside = [
    image.with_name(name).relative_to(root).as_posix()
    for image, found in image_folders.beside(images).items()
    for name in found
  ]
  every = sorted({pathlib.PurePath(name).as_posix() for name in names + beside})
  # Each is read anew: what was remembered of it proves nothing.
  hashes = file_contents.hashes(root, every, None)
  return InputFiles(table, dict(zip(every, hashes, strict=True)))
