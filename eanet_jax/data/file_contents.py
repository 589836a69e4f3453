"""Which contents files have, read once and remembered.

Takes files, gives a hash of each. A copy that keeps its time, or a class folder
swapped for another, has the size and the time of what it replaces: only the
contents tell. A file is read again where its size, its times, its place on the
disk or its path are not those remembered.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import stat
import time
from collections.abc import Sequence

from eanet_jax.data import read_ahead
from eanet_jax.runtime import atomic_files, console, json_files

# What was written so shortly before it was read may be written once more within
# the same tick of the file system's clock; FAT's is 2 s.
_SETTLED_NS = 2 * 10**9
_HASH_CHARACTERS = 64  # a reason is never so long


def hashes(
  root: pathlib.Path, files: Sequence[str], memory: pathlib.Path | None
) -> list[str]:
  """Returns a hexadecimal hash of each file's contents.

  Args:
    root: folder that the files' paths are relative to.
    files: paths; one that cannot be read has the reason for a hash.
    memory: folder in which the hashes are remembered, None for nowhere. Files
      are read again where it cannot be written.
  """
  known = {} if memory is None else _remembered(_place(root, memory))
  begun = time.time_ns()
  found: dict[str, list[str]] = {}  # by path, its stamp and its hash
  unsettled = set()
  for file in files:
    stamp, changed_ns = _stamp(root / file)
    found[file] = [stamp, ""]
    if stamp and known.get(file, [""])[0] == stamp:
      found[file] = known[file]
    elif changed_ns > begun - _SETTLED_NS:
      unsettled.add(file)
  unknown = [file for file in found if not found[file][1]]
  read = read_ahead.in_order(lambda file: _hash(root / file), unknown)
  for file, content in console.progress(
    read, total=len(unknown), desc="reading files", unit="file", leave=False
  ):
    found[file][1] = content
  if unknown and memory is not None:
    settled = {
      file: of
      for file, of in found.items()
      if file not in unsettled and len(of[1]) == _HASH_CHARACTERS
    }
    # A disk that is full, or not ours, costs time and no more.
    with contextlib.suppress(OSError):
      memory.mkdir(parents=True, exist_ok=True)
      atomic_files.write_text(_place(root, memory), json.dumps(settled))
  return [found[file][1] for file in files]


def _place(root: pathlib.Path, memory: pathlib.Path) -> pathlib.Path:
  """The file in which what is known of a folder's files is remembered."""
  name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
  return memory / f"{name}.json"


def _stamp(path: pathlib.Path) -> tuple[str, int]:
  """What changes with a file, "" where there is none; and when it did."""
  try:
    status = path.stat()
  except OSError:
    return "", 0
  changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
  stamp = (
    f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    f" {status.st_ino} {status.st_dev}"
  )
  return stamp, changed_ns


def _hash(path: pathlib.Path) -> str:
  """Of a file's contents; or why it has none, as reading it will say too."""
  try:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever
      return "not a regular file"
    with path.open("rb") as file:
      return hashlib.file_digest(file, "sha256").hexdigest()
  except OSError as error:
    return error.strerror or "cannot be read"


def _remembered(kept: pathlib.Path) -> dict[str, list[str]]:
  """What an earlier run found, if it can be read."""
  try:
    known = json_files.read(kept)
    return {file: [stamp, content] for file, (stamp, content) in known.items()}
  except (OSError, ValueError, TypeError, AttributeError):
    return {}
