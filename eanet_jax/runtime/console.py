"""What `eanet` and launch.py share: quiet logs, one-line errors, bars, signals.

Imports neither JAX nor TensorFlow, so that --help and a mistyped option answer
at once.
"""

import contextlib
import errno
import io
import logging
import os
import pathlib
import signal
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from eanet_jax import errors
from eanet_jax.runtime import peers, process, wording
from eanet_jax.runtime import progress as bars

T = TypeVar("T")

# The logs that say nothing here, and from which level on they do.
_LOGS = {
  **dict.fromkeys(("jax", "tensorflow", "tensorflow_datasets"), logging.ERROR),
  # By these Orbax tells in pages of a save that failed. It raises that too.
  **dict.fromkeys(("absl", "orbax", "asyncio"), logging.CRITICAL),
}

_Handler = Callable[[int, types.FrameType | None], object] | int | None


_of_a_program = _silent = False  # see `in_a_program`


@contextlib.contextmanager
def in_a_program(*, verbose: bool) -> Iterator[None]:
  """Leaves signals and logs as the program has them that runs the body.

  Args:
    verbose: whether what a command would say is said, bars too.
  """
  global _of_a_program, _silent
  before = _of_a_program, _silent
  levels = {name: logging.getLogger(name).level for name in _LOGS}
  _quiet_logs()
  _of_a_program, _silent = True, not verbose
  try:
    yield
  finally:
    _of_a_program, _silent = before
    for name, level in levels.items():
      logging.getLogger(name).setLevel(level)


def guarded(main: Callable[[list[str]], int], argv: list[str]) -> int:
  """Returns main(argv); a UserError is printed as one line and returns 2.

  In a job of several processes one that fails does not return: it ends at once.
  """
  _open_closed_streams()
  _outlast_readers()
  _quiet_logs()
  process.prepare()
  try:
    code = _run(main, argv)
  except Exception as error:
    if not peers.joined():
      raise
    code = _failed_of_several(argv, error)
  if peers.joined() and code in (1, 2, peers.LOST_CODE):
    peers.leave(code)
  return code


def _run(main: Callable[[list[str]], int], argv: list[str]) -> int:
  """Returns the exit code of main(argv), or of the exception that ended it."""
  try:
    return main(argv)
  except errors.UserError as error:
    _complain(argv, str(error))
    return 2
  except errors.Stopped as stopped:
    say("stopped; the same command resumes where it stopped")
    return 128 + stopped.signal
  except KeyboardInterrupt:
    with contextlib.suppress(OSError, ValueError):
      sys.stdout.flush()
    _end(signal.SIGINT)
  except OSError as error:  # a full disk, a missing permission
    _complain(argv, errors.reason(error))
    return 2
  except RuntimeError as error:
    if not str(error).startswith("Unable to initialize backend"):
      raise
    _complain(argv, f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS')}: {error}")
    return 2


def _failed_of_several(argv: list[str], error: Exception) -> int:
  """Says why a process of a job of several ends; returns its exit code."""
  if peers.is_loss(error):
    _complain(argv, peers.LOST)
    return peers.LOST_CODE
  traceback.print_exception(error)
  return 1


def _complain(argv: list[str], text: str) -> None:
  line = f"{pathlib.Path(argv[0]).name}: {text}"
  print(wording.printable(line), file=sys.stderr)


def _open_closed_streams() -> None:
  """Opens those of the standard streams that the caller closed, to nowhere.

  Else the next files to be opened would take their numbers, and what a library
  prints would end up in them.
  """
  for number in range(3):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free
  for name in ("stdout", "stderr"):
    if getattr(sys, name) is None:
      nowhere = pathlib.Path(os.devnull).open("w")  # noqa: SIM115
      setattr(sys, name, nowhere)


class _Outlasting(io.FileIO):
  """A standard stream; once its reader has gone, the rest goes nowhere."""

  def write(self, data: Any) -> int:
    """Writes bytes, as any file; returns how many."""
    try:
      return super().write(data)
    except OSError as error:
      if error.errno not in (errno.EPIPE, errno.EIO):
        raise
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, self.fileno())
    os.close(nowhere)
    return len(data)


