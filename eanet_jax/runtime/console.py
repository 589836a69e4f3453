"""What `eanet` and launch.py share: quiet logs, one-line errors, bars, signals.

Imports neither JAX nor TensorFlow, so that --help and a mistyped option answer
at once.
"""

import contextlib
import io
import logging
import os
import pathlib
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from eanet_jax import errors
from eanet_jax.runtime import peers, process, wording
from eanet_jax.runtime import progress as bars

T = TypeVar("T")

_Handler = Callable[[int, types.FrameType | None], object] | int | None


def guarded(main: Callable[[list[str]], int], argv: list[str]) -> int:
  """Returns main(argv); a UserError is printed as one line and returns 2.

  In a job of several processes one that fails does not return: it ends at once.
  """
  _open_closed_streams()
  _quiet_logs()
  process.prepare()
  # A file name that cannot be encoded is shown escaped, and stops nothing.
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="backslashreplace")
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
  except BrokenPipeError:  # the reader of the output has gone
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
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


def _quiet_logs() -> None:
  # Read by TensorFlow's and XLA's C++ when they load.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
  for name in ("jax", "tensorflow", "tensorflow_datasets"):
    logging.getLogger(name).setLevel(logging.ERROR)
  # By these Orbax tells in pages of a save that failed. It raises that too.
  for name in ("absl", "orbax", "asyncio"):
    logging.getLogger(name).setLevel(logging.CRITICAL)
  threading.excepthook = _print_unless_raised_again
  sys.unraisablehook = _print_unless_of_a_closed_loop


def _print_unless_raised_again(failed: threading.ExceptHookArgs) -> None:
  """Prints an exception that ended a thread, unless Orbax raises it again."""
  if not type(failed.thread).__module__.startswith("orbax"):
    threading.__excepthook__(failed)


def _print_unless_of_a_closed_loop(failed: "sys.UnraisableHookArgs") -> None:
  """Prints an exception of a callback, unless it is of TensorStore's.

  Of the arrays that could not be written the first one is told of by Orbax; the
  others call back a loop that is closed.
  """
  if str(failed.exc_value) != "Event loop is closed":
    sys.__unraisablehook__(failed)


def say(text: str) -> None:
  """Prints text above any progress bar, in process 0 of a job only."""
  import jax
  import tqdm

  if jax.process_index() == 0:
    tqdm.tqdm.write(wording.printable(text))
    sys.stdout.flush()  # so that a log has it in order


def progress(items: Iterable[T] = (), **options: Any) -> bars.Progress[T]:
  """Returns a bar, or lines in a log; for options see `progress.Progress`."""
  return bars.Progress(items, **options)


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], int]]:
  """Yields a function that returns the signal that asked to stop, or 0.

  Ctrl-C and SIGTERM set a flag that is read between dispatches; after one of
  them, here or while the run is saved, a second ends the process at once. In a
  job of several processes SIGTERM is left to
  JAX's preemption service, which lets all of them stop after the same step, and
  Ctrl-C is handed to it.
  """
  import jax

  several = jax.process_count() > 1
  caught = 0
  previous: dict[int, _Handler] = {}

  def catch(number: int, _: object) -> None:
    nonlocal caught
    caught = number
    for each in previous:
      signal.signal(each, _end)
    if several:
      signal.raise_signal(signal.SIGTERM)

  try:
    for number in (signal.SIGINT, *([] if several else [signal.SIGTERM])):
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
