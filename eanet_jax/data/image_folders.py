"""What lies below a folder: the image files, and why the others are not used.

Takes folders, gives image files in a fixed order. Nothing is passed over in
silence: what is no image, cannot be entered, is hidden or was left there by a
system or by this program is counted, in lines for people.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

from eanet_jax.data import file_kinds, image_files
from eanet_jax.runtime import wording

_SHOWN = 5  # names in a line


@dataclasses.dataclass(frozen=True)
class Listing:
  """What lies below a folder, by POSIX path relative to it.

  Attributes:
    images: files to be read, also links that lead nowhere: reading says why.
    folders: all that were looked into.
    closed: folders that could not be.
    others: files that are no images, nor beside an image of their name.
    passed_over: lines about what is hidden, a system's, this program's or
      listed under another name.
  """

  images: tuple[pathlib.PurePath, ...]
  folders: tuple[pathlib.PurePath, ...]
  closed: tuple[pathlib.PurePath, ...]
  others: tuple[pathlib.PurePath, ...]
  passed_over: tuple[str, ...]

  def left_out(self) -> tuple[str, ...]:
    """Returns a line for each reason why something was not used."""
    return (
      *(
        f"{path.as_posix()}: this folder cannot be read" for path in self.closed
      ),
      *file_kinds.by_suffix(self.others),
      *self.passed_over,
    )

  def overview(self, shown: int = 6) -> str:
    """Returns what lies on top: "P92/ (3 folders, 40 images), readme.txt"."""
    inside = collections.Counter(
      folder.parts[0] for folder in self.folders if len(folder.parts) == 2
    )
    images = collections.Counter(image.parts[0] for image in self.images)
    told = []
    for folder in self.folders:
      if len(folder.parts) == 1:
        name = folder.name
        counts = [wording.count(images[name], "image")]
        if inside[name]:
          counts.insert(0, wording.count(inside[name], "folder"))
        told.append(f"{name}/ ({', '.join(counts)})")
    files = (*self.images, *self.others)
    told += [file.name for file in files if len(file.parts) == 1]
    return wording.listed(told, shown) or "nothing"


def search(root: str | os.PathLike) -> Listing:
  """Returns what lies below root, to any depth.

  A link to a folder elsewhere is followed, one to a folder below root is not:
  the files there are listed once, under the names of their own folders.

  Raises:
    MicrographError: root is no folder.
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise image_files.MicrographError("not a folder")
  return _Search(root).listing()


def find(root: str | os.PathLike) -> list[pathlib.Path]:
  """Returns the image files below root, by POSIX relative path.

  What cannot be read, a broken link or a closed folder, is listed too: reading
  says why.

  Raises:
    MicrographError: root is no folder.
  """
  return _to_read(pathlib.Path(root), search(root))


def expand(
  paths: Iterable[str | os.PathLike], left_out: list[str] | None = None
) -> list[pathlib.Path]:
  """Returns the files named, and the images of the folders named, in order.

  A folder without images stands for itself, so that it is reported.

  Args:
    paths: files and folders.
    left_out: to this is added a line for each reason why something in a folder
      is not among the files.
  """
  found = []
  for path in map(pathlib.Path, paths):
    if not _is_folder(path):
      found.append(path)
      continue
    listing = search(path)
    found += _to_read(path, listing) or [path]
    if left_out is not None:
      left_out += listing.left_out()
  return found


def beside(images: Sequence[pathlib.Path]) -> dict[pathlib.Path, list[str]]:
  """Returns, by image, the names of the files that tell more of it.

  They lie in its folder and have its name and another ending, as what a
  microscope writes: a.hdr, a-tif.hdr, a.TXT or a.tif.xml beside a.tif.
  """
  found: dict[pathlib.Path, list[str]] = {}
  of_folder: dict[pathlib.Path, list[pathlib.Path]] = {}
  for image in images:
    of_folder.setdefault(image.parent, []).append(image)
  for folder, members in of_folder.items():
    try:
      names = [path.name for path in folder.iterdir()]
    except OSError:  # reading the images says why
      continue
    told_of = file_kinds.images_by_name([image.name for image in members])
    for name in sorted(names):
      for of in told_of.get(file_kinds.told_by(name), ()):
        found.setdefault(folder / of, []).append(name)
  return found


