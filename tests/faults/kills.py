"""Deaths and signals: the same command goes on to the same results."""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import time

from program import (
  BEST_EPOCH,
  HERE,
  ROOT,
  STEPS_PER_EPOCH,
  Bench,
  Fault,
  Lost,
  copied,
  eanet,
  goes_on,
  launch,
  run,
  started,
)

DIE_AT = HERE / "die_at.py"
BEST_STEP = BEST_EPOCH * STEPS_PER_EPOCH
SAVE = "save of a checkpoint"
STEP = "eanet_jax.data.batching:Batches.__call__"
# `Training.estimate` asks for a batch before the first step.
BEFORE_BEST, AFTER_BEST = BEST_STEP - 1, BEST_STEP + 6

# (row, what happens, function, its call); + is after it has returned.
MOMENTS = [
  ("build of the data set", "a micrograph is written", "sem_steel:_png", 20),
  ("build of the data set", "it is sealed", "built_files:seal", 1),
  ("build of the data set", "views are sealed", "built_files:seal", 2),
  ("build of the data set", "views are made", "micrographs:views", 30),
  ("compilation", "it begins", "train_loop:Training.estimate", 1),
  ("compilation", "it is done", "train_loop:Training.estimate+", 1),
  ("a training step", "before the best epoch", STEP, BEFORE_BEST),
  ("a training step", "after the best epoch", STEP, AFTER_BEST),
  ("validation", "before the best epoch", "train_loop:Training._validate", 2),
  ("validation", "of the best epoch", "train_loop:Training._validate", 3),
  ("validation", "after the best epoch", "train_loop:Training._validate", 5),
  (SAVE, "the first begins", "checkpoints:Checkpoints.save", 1),
  (SAVE, "the first goes on", "checkpoints:Checkpoints.save+", 1),
  (SAVE, "the best begins", "checkpoints:Checkpoints.save", 2),
  (SAVE, "the best goes on", "checkpoints:Checkpoints.save+", 2),
  (SAVE, "the last begins", "checkpoints:Checkpoints.save", 3),
  (SAVE, "the last goes on", "checkpoints:Checkpoints.save+", 3),
  (SAVE, "history.csv before it", "history_csv:write+", 4),
  ("evaluation", "the network runs", "run_results:_run_network+", 1),
  ("evaluation", "a table is written", "predictions_csv:write_test+", 2),
  ("evaluation", "images are written", "examples_npz:write+", 1),
  ("evaluation", "results are written", "results_json:write", 1),
  ("evaluation", "results are there", "results_json:write+", 1),
  ("report", "it begins", "html_pages:write", 1),
  ("report", "it is put in place", "run_page:contents+", 1),
]
_WINGS = {
  "sem_steel": "data",
  "built_files": "data",
  "micrographs": "data",
  "train_loop": "training",
  "checkpoints": "workdir",
  "history_csv": "workdir",
  "predictions_csv": "workdir",
  "examples_npz": "workdir",
  "results_json": "workdir",
  "run_results": "evaluation",
  "html_pages": "reporting",
  "run_page": "reporting",
}


def _whole(function: str) -> str:
  """The full name of a function of a module."""
  if function.startswith("eanet_jax"):
    return function
  return f"eanet_jax.{_WINGS[function.partition(':')[0]]}.{function}"


