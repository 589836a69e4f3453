"""One run at a time in a workdir."""

import contextlib
import os
import pathlib
import socket
import time
from collections.abc import Iterator

import filelock

from eanet_jax import errors

_LOCK, _HOLDER = ".lock", ".lock-holder"
# A run that has just begun writes who it is within this time, in seconds.
_PATIENCE = 1


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Iterator[None]:
  """Holds an existing workdir for this process.

  The operating system lets it go when the process ends, however it ends.

  Raises:
    UserError: another process holds it.
    OSError: the workdir cannot be written.
  """
  lock = filelock.FileLock(workdir / _LOCK)
  try:
    lock.acquire(timeout=_PATIENCE)
  except filelock.Timeout:
    raise errors.UserError(
      f"{workdir} is in use by {_holder(workdir)}: wait for that run, stop it,"
      " or choose another --workdir"
    ) from None
  try:
    since = time.strftime("%Y-%m-%d %H:%M")
    (workdir / _HOLDER).write_text(
      f"process {os.getpid()} on {socket.gethostname()} since {since}",
      encoding="utf-8",
    )
    yield
  finally:
    (workdir / _HOLDER).unlink(missing_ok=True)
    lock.release()


def _holder(workdir: pathlib.Path) -> str:
  """Who holds a workdir, as far as it can be read."""
  try:
    return (workdir / _HOLDER).read_text(encoding="utf-8") or "another run"
  except (OSError, ValueError):
    return "another run"