def _to_read(root: pathlib.Path, listing: Listing) -> list[pathlib.Path]:
  paths = (*listing.images, *listing.closed)
  return [root / path for path in sorted(paths, key=lambda p: p.as_posix())]


def _is_folder(path: pathlib.Path) -> bool:
  try:
    return path.is_dir()
  except OSError:  # reading says why
    return False


class _Search:
  """One walk through a folder and all below it."""

  def __init__(self, root: pathlib.Path):
    self._root, self._real_root = root, root.resolve()
    self._images: list[pathlib.PurePath] = []
    self._folders: list[pathlib.PurePath] = []
    self._closed: list[pathlib.PurePath] = []
    self._linked: list[pathlib.PurePath] = []
    self._others: list[pathlib.PurePath] = []
    self._hidden: collections.Counter[str] = collections.Counter()
    self._of_systems: collections.Counter[str] = collections.Counter()
    self._own: list[str] = []

  def listing(self) -> Listing:
    """Walks, and returns what there is."""
    entered = set()
    for folder, names, files in os.walk(
      self._root, onerror=self._note_closed, followlinks=True
    ):
      real = pathlib.Path(folder).resolve()
      below = pathlib.PurePath(folder).relative_to(self._root)
      elsewhere = real != self._real_root / below
      if real in entered or (elsewhere and self._is_over_or_below_root(real)):
        names.clear()
        self._linked.append(below)
        continue
      entered.add(real)
      if below.parts:
        self._folders.append(below)
      names[:] = self._to_enter(pathlib.Path(folder), names)
      self._sort(below, files)
    return self._found()

  def _is_over_or_below_root(self, folder: pathlib.Path) -> bool:
    root = self._real_root
    return folder.is_relative_to(root) or root.is_relative_to(folder)

  def _note_closed(self, error: OSError) -> None:
    folder = pathlib.PurePath(error.filename).relative_to(self._root)
    self._closed.append(folder)

  def _to_enter(self, folder: pathlib.Path, names: Sequence[str]) -> list[str]:
    """The folders to look into; counts what lies in the others."""
    entered = []
    for name in sorted(names):
      if name.lower() in file_kinds.OF_SYSTEMS:
        self._of_systems[name] += _count_files(folder / name)
      elif name.startswith("."):
        self._hidden[name] += _count_files(folder / name)
      else:
        entered.append(name)
    return entered

  def _sort(self, folder: pathlib.PurePath, names: Sequence[str]) -> None:
    """Says of each file of a folder what it is."""
    told_of = file_kinds.images_by_name(filter(file_kinds.is_image, names))
    for name in names:
      path = folder / name
      if name.lower() in file_kinds.OF_SYSTEMS:
        self._of_systems[name] += 1
      elif name.startswith("."):
        self._hidden[name] += 1
      elif file_kinds.is_image(name):
        if file_kinds.is_own(self._root / path):
          self._own.append(path.as_posix())
        else:
          self._images.append(path)
      elif file_kinds.told_by(name) not in told_of:
        self._others.append(path)

  def _found(self) -> Listing:
    lines = []
    if self._of_systems:
      names = wording.listed(_counted(self._of_systems), _SHOWN)
      lines.append(f"left there by a system, not looked at: {names}")
    if self._hidden:
      names = wording.listed(_counted(self._hidden), _SHOWN)
      count = wording.count(self._hidden.total(), "file")
      lines.append(f"hidden, not looked at: {count}, in or as {names}")
    if self._own:
      names = wording.listed(sorted(self._own), _SHOWN)
      lines.append(f"written by this program, no micrographs: {names}")
    lines += (
      f"{path}: a link to a folder that is looked into already"
      for path in sorted(map(pathlib.PurePath.as_posix, self._linked))
    )
    in_order = lambda paths: tuple(sorted(paths, key=lambda p: p.as_posix()))
    return Listing(
      in_order(self._images),
      in_order(self._folders),
      in_order(self._closed),
      in_order(self._others),
      tuple(lines),
    )


def _count_files(folder: pathlib.Path) -> int:
  return sum(len(files) for _, _, files in os.walk(folder))


def _counted(names: collections.Counter[str]) -> list[str]:
  """The most frequent first, with their counts where these tell more."""
  return [
    f"{name.strip()} ({wording.count(count, 'file')})"
    for name, count in sorted(names.items(), key=lambda n: (-n[1], n[0]))
  ]
