"""Files and folders that are written whole or not at all.

Takes a path, gives another beside it to write to; what was there before stays
until the new one is complete. A reader never sees half a file, whenever the
writer is stopped or the power fails.
"""

import contextlib
import errno
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from eanet_jax.runtime import json_files


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields a new path beside `path`, which takes its place at the end.

  The body makes a file or a folder there. If the body fails, what it made is
  removed and `path` stays as it was. Of a link, what it leads to is replaced.
  """
  path = path.resolve()
  building = path.with_name(f".{path.name}.incomplete-{secrets.token_hex(4)}")
  try:
    yield building
    _to_disk(building)
    if building.is_dir() and path.is_dir():
      shutil.rmtree(path)
    building.replace(path)
    _to_disk(path.parent, deep=False)
  finally:
    if building.is_dir():
      shutil.rmtree(building, ignore_errors=True)
    else:
      building.unlink(missing_ok=True)


def _to_disk(path: pathlib.Path, deep: bool = True) -> None:
  """Waits until a file, or a folder with all in it, is on disk.

  Else the system may write a new name before what it names, and a power failure
  between the two leaves an empty file in place of a sound one. Does nothing
  where the file system has no such operation.
  """
  for each in (*(path.rglob("*") if deep else ()), path):
    try:
      opened = os.open(each, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder
      continue
    try:
      os.fsync(opened)
    except OSError as error:
      if error.errno not in (errno.EINVAL, errno.ENOTSUP):
        raise
    finally:
      os.close(opened)


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes UTF-8; bytes of file names that are not UTF-8 stay as they are."""
  with replacing(path) as building:
    building.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes indented JSON that any parser reads: NaN is an error."""
  write_text(path, json_files.text(value))


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes arrays by name as an .npz file."""
  with replacing(path) as building, building.open("wb") as file:
    # An array could be called allow_pickle; no caller has one.
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
