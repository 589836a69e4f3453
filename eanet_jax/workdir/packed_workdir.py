"""A workdir in one file, to hand to others: NAME.eanet.zip.

It holds what prediction and report need: the best checkpoint without the state
of the optimizer, the figures, and what was trained on by name. A packed workdir
is read by unpacking it, see `sealed_archive`, into a folder of this process
alone, which then is a workdir like any other.
"""

import contextlib
import pathlib
from collections.abc import Iterable, Iterator

from eanet_jax.workdir import checksums_json, sealed_archive

ENDING = ".eanet.zip"
KIND = "workdir"
_CALLED = "a packed workdir"
# Not the report, which can be made again, nor the folds and the logs.
_FILES = (
  "config.json",
  "results.json",
  "choice.json",
  "history.csv",
  "left_out.csv",
  "remarks.csv",
  "parameters.txt",
  "examples.npz",
  "trained_on.csv",
  "trained_on.npz",
  "test_predictions*.csv",
  "names.csv",
  "checksums.json",
)
# Orbax writes it for stores that cannot rename; it tells where the run lay.
_NOT_OF_CHECKPOINTS = "commit_success.txt"


def write(
  workdir: pathlib.Path,
  path: pathlib.Path,
  folders: Iterable[pathlib.Path],
  versions: dict[str, str],
) -> int:
  """Writes a packed workdir; returns how many bytes it has.

  Args:
    workdir: of a training run.
    path: the file.
    folders: of its checkpoints, see `restore.folders`.
    versions: of the packages that write it.

  Raises:
    UserError: a file was changed since its run ended, or all are too large.
    OSError: the file cannot be written, or one of the workdir cannot be read.
  """
  members = {
    file.name: file
    for pattern in _FILES
    for file in sorted(workdir.glob(pattern))
    if file.is_file()
  }
  for file in members.values():
    checksums_json.check(file)
  for folder in folders:
    for file in sorted(folder.rglob("*")):
      if file.is_file() and file.name != _NOT_OF_CHECKPOINTS:
        members[file.relative_to(workdir).as_posix()] = file
  sealed_archive.write(path, KIND, versions, members)
  return path.stat().st_size


def name(path: pathlib.Path) -> str:
  """Returns what a workdir is called, packed or not."""
  called = path.expanduser().absolute().name
  return called.removesuffix(ENDING) or called


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields the folder of a workdir, which may be packed.

  A packed one is unpacked anew, and what it was unpacked to is removed at the
  end, with all that was written there.

  Raises:
    UserError: it is a file and no packed workdir, or was changed.
  """
  path = path.expanduser()
  if not path.is_file():
    yield path
    return
  with sealed_archive.unpacked(path, KIND, _CALLED, name(path)) as folder:
    yield folder
