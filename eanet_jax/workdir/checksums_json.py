"""checksums.json: whether a finished run's files are as the run left them.

A disk that changes a digit, and a hand that does, would change a figure without
a word. Whoever reads one of these files asks here first. A workdir without
checksums.json is not checked.
"""

import pathlib

from eanet_jax import errors
from eanet_jax.runtime import atomic_files, file_checksums, json_files

FILE = "checksums.json"
# Those that are read again, to be shown or to be compared.
_READ = (
  "results.json",
  "comparison.json",
  "history.csv",
  "examples.npz",
  "choice.json",
  "test_predictions*.csv",
  "trained_on.*",
)
_REMEDY = (
  "delete results.json and checksums.json there, and the command of the run"
  " makes all results again from its checkpoints"
)


def write(workdir: pathlib.Path) -> None:
  """Writes the CRC-32 of each file of a workdir that is read again."""
  found = {
    path.name: file_checksums.crc32(path)
    for pattern in _READ
    for path in sorted(workdir.glob(pattern))
  }
  atomic_files.write_json(workdir / FILE, found)


def remove(workdir: pathlib.Path) -> None:
  """Removes WORKDIR/checksums.json, before what it is about is replaced."""
  (workdir / FILE).unlink(missing_ok=True)


def check(path: pathlib.Path) -> None:
  """Raises UserError if a file of a workdir is not as its run left it.

  Raises:
    UserError: that, or checksums.json cannot be read.
    OSError: the file cannot be read.
  """
  listed = path.parent / FILE
  if not listed.exists():
    return
  try:
    expected = json_files.read(listed)
  except ValueError as error:
    raise errors.UserError(
      f"{listed} is not JSON: {error}; {_REMEDY}"
    ) from None
  if not isinstance(expected, dict):
    raise errors.UserError(
      f"{listed} was changed: it holds no JSON object; {_REMEDY}"
    )
  if path.name not in expected:
    return
  if not path.exists():
    raise errors.UserError(f"{path} is missing; {_REMEDY}")
  if file_checksums.crc32(path) != expected[path.name]:
    raise errors.UserError(f"{path} was changed since its run ended; {_REMEDY}")
