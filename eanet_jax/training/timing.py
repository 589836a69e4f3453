"""How long a run has taken, and how fast it trains."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object], times: int = 1) -> float:
  """Returns how long `work` takes, as the mean over `times` calls."""
  begun = time.monotonic()
  for _ in range(times):
    work()
  return (time.monotonic() - begun) / times


class Clock:
  """Wall time of a run without interruptions, and images trained per second."""

  def __init__(self, seconds_before: float = 0.0):
    """Starts now; `seconds_before` is what the run took before it stopped."""
    self._started = time.monotonic()
    self._seconds_before = seconds_before
    self._first: tuple[int, float] | None = None
    self._images, self._seconds = 0, 0.0

  @property
  def wall_time_s(self) -> float:
    """Seconds since the run began, without those it was interrupted for."""
    return self._seconds_before + time.monotonic() - self._started

  def add_epoch(self, images: int, seconds: float) -> None:
    """Counts an epoch that this process has trained."""
    if self._first is None:  # it compiles: left out if others follow
      self._first = images, seconds
    else:
      self._images += images
      self._seconds += seconds

  @property
  def images_per_s(self) -> float | None:
    """Images per second of training; None before the first epoch ends."""
    if self._seconds:
      return self._images / self._seconds
    return self._first[0] / self._first[1] if self._first else None
