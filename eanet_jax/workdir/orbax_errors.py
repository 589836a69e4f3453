"""What Orbax and TensorStore say when a disk is at fault, made plain."""

import contextlib
import errno
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any


def hush() -> None:
  """Keeps off the terminal what Orbax raises anyway, for the process's rest.

  It prints the traceback of each thread that a failed save or restore ends, and
  closes the event loop that TensorStore still answers to, each answer of which
  prints one too, some long after.
  """
  for module, name, quiet in (
    (threading, "excepthook", _is_of_orbax),
    (sys, "unraisablehook", _is_left_over),
  ):
    usual = getattr(module, name)
    if not hasattr(usual, "passes_on_to"):
      setattr(module, name, _Unless(quiet, usual))


class _Unless:
  """A hook that passes on to the usual one what is not to be kept quiet."""

  def __init__(
    self, quiet: Callable[[Any], bool], passes_on_to: Callable[[Any], object]
  ):
    self.quiet, self.passes_on_to = quiet, passes_on_to

  def __call__(self, failed: Any) -> None:
    if not self.quiet(failed):
      self.passes_on_to(failed)


def _is_of_orbax(failed: threading.ExceptHookArgs) -> bool:
  return type(failed.thread).__module__.startswith("orbax")


def _is_left_over(failed: "sys.UnraisableHookArgs") -> bool:
  """Whether it is an answer to a closed loop, or what still waited for one."""
  if inspect.iscoroutine(failed.object):
    return "orbax" in failed.object.cr_code.co_filename
  return "Event loop is closed" in str(failed.exc_value)


@contextlib.contextmanager
def of_disks() -> Iterator[None]:
  """Raises OSError if the disk is at fault: TensorStore's errors do not say."""
  try:
    yield
  except OSError:
    raise
  except Exception as error:
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
      why = os.strerror(number)
      if why in str(error):
        raise OSError(number, why) from error
    raise
