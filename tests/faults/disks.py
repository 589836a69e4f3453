"""Disks that take no more and folders that may not be written to."""

import contextlib
import os
import pathlib
import random
from collections.abc import Iterator

from program import (
  ROOT,
  Bench,
  Fault,
  Lost,
  copied,
  eanet,
  goes_on,
  launch,
  run,
  same,
)

# What does not fit, and the largest file that does, in KiB. The views take 84
# KiB, the records and the report more.
_FULL = {"records": 20, "a checkpoint": 16, "the report": 90}


def full(kib: int, builds: bool):
  """A file that grows beyond so many KiB fails; then the disk has room."""

  def attempt(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
    data = folder / "data" if builds else bench.data
    workdir = folder / "run"
    command = ["bash", "-c", f'ulimit -f {kib}; exec "$@"', "bash"]
    done = run([*command, *launch(workdir, data)])
    if done.code != 2:
      raise Lost(f"{done.code}: {done.err[-600:]}")
    line = done.line()
    if "File too large" not in line or str(folder) not in line:
      raise Lost(line)
    goes_on(bench, workdir, data)
    return "a line that names the folder: File too large"

  return attempt


def _bound(command: list[str]) -> list[str]:
  """The command without what lets root write anywhere."""
  if os.getuid():
    return command
  lost = "-dac_override,-dac_read_search,-fowner"
  return ["setpriv", f"--bounding-set={lost}", *command]


@contextlib.contextmanager
def _closed(folder: pathlib.Path) -> Iterator[None]:
  """Nothing can be made in a folder within the block."""
  folder.chmod(0o555)
  try:
    yield
  finally:
    folder.chmod(0o755)


def read_only(stage: str):
  """A folder that cannot be written to; then it can."""

  def attempt(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
    workdir, data, closed = folder / "run", bench.data, folder
    if stage == "data set":
      data = closed = folder / "data"
      data.mkdir()
    elif stage in ("results", "report"):
      closed = copied(bench, workdir)
      (workdir / "report.html").unlink()
      if stage == "results":
        (workdir / "results.json").unlink()
    command = launch(workdir, data)
    if stage == "table":
      picture = ROOT / "docs" / "images" / "report.png"
      table = folder / "table.csv"
      command = eanet("predict", bench.clean, picture, "--out", table)
    with _closed(closed):
      done = run(_bound(command))
    if done.code != 2:
      raise Lost(f"{done.code}: {done.err[-600:]}")
    line = done.line()
    if str(folder) not in line or "ermission denied" not in line:
      raise Lost(line)
    if stage == "table":
      if run(command).code:
        raise Lost("the same command does not go on")
    else:
      goes_on(bench, workdir, data)
    return "a line that names the folder: Permission denied"

  return attempt


def finished_read_only(
  bench: Bench, folder: pathlib.Path, _: random.Random
) -> str:
  """A finished job is shown although nothing can be written."""
  workdir = copied(bench, folder / "run")
  with _closed(workdir):
    done = run(_bound(launch(workdir, bench.data)))
  if done.code or "macro f1" not in done.out:
    raise Lost(f"{done.code}: {done.err[-600:]}")
  same(workdir, bench.clean)
  return "its results"


def all_faults() -> list[Fault]:
  """Every stage."""
  found = [
    Fault("full disk", what, full(kib, builds=what == "records"))
    for what, kib in _FULL.items()
  ]
  found += [
    Fault("read-only folder", stage, read_only(stage))
    for stage in ("data set", "workdir", "results", "report", "table")
  ]
  found.append(Fault("read-only folder", "finished", finished_read_only))
  return found
