"""Folders of files built once and read often: where, by whom, still as written?

A disk that loses or changes a byte, and a hand that edits a label, would change
results without a word. So a finished folder is sealed with a checksum of each
of its files, and verified before it is used.
"""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

import filelock

from eanet_jax import errors
from eanet_jax.runtime import console, file_checksums, json_files

_SEAL = "checksums.json"
_QUIET_WAIT_S = 1.0


def home(data_dir: str) -> pathlib.Path:
  """Returns the folder where data sets are kept.

  Args:
    data_dir: as the configuration has it; "" for TFDS's own default.

  Raises:
    UserError: it is in the home folder of a user who has none.
  """
  folder = (
    data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
  )
  try:
    return pathlib.Path(folder).expanduser().absolute()
  except RuntimeError:
    raise errors.UserError(
      f"cannot keep the data set in {folder}: there is no such home folder;"
      " choose another folder with --config.dataset.data_dir=FOLDER"
    ) from None


@contextlib.contextmanager
def only_builder(root: pathlib.Path) -> Iterator[None]:
  """Waits for other runs that build in the same folder, and says so."""
  lock = filelock.FileLock(root / ".lock")
  try:
    lock.acquire(timeout=_QUIET_WAIT_S)
  except filelock.Timeout:
    console.say(f"waiting for another run, which is building {root}")
    lock.acquire()
  try:
    yield
  finally:
    lock.release()


def seal(folder: pathlib.Path) -> None:
  """Writes the checksum of every file in a folder, which must be complete."""
  found = {
    path.name: file_checksums.crc32(path) for path in sorted(folder.iterdir())
  }
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
      found = file_checksums.crc32(folder / name)
    except (FileNotFoundError, ValueError):  # a name that no file can have
      return f"{name} is missing"
    if found != crc32:
      return f"{name} has changed"
  return ""
