"""Several processes at once: of one job, in one workdir, for one data set."""

import contextlib
import pathlib
import random
import signal
import socket
import time

from program import (
  Bench,
  Fault,
  Lost,
  Said,
  environment,
  launch,
  same,
  started,
)


def _ended(*processes) -> list[Said]:
  """Waits for processes that were started together."""
  found = []
  for each in processes:
    out, err = each.communicate(timeout=600)
    found.append(Said(each.returncode, out, err))
  return found


def one_workdir(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
  """Two launches of one workdir: one works, the other says who does."""
  command = launch(folder / "run", bench.data)
  with started(command) as one, started(command) as other:
    done = sorted(_ended(one, other), key=lambda said: said.code)
  if [each.code for each in done] != [0, 2]:
    raise Lost(f"{done}")
  line = done[1].line()
  if "is in use by process" not in line:
    raise Lost(line)
  same(folder / "run", bench.clean)
  return "a line that names the other process"


def one_data_set(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
  """Two jobs build one data set: one builds, the other waits."""
  commands = [launch(folder / name, folder / "data") for name in "ab"]
  with started(commands[0]) as one, started(commands[1]) as other:
    done = _ended(one, other)
  if any(each.code for each in done):
    raise Lost(f"{done}")
  for name in "ab":
    same(folder / name, bench.clean)
  return "the other waits"


@contextlib.contextmanager
def _two(workdir: pathlib.Path, bench: Bench, *more: str):
  """A job of two processes."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  job = (f"--coordinator=127.0.0.1:{port}", "--num_processes=2")
  commands = [
    launch(workdir, bench.data, *more, *job, f"--process_id={number}")
    for number in range(2)
  ]
  with started(commands[0]) as one, started(commands[1]) as other:
    yield one, other


def two_as_one(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
  """Two processes of one device are one process of two, bit for bit."""
  with _two(folder / "two", bench) as processes:
    done = _ended(*processes)
  if any(each.code for each in done):
    raise Lost(f"{done}")
  command = launch(folder / "one", bench.data)
  with started(command, env=environment(JAX_NUM_CPU_DEVICES="2")) as process:
    _ended(process)
  same(folder / "two", folder / "one")
  return "the same results"


def peer_killed(bench: Bench, folder: pathlib.Path, _: random.Random) -> str:
  """kill -9 of one of two processes: the other ends soon, and says so."""
  long = "--config.train.epochs=4000"
  with _two(folder / "run", bench, long) as (one, other):
    seen = ""
    while "time to train" not in seen:
      line = one.stdout.readline()
      if not line:
        raise Lost(f"{_ended(one, other)}")
      seen += line
    time.sleep(3)
    other.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    out, err = one.communicate(timeout=300)
    seconds = time.monotonic() - killed
  if seconds > 60 or not one.returncode:
    raise Lost(f"it ended {seconds:.0f} s later, with {one.returncode}")
  if "resume" not in out + err or "Traceback" in err:
    raise Lost(f"{one.returncode}: {err[-600:]}")
  return "a line that the same commands resume"


def all_faults() -> list[Fault]:
  """Every crowd."""
  return [
    Fault("two launches at once", "in one workdir", one_workdir),
    Fault("two launches at once", "of one data set", one_data_set),
    Fault("two processes", "two as one of two devices", two_as_one),
    Fault("kill -9 of one of two processes", "in training", peer_killed),
  ]
