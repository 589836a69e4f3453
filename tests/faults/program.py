"""The real program in processes of its own, and what no fault may change.

Used by the faults here: they start a small job, do something to it, start the
same command again and compare what is left with a job that nothing was done to.
"""

import contextlib
import csv
import dataclasses
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))  # where it is not pytest that imports this

from conftest import SMALL  # noqa: E402

# Six epochs, of which the third is the best: `Bench.make` sees to that.
JOB = [
  "--config=configs/eanet.py",
  *SMALL,
  "--config.train.epochs=6",
  "--config.train.seed=2",
]
BEST_EPOCH = 3
STEPS_PER_EPOCH = 3
# What differs from one run of a job to the next.
_TIMES = ("wall_time_s", "images_per_s", "inference_images_per_s")


class Lost(Exception):
  """What a fault lost, or changed without a word."""


@dataclasses.dataclass(frozen=True)
class Said:
  """How a process ended, and what it printed."""

  code: int
  out: str
  err: str

  def line(self) -> str:
    """The one line that says what to put right; Lost if there is none."""
    if "Traceback" in self.err + self.out:
      raise Lost(f"a traceback: {self.err[-600:]}")
    lines = [
      line
      for line in self.err.splitlines()
      if line.startswith(("launch.py: ", "eanet: "))
    ]
    if len(lines) != 1:
      raise Lost(f"code {self.code}, and not one line: {self.err[-600:]}")
    return lines[0]


@dataclasses.dataclass(frozen=True)
class Bench:
  """What faults are tried on.

  Attributes:
    clean: workdir of a job that nothing was done to.
    data: where its data set is.
    seconds: that the job took, its data set to be built, programs compiled.
  """

  clean: pathlib.Path
  data: pathlib.Path
  seconds: float

  @classmethod
  def make(cls, folder: pathlib.Path) -> "Bench":
    """Runs the job twice, first to compile its programs, unless it is there."""
    bench = cls(folder / "clean", folder / "data", 0.0)
    for name in ("first", "clean"):
      begun = time.monotonic()
      if not (folder / "clean" / "report.html").exists():
        shutil.rmtree(bench.data, ignore_errors=True)
        done = run(launch(folder / name, bench.data))
        assert done.code == 0, done
        (folder / "seconds").write_text(str(time.monotonic() - begun))
    same(folder / "first", bench.clean)
    results = json.loads((bench.clean / "results.json").read_text())
    assert results["best_epoch"] == BEST_EPOCH, "choose another seed in JOB"
    seconds = float((folder / "seconds").read_text())
    return dataclasses.replace(bench, seconds=seconds)


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What came of one try: what the user saw, what was lost ("": nothing)."""

  name: str
  saw: str
  lost: str = ""


@dataclasses.dataclass(frozen=True)
class Fault:
  """Something that befalls a job.

  Attributes:
    row: of the table, what kind it is.
    name: what it is among those of its row.
    attempt: tries it in an empty folder; returns what the user saw, or the
      outcomes of several tries, and raises Lost.
  """

  row: str
  name: str
  attempt: Callable[[Bench, pathlib.Path, random.Random], "str | list[Outcome]"]

  def outcomes(
    self, bench: Bench, folder: pathlib.Path, seed: int
  ) -> list[Outcome]:
    """Tries it; the same seed gives the same tries."""
    folder.mkdir(parents=True)
    rng = random.Random(f"{seed} {self.row} {self.name}")
    try:
      found = self.attempt(bench, folder, rng)
    except Exception as lost:  # a file that is not there, a time that is up
      return [Outcome(self.name, "", f"{type(lost).__name__}: {lost}")]
    if isinstance(found, str):
      found = [Outcome(self.name, found)]
    return found


def launch(
  workdir: pathlib.Path, data: pathlib.Path, *more: str, first: tuple = ()
) -> list[str]:
  """The command of the job; `first` is a program that runs launch.py."""
  return [
    sys.executable,
    *map(str, first),
    "launch.py",
    *JOB,
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data}",
    *more,
  ]


def eanet(*arguments: object, first: tuple = ()) -> list[str]:
  """The command `eanet` with its arguments."""
  program = [*map(str, first)] or [str(HERE / "die_at.py"), "", "", "0"]
  return [sys.executable, *program, "eanet", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
  """As a user's: one device, and programs that are kept."""
  kept = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"}
  kept["PYTHONPATH"] = str(ROOT)
  return kept | more


def run(command: list[str], **kwargs) -> Said:
  """Runs a command to its end."""
  done = subprocess.run(
    command,
    cwd=ROOT,
    env=environment(),
    capture_output=True,
    timeout=900,
    text=True,
    errors="backslashreplace",
    **kwargs,
  )
  return Said(done.returncode, done.stdout, done.stderr)


def run_several(commands: list[list[str]]) -> list[Said]:
  """Runs commands one after the other in one process, to import but once."""
  done = subprocess.run(
    [sys.executable, HERE / "several.py"],
    input=json.dumps([command[1:] for command in commands]),
    cwd=ROOT,
    env=environment(),
    capture_output=True,
    timeout=1800,
    text=True,
  )
  try:
    return [Said(*each) for each in json.loads(done.stdout.splitlines()[-1])]
  except (IndexError, ValueError):
    raise Lost(f"the process died: {done.stderr[-600:]}") from None


def goes_on(
  bench: Bench, workdir: pathlib.Path, data: pathlib.Path, *more: str
) -> None:
  """Runs the job's command again: it ends well, with the same results."""
  done = run(launch(workdir, data, *more))
  if done.code:
    raise Lost(f"the same command ends with {done.code}: {done.err[-600:]}")
  same(workdir, bench.clean)


def same(workdir: pathlib.Path, clean: pathlib.Path, apart: str = "") -> None:
  """Raises Lost unless two finished jobs have the same results.

  The file called `apart` is not compared: it is what was damaged.
  """
  if not (workdir / "report.html").exists():
    raise Lost("report.html is not there")
  ours, theirs = (
    json.loads((each / "results.json").read_text()) for each in (workdir, clean)
  )
  for field in theirs:
    if field not in _TIMES and ours[field] != theirs[field]:
      raise Lost(f"results.json: {field} is {ours[field]}, not {theirs[field]}")
  for table in ("history.csv", *_names(clean, "test_predictions*.csv")):
    if table == apart:
      continue
    with (workdir / table).open() as one, (clean / table).open() as other:
      if list(csv.reader(one)) != list(csv.reader(other)):
        raise Lost(f"{table} differs")
  if apart == "examples.npz":
    return
  with contextlib.ExitStack() as stack:
    ours, theirs = (
      stack.enter_context(np.load(each / "examples.npz"))
      for each in (workdir, clean)
    )
    for name in theirs:
      if not np.array_equal(ours[name], theirs[name]):
        raise Lost(f"examples.npz: {name} differs")


def _names(folder: pathlib.Path, pattern: str) -> list[str]:
  return sorted(path.name for path in folder.glob(pattern))


def copied(bench: Bench, folder: pathlib.Path) -> pathlib.Path:
  """A copy of the finished job's workdir."""
  return shutil.copytree(bench.clean, folder)


@contextlib.contextmanager
def started(command: list[str], **kwargs) -> Iterator[subprocess.Popen]:
  """A process that does not outlive the block."""
  process = subprocess.Popen(
    command,
    **{
      "cwd": ROOT,
      "env": environment(),
      "stdout": subprocess.PIPE,
      "stderr": subprocess.PIPE,
      "text": True,
      **kwargs,
    },
  )
  try:
    yield process
  finally:
    process.kill()
    process.communicate()
