"""Image files are read in processes of their own, within limits.

Takes paths, gives micrographs or why there is none. A file that takes too much
memory or time, or on which a decoder crashes, costs its process and nothing
else. The processes are started as they are needed, and end with this one.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Any

import numpy as np

from eanet_jax.data import (
  file_limits,
  micrographs,
  read_ahead,
  reader_process,
)

_START_S = 60.0  # for a process to be ready
# A process takes 0.3 s of a core to start, and some 0.02 s for a usual file.
_FILES_WORTH_A_START = 8
# Threads of a linear algebra library would take address space, and time.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class BeyondLimitError(micrographs.MicrographError):
  """A file takes more memory or time than it may; another limit may do."""


class Readers:
  """Reads files from any number of threads, each in a process of its own."""

  def __init__(self, limits: file_limits.Limits, files: int = sys.maxsize):
    """Starts no process yet.

    Args:
      limits: of each file.
      files: how many will be read, about; for a few, one process is enough.
    """
    self._limits = limits
    worth = max(1, files // _FILES_WORTH_A_START)
    self._count = min(read_ahead.workers(), worth)
    self._free = threading.Semaphore(self._count)
    self._idle: list[_Reader] = []
    self._lock = threading.Lock()
    weakref.finalize(self, _end_all, self._idle)

  def start(self) -> None:
    """Starts the processes and does not wait until they are ready.

    Else each is started when a thread has no other to read with.
    """
    with self._lock:
      self._idle += [_Reader() for _ in range(self._count)]

  def read(
    self,
    path: str | os.PathLike,
    told: micrographs.Told = micrographs.NOTHING_TOLD,
    *,
    keep_bar: bool = False,
  ) -> micrographs.Micrograph:
    """Returns what `micrographs.read` does.

    Raises:
      BeyondLimitError: the file takes more memory or time than it may.
      MicrographError: it cannot be used for another reason.
    """
    with self._free:
      reader = self._next_idle() or _Reader()
      try:
        return reader.read(path, told, keep_bar, self._limits)
      finally:
        if reader.alive:
          with self._lock:
            self._idle.append(reader)

  def _next_idle(self) -> "_Reader | None":
    with self._lock:
      while self._idle:
        reader = self._idle.pop()
        if reader.runs():
          return reader
        reader.end()  # someone else ended it, between two files
    return None

  def close(self) -> None:
    """Ends the processes; reading again starts others."""
    _end_all(self._idle)

  def __enter__(self) -> "Readers":
    """Returns itself."""
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
  ) -> None:
    """Ends the processes."""
    self.close()


class _Reader:
  """One process, for one thread at a time."""

  def __init__(self) -> None:
    # It finds what this process finds, whatever was done to the path since.
    program = (
      f"import sys; sys.path = {sys.path!r}; from eanet_jax.data import"
      " reader_process; reader_process.serve()"
    )
    # A group of its own, so that Ctrl-C in a terminal goes to the parent alone.
    apart: dict[str, Any] = {"process_group": 0}
    if sys.platform == "win32":
      apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    self._process = subprocess.Popen(
      [sys.executable, "-c", program],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,  # this process's own may be closed
      env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
      **apart,
    )
    assert self._process.stdin is not None
    assert self._process.stdout is not None
    self._requests: IO[bytes] = self._process.stdin
    self._answers: Any = self._process.stdout  # has readinto
    self._ready = False
    self.alive = True

  def read(
    self,
    path: str | os.PathLike,
    told: micrographs.Told,
    keep_bar: bool,
    limits: file_limits.Limits,
  ) -> micrographs.Micrograph:
    """Returns the micrograph at `path`; for errors see `Readers.read`."""
    request = {
      "path": str(pathlib.Path(path).absolute()),
      "told": dataclasses.asdict(told),
      "keep_bar": keep_bar,
      "memory_bytes": int(limits.gb * 2**30),
      "seconds": limits.s,
    }
    late = threading.Event()
    try:
      self._wait_until_ready()
      answer, image = self._ask(request, late)
    except BaseException:
      self.end()
      raise
    if "error" in answer:
      raise micrographs.MicrographError(answer["error"])
    if image is not None:
      found = answer["micrograph"]
      found["overlays"] = tuple(map(tuple, found["overlays"]))
      found["remarks"] = tuple(found["remarks"])
      return micrographs.Micrograph(image, **found)
    if self._ended_by("SIGPROF") or late.is_set():
      option = limits.option.format("s")
      raise BeyondLimitError(
        f"takes more than {limits.s:g} s to read: allow more with {option}"
      )
    if "too_large" in answer:
      option = limits.option.format("gb")
      raise BeyondLimitError(
        f"takes more than {limits.gb:g} GB of memory to read: allow more with"
        f" {option}"
      )
    raise micrographs.MicrographError("damaged: its decoder crashed")

  def _ended_by(self, name: str) -> bool:
    """Ends the process; returns whether this signal had ended it before."""
    number = getattr(signal, name, None)  # Windows has hardly any
    with contextlib.suppress(subprocess.TimeoutExpired):
      self._process.wait(1.0)
    self.end()
    return number is not None and self._process.returncode == -number

  def runs(self) -> bool:
    """Whether the process has not ended."""
    return self._process.poll() is None

  def end(self) -> None:
    """Ends the process at once."""
    self.alive = False
    self._process.kill()
    self._process.wait()
    for stream in (self._requests, self._answers):
      with contextlib.suppress(OSError):  # what it did not take any more
        stream.close()

  def _wait_until_ready(self) -> None:
    if not self._ready:
      with self._killed_after(_START_S, threading.Event()):
        self._ready = reader_process.receive(self._answers) is not None
    if not self._ready:
      raise RuntimeError("the process that reads image files does not start")

  def _ask(
    self, request: dict[str, Any], late: threading.Event
  ) -> tuple[dict[str, Any], np.ndarray | None]:
    """Returns the answer and its pixels; {} if the process ended first."""
    image = None
    clock_s = reader_process.PATIENCE * request["seconds"]
    with self._killed_after(clock_s, late):
      try:
        reader_process.send(self._requests, request)
      except OSError:  # it is closed
        return {}, None
      answer = reader_process.receive(self._answers) or {}
      if "height" in answer:
        pixels = np.empty((answer["height"], answer["width"]), np.uint8)
        read = self._answers.readinto(pixels.data.cast("B"))
        image = pixels if read == pixels.size else None
    return answer, image

  @contextlib.contextmanager
  def _killed_after(
    self, seconds: float, late: threading.Event
  ) -> Iterator[None]:
    """Kills the process and sets `late` if the body takes so long."""

    def kill() -> None:
      late.set()
      self._process.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
      yield
    finally:
      timer.cancel()


def _end_all(readers: list[_Reader]) -> None:
  while readers:
    readers.pop().end()
