"""Folders of files built once and read often: are they as they were written?

A disk that loses or changes a byte, and a hand that edits a label, would change
results without a word. So a finished folder is sealed with a checksum of each
of its files, and verified before it is used.
"""

import json
import pathlib
import zlib

from eanet_jax.runtime import json_files

_SEAL = "checksums.json"
_CHUNK_BYTES = 2**24


def seal(folder: pathlib.Path) -> None:
  """Writes the checksum of every file in a folder, which must be complete."""
  found = {path.name: _crc32(path) for path in sorted(folder.iterdir())}
  (folder / _SEAL).write_text(json.dumps(found, indent=2), encoding="utf-8")


def checksum(folder: pathlib.Path, name: str) -> int:
  """Returns the checksum of a file of a folder that is as `seal` found it."""
  return json.loads((folder / _SEAL).read_text(encoding="utf-8"))[name]


def damage(folder: pathlib.Path) -> str:
  """Returns what is not as `seal` found it, "" if nothing.

  It reads every file; a gigabyte takes about a second.

  Raises:
    OSError: a file cannot be read.
  """
  try:
    expected = json_files.read(folder / _SEAL)
  except FileNotFoundError:
    return f"{_SEAL} is missing: is it of an earlier version?"
  except ValueError:
    return f"{_SEAL} cannot be read"
  if not isinstance(expected, dict) or not expected:
    return f"{_SEAL} lists no files"
  for name, crc32 in expected.items():
    try:
      found = _crc32(folder / name)
    except (FileNotFoundError, ValueError):  # a name that no file can have
      return f"{name} is missing"
    if found != crc32:
      return f"{name} has changed"
  return ""


def _crc32(path: pathlib.Path) -> int:
  found = 0
  with path.open("rb") as file:
    while chunk := file.read(_CHUNK_BYTES):
      found = zlib.crc32(chunk, found)
  return found
