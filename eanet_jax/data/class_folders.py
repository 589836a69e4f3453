"""What the folders that an image lies in say: its class, specimen and part.

Takes paths relative to the folder of a data set. Rules are explicit; nothing is
matched by likeness.
"""

import os
import pathlib
import re
from collections.abc import Callable, Iterable

from eanet_jax import errors
from eanet_jax.data import entries, spelling
from eanet_jax.runtime import wording

# The entry of an image, or why it has none.
Match = Callable[[pathlib.PurePath], entries.Entry | str]

# An alloy of the published set is a folder: CPJ7, CPJ-8A, HR52-B, HR66, P92,
# P92LBN. The family is its leading letters, the folder is the specimen.
_NINE_CR = (
  ("CPJ", re.compile(r"CPJ-?\d+[A-Z]*", re.IGNORECASE)),
  ("HR", re.compile(r"HR-?\d+(-?[A-Z]+\d*)?", re.IGNORECASE)),
  ("P92", re.compile(r"P92(-?[A-Z]+)?", re.IGNORECASE)),
)


def why_not(relative: pathlib.PurePath) -> str:
  """Returns why an image cannot be used whatever its class, "" if it can."""
  name = relative.as_posix()
  try:
    name.encode()
  except UnicodeEncodeError:  # neither TFRecords nor CSV could hold it
    return "files and folders whose names are not UTF-8: rename them"
  if os.sep == "/" and "\\" in name:
    return (
      "files whose names hold those of folders, with backslashes as in"
      f" {wording.printable(relative.name)}: unpack what was packed on Windows"
      " with another program"
    )
  return ""


def matcher(name: str, where: str, images: Iterable[pathlib.PurePath]) -> Match:
  """Returns what finds the entry of each image of a source.

  Args:
    name: folder, nine_cr or unlabelled.
    where: the source's folder, as the user named it.
    images: all of its images.

  Raises:
    UserError: some of the folders on top are parts of a split, others classes.
  """
  if name == "nine_cr":
    return _by_alloy
  if name == "unlabelled":
    return _by_any_folder
  tops = {image.parts[0] for image in images if len(image.parts) > 1}
  parts = {top for top in tops if spelling.key(top) in entries.PARTS}
  if not parts:
    return _by_class
  if others := sorted(tops - parts):
    raise errors.UserError(
      f"{where}: {wording.listed(sorted(parts), 5)} on top would be parts of a"
      f" split, and {wording.listed(others, 5)} beside them would be classes."
      " Use <class>/<specimen>/image files, or all of"
      " train/<class>/<specimen>/image, validation/... and test/..."
    )
  return _by_part


def remarks(found: Iterable[entries.Entry]) -> tuple[str, ...]:
  """Returns lines on folders that may have been meant otherwise."""
  own = {entry.specimen.rsplit("/", 1)[-1] for entry in found if not entry.part}
  parts = sorted(name for name in own if spelling.key(name) in entries.PARTS)
  if not parts:
    return ()
  return (
    f"folders {wording.listed(parts, 5)} in those of classes are taken as"
    " specimens: a split is on top, as train/<class>/<specimen>/image",
  )


def _by_class(relative: pathlib.PurePath) -> entries.Entry | str:
  """<class>/[<specimen>/...]image."""
  *folders, _ = relative.parts
  if not folders:
    return "files beside the class folders"
  return _entry(folders, relative)


def _by_part(relative: pathlib.PurePath) -> entries.Entry | str:
  """<part>/<class>/[<specimen>/...]image."""
  *folders, _ = relative.parts
  if not folders:
    return "files beside the folders of the split"
  if len(folders) == 1:
    return f"{folders[0]}: files beside the class folders"
  return _entry(folders[1:], relative, entries.PARTS[spelling.key(folders[0])])


def _entry(
  folders: list[str], relative: pathlib.PurePath, part: str = ""
) -> entries.Entry:
  # Images right in a class folder are one specimen: nothing says they are not.
  label, own = folders[0], "".join(folders[1:2])
  specimen = entries.specimen_of(label, own, part)
  return entries.Entry(label, specimen, relative.as_posix(), part=part)


def _by_any_folder(relative: pathlib.PurePath) -> entries.Entry:
  """One class for all; a folder is a specimen."""
  folder = relative.parent.as_posix()
  return entries.Entry("unlabelled", folder, relative.as_posix())


def _by_alloy(relative: pathlib.PurePath) -> entries.Entry | str:
  """Family and alloy of the innermost folder that is named like an alloy."""
  for folder in map(spelling.shown, reversed(relative.parts[:-1])):
    for family, pattern in _NINE_CR:
      if pattern.fullmatch(folder):
        return entries.Entry(family, folder.upper(), relative.as_posix())
    if folder.upper() == "TAF":
      return f"{relative.parent.as_posix()}: TAF is of none of the families"
  return f"{relative.parent.as_posix()}: not named like an alloy of the set"
