"""Folders of files built once and read often: are they as they were written?

A disk that loses or changes a byte, and a hand that edits a label, would change
results without a word. So a finished folder is sealed with a checksum of each
of its files, and verified before it is used.
"""

import json
import pathlib
import zlib

_SEAL = "checksums.json"
_CHUNK_BYTES = 2**24


class Damaged(Exception):
  """Files are missing, or not as they were written; says which and how."""


def seal(folder: pathlib.Path) -> None:
  """Writes the checksum of every file in a folder, which must be complete."""
  found = {path.name: _crc32(path) for path in sorted(folder.iterdir())}
  (folder / _SEAL).write_text(json.dumps(found, indent=2), encoding="utf-8")


def verify(folder: pathlib.Path) -> None:
  """Compares every file of a sealed folder; a gigabyte takes about a second.

  Raises:
    Damaged: a file is missing or has changed.
    OSError: a file cannot be read.
  """
  try:
    expected = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
    items = expected.items()
  except FileNotFoundError:
    raise Damaged(f"{_SEAL} is missing: is it of an earlier version?") from None
  except (AttributeError, ValueError):
    raise Damaged(f"{_SEAL} cannot be read") from None
  if not items:
    raise Damaged(f"{_SEAL} is empty")
  for name, crc32 in items:
    try:
      found = _crc32(folder / name)
    except FileNotFoundError:
      raise Damaged(f"{name} is missing") from None
    if found != crc32:
      raise Damaged(f"{name} has changed")


def _crc32(path: pathlib.Path) -> int:
  found = 0
  with path.open("rb") as file:
    while chunk := file.read(_CHUNK_BYTES):
      found = zlib.crc32(chunk, found)
  return found