def killed_at(function: str, call: int):
  """kill -9 at the n-th call of a function, then the same command."""

  def attempt(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
    builds = "data" in _whole(function).split(".")[1] and function != STEP
    data = folder / "data" if builds else bench.data
    first = (DIE_AT, "SIGKILL", _whole(function), call)
    done = run(launch(folder / "run", data, first=first))
    if done.code != -signal.SIGKILL:
      raise Lost(f"it was not killed: {done}")
    goes_on(bench, folder / "run", data)
    return "nothing"

  return attempt


def killed_at_random(
  bench: Bench, folder: pathlib.Path, rng: random.Random
) -> str:
  """kill -9 between the imports and the end of a job with nothing built."""
  command = launch(folder / "run", folder / "data")
  quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
  with started(command, **quiet) as process:
    with contextlib.suppress(subprocess.TimeoutExpired):
      process.wait(rng.uniform(0.3, 1.0) * bench.seconds)
    process.kill()
  goes_on(bench, folder / "run", folder / "data")
  return "nothing"


def predict_killed(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
  """kill -9 while rows are written: those before are kept, and all come."""
  images = [ROOT / "docs" / "images" / "report.png"] * 3
  tables = [folder / "whole.csv", folder / "again.csv"]
  whole, again = (
    eanet("predict", bench.clean, *images, "--out", table) for table in tables
  )
  row = "eanet_jax.workdir.predictions_csv:by_column"
  dying = eanet(
    *again[again.index("predict") :], first=(DIE_AT, "SIGKILL", row, 3)
  )
  if run(dying).code != -signal.SIGKILL:
    raise Lost("it was not killed")
  rows = tables[1].read_text().splitlines()
  if run(whole).code or run(again).code:
    raise Lost("the same command does not go on")
  all_rows, again_rows = (table.read_text().splitlines() for table in tables)
  if rows != all_rows[:3] or again_rows != all_rows:
    raise Lost(f"rows differ: {rows}")
  return "the rows so far"


def signalled(signals: str, code: int, says: str):
  """Signals in the midst of training, then the same command."""

  def attempt(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
    first = (DIE_AT, signals, STEP, AFTER_BEST)
    done = run(launch(folder / "run", bench.data, first=first))
    if done.code != code or says not in done.out + done.err:
      raise Lost(f"{done.code}, not {code}: {done.out[-300:]}{done.err[-300:]}")
    if "Traceback" in done.err:
      raise Lost(done.err[-600:])
    goes_on(bench, folder / "run", bench.data)
    return says

  return attempt


def terminal_closed(
  bench: Bench, folder: pathlib.Path, _: random.Random
) -> str:
  """The terminal of a job is gone in the midst of training."""
  first = (DIE_AT, "SIGSTOP", STEP, AFTER_BEST)
  terminal, inside = os.openpty()
  streams = dict.fromkeys(("stdin", "stdout", "stderr"), inside)
  command = launch(folder / "run", bench.data, first=first)
  # Not preexec_fn, which forks in Python: JAX's threads may be in this process.
  with started(["setsid", "--ctty", *command], **streams) as process:
    os.close(inside)
    while _state(process.pid) not in "TZ":
      time.sleep(0.1)
      # Read, or it would wait for room.
      os.set_blocking(terminal, False)
      with contextlib.suppress(BlockingIOError):
        os.read(terminal, 1 << 16)
    os.close(terminal)  # the system sends SIGHUP, and lets it go on
    code = process.wait(120)
  if code != 128 + signal.SIGHUP:
    raise Lost(f"it ended with {code}")
  steps = [int(each.name) for each in (folder / "run/checkpoints").iterdir()]
  if max(steps) <= BEST_STEP:
    raise Lost(f"the last step was not saved: {steps}")
  goes_on(bench, folder / "run", bench.data)
  return "nothing: the terminal is gone"


def _state(pid: int) -> str:
  """R, S, T (stopped) or Z (ended), as Linux has it."""
  text = pathlib.Path(f"/proc/{pid}/stat").read_text()
  return text.rpartition(")")[2].split()[0]


def piped(streams: str):
  """The reader of the output goes after one line."""

  def attempt(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
    shell = f'"$@" {streams} | head -n 1; exit "${{PIPESTATUS[0]}}"'
    command = launch(folder / "run", bench.data)
    done = run(["bash", "-c", shell, "bash", *command])
    if done.code or "Traceback" in done.err:
      raise Lost(f"{done.code}: {done.err[-600:]}")
    goes_on(bench, folder / "run", bench.data)
    return "the first line; the work goes on"

  return attempt


def finished_shown(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
  """The command of a finished job does nothing again."""
  goes_on(bench, copied(bench, folder / "run"), bench.data)
  return "its results"


def all_faults(moments: int = 20) -> list[Fault]:
  """Every kill and signal; `moments` of them at random."""
  stopped = "the same command resumes where it stopped"
  found = [
    Fault("kill -9 at a random moment", f"moment {i + 1}", killed_at_random)
    for i in range(moments)
  ]
  found += [
    Fault(f"kill -9: {row}", name, killed_at(function, call))
    for row, name, function, call in MOMENTS
  ]
  found += [
    Fault("kill -9: predict", "a row is written", predict_killed),
    Fault("the same command again", "finished", finished_shown),
    Fault("SIGTERM", "once", signalled("SIGTERM", 143, stopped)),
    Fault("Ctrl-C", "once", signalled("SIGINT", 130, stopped)),
    Fault("Ctrl-C", "twice", signalled("SIGINT,SIGINT", 130, "interrupted")),
    Fault("terminal closed", "SIGHUP", signalled("SIGHUP", 129, stopped)),
    Fault(
      "terminal closed",
      "SIGHUP twice",
      signalled("SIGHUP,SIGHUP", 129, stopped),
    ),
    Fault("terminal closed", "a real one", terminal_closed),
    Fault("reader of the output gone", "of standard output", piped("")),
    Fault("reader of the output gone", "of both", piped("2>&1")),
  ]
  return found
