"""How far a piece of work is: a live bar on a terminal, plain lines elsewhere.

A log file gets a line every ten seconds and no carriage returns. How long the
rest takes is shown once it is known, from the second piece on. The rate counts
neither what was done before nor the wait for the first piece, which compiles.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

from eanet_jax.runtime import wording

T = TypeVar("T")

_LINE_EVERY_S = 10.0  # in a log
_LEAST_S = 1.0  # of work to estimate the rest from
_BAR = (
  "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
)


class Rest:
  """How long the rest of some work takes, judged by what has been done."""

  def __init__(self, total: int | None, done: int = 0):
    """Takes the total, None if unknown, and how much of it is done already."""
    self.total, self.done = total, done
    self._counted = 0
    self._begun: float | None = None

  def add(self, count: int) -> None:
    """Counts work that is done; the first call starts the clock."""
    self.done += count
    if self._begun is None:
      self._begun = time.monotonic()
    else:
      self._counted += count

  @property
  def seconds(self) -> float | None:
    """Time left; None while there is nothing to estimate it from."""
    if not self._counted or self.total is None or self._begun is None:
      return None
    passed = time.monotonic() - self._begun
    if passed < _LEAST_S:
      return None
    return max(self.total - self.done, 0) * passed / self._counted


class Progress(Generic[T]):
  """Shows on standard error how far some work is.

  Either used in a `with` block that calls `update`, or looped over to get the
  items.
  """

  def __init__(
    self,
    items: Iterable[T] = (),
    *,
    total: int | None = None,
    done: int = 0,
    unit: str = "",
    desc: str = "",
    leave: bool = True,
    disable: bool = False,
  ):
    """Starts the clock.

    Args:
      items: to loop over.
      total: pieces of work; by default as many as there are items.
      done: pieces done before this process.
      unit: what a piece is, e.g. "image".
      desc: what is being done.
      leave: whether the last state stays to be read.
      disable: shows nothing, as in all processes of a job except the first.
    """
    if total is None and isinstance(items, Sized):
      total = len(items)
    self._items, self._rest = items, Rest(total, done)
    self._unit, self._leave, self._disable = unit, leave, disable
    self._stage, self._figures = desc, ""
    self._begun = self._line_at = time.monotonic()
    self._bar: Any = None
    if not disable and sys.stderr.isatty():
      import tqdm  # here, so that --help answers at once

      self._bar = tqdm.tqdm(
        total=total,
        initial=done,
        unit=unit,
        leave=leave,
        bar_format=_BAR if total else None,
        dynamic_ncols=True,
      )
      self._show()

  @property
  def done(self) -> int:
    """Pieces of work done, including those before this process."""
    return self._rest.done

  def begin(self, stage: str) -> None:
    """Shows at once what is done first; in a log, as a line of its own."""
    self._stage = stage
    if self._bar is not None:
      self._show()
      self._bar.refresh()
    elif not self._disable:
      _print(stage)

  def update(self, count: int = 1, stage: str | None = None) -> None:
    """Counts pieces that are done; `stage` says what is done now."""
    self._rest.add(count)
    self._stage = self._stage if stage is None else stage
    if self._bar is not None:
      self._show()
      self._bar.update(count)
    elif time.monotonic() - self._line_at >= _LINE_EVERY_S:
      self._print_line()

  def skip(self, count: int) -> None:
    """Counts pieces that need not be done; they do not change the rate."""
    self._rest.done += count
    if self._bar is not None:
      self._bar.update(count)

  def tell(self, figures: str) -> None:
    """Shows the newest figures from the next update on."""
    self._figures = figures

  def __iter__(self) -> Iterator[T]:
    """Yields the items, each counted when the next is asked for."""
    with self:
      for item in self._items:
        yield item
        self.update()

  def __enter__(self) -> "Progress[T]":
    """Returns itself."""
    return self

  def __exit__(self, kind: object, error: object, trace: object) -> None:
    """Ends the bar; in a log, says how long everything took."""
    if self._bar is not None:
      self._show()
      self._bar.refresh()
      self._bar.close()
    elif kind is None and self._leave and self.done == self._rest.total:
      self._print_line()

  def _show(self) -> None:
    told = ", ".join(self._told(_clock))
    self._bar.set_postfix_str(told, refresh=False)
    stage = f"{self._stage}: " if self._stage else ""
    self._bar.set_description_str(stage, refresh=False)

  def _told(self, time_of: Callable[[float], str]) -> list[str]:
    """What follows the percentage: figures, and the time left."""
    left = self._rest.seconds
    told = [self._figures] if self._figures else []
    if left is not None and self.done != self._rest.total:
      told.append(f"{time_of(left)} left")
    return told

  def _print_line(self) -> None:
    if self._disable:
      return
    self._line_at = time.monotonic()
    total = self._rest.total
    if total:
      done = f"{100 * self.done // total} %"
    else:
      done = f"{self.done} {self._unit}".strip()
    parts = [done, *self._told(wording.duration)]
    if self.done == total:
      parts.append(f"took {_clock(self._line_at - self._begun)}")
    _print(f"{self._stage}: " * bool(self._stage) + ", ".join(parts))


def _clock(seconds: float) -> str:
  """Hours, minutes and seconds, 1:02:03 or 2:03."""
  minutes, seconds = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f"{hours}:{minutes:02}:{seconds:02}"
  return f"{minutes}:{seconds:02}"


def _print(line: str) -> None:
  print(line, file=sys.stderr, flush=True)