def _outlast_readers() -> None:
  """Lets the work go on when who reads its output has gone.

  As of `... | head -1` (a broken pipe), or of a terminal that was closed (an
  input/output error): it is as if the stream had been closed from the start.
  """
  for number, name in enumerate(("stdout", "stderr"), start=1):
    stream = getattr(sys, name)
    # Not where another program calls this one, with streams of its own.
    if isinstance(stream, io.TextIOWrapper) and _number(stream) == number:
      stream.flush()
      raw = _Outlasting(number, "w", closefd=False)
      lasting = io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        stream.encoding,
        # A file name that cannot be encoded is escaped, and stops nothing.
        "backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
      )
      setattr(sys, name, lasting)
    elif name == "stdout" and isinstance(stream, io.TextIOWrapper):
      stream.reconfigure(errors="backslashreplace")


def _number(stream: io.TextIOWrapper) -> int:
  """The stream's number at the operating system; -1 if it has none."""
  try:
    return stream.fileno()
  except (OSError, ValueError):
    return -1


def _quiet_logs() -> None:
  # Read by TensorFlow's and XLA's C++ when they load.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
  for name, level in _LOGS.items():
    logging.getLogger(name).setLevel(level)


def say(text: str) -> None:
  """Prints text above any progress bar, in process 0 of a job only."""
  if _silent:
    return
  import jax
  import tqdm

  if jax.process_index() == 0:
    tqdm.tqdm.write(wording.printable(text))
    sys.stdout.flush()  # so that a log has it in order


def progress(items: Iterable[T] = (), **options: Any) -> bars.Progress[T]:
  """Returns a bar, or lines in a log; for options see `progress.Progress`."""
  options["disable"] = options.get("disable", False) or _silent
  return bars.Progress(items, **options)


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], int]]:
  """Yields a function that returns the signal that asked to stop, or 0.

  Ctrl-C, SIGTERM and SIGHUP (the terminal was closed) set a flag that is read
  between dispatches; after one of them, here or while the run is saved, a
  second Ctrl-C or SIGTERM ends the process at once. In a job of several
  processes SIGTERM is left to JAX's preemption service, which lets all of them
  stop after the same step, and the others are handed to it. Within a program
  that calls this one, signals are that program's.
  """
  if _of_a_program:
    yield lambda: 0
    return
  import jax

  several = jax.process_count() > 1
  hangup = getattr(signal, "SIGHUP", None)  # Windows has none
  caught = 0
  previous: dict[int, _Handler] = {}

  def catch(number: int, _: object) -> None:
    nonlocal caught
    caught = number
    for each in previous:
      # A closed terminal tells twice: the system does, and so does the shell.
      signal.signal(each, signal.SIG_IGN if each == hangup else _end)
    if several:
      signal.raise_signal(signal.SIGTERM)

  numbers = [signal.SIGINT]
  if not several:
    numbers.append(signal.SIGTERM)
  # nohup has it ignored, so that a run outlives its terminal.
  if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
    numbers.append(hangup)
  try:
    for number in numbers:
      previous[number] = signal.signal(number, catch)
  except ValueError:  # not the main thread, which alone can handle signals
    previous = {}
  try:
    yield lambda: caught
  finally:
    if not caught:
      for each, handler in previous.items():
        signal.signal(each, handler)


def _end(number: int, _: object = None) -> NoReturn:
  """Ends the process at once; may be called from a handler of the signal.

  Python would wait for threads that save a checkpoint, while it takes from them
  what they need: they end in tracebacks, or never. What they leave unfinished
  is cleared at the next start.
  """
  # A print may be what was interrupted, and cannot be entered twice.
  os.write(sys.stderr.fileno(), b"interrupted\n")
  os._exit(128 + number)
