"""Work on many files, done ahead in threads and handed over in order."""

import collections
import concurrent.futures
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_HELD_BYTES = 2**28  # of results that nobody has taken yet

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def workers() -> int:
  """Returns how many items are worked on at a time."""
  return min(8, os.cpu_count() or 1)


def in_order(
  function: Callable[[_Item], _Result],
  items: Iterable[_Item],
  size: Callable[[_Result], int] = lambda result: 0,
) -> Iterator[tuple[_Item, _Result]]:
  """Yields (item, function(item)) in the order of items.

  A few items are worked on ahead, never all of them, and no more are begun
  while large results wait, so that memory stays bounded. An exception of the
  function is raised where its result would come. Whoever stops early waits only
  for what has begun.

  Args:
    function: called in threads.
    items: what it is called on.
    size: of a result, in bytes.
  """
  ahead = 2 * workers()
  pool = concurrent.futures.ThreadPoolExecutor(workers())
  pending: collections.deque[
    tuple[_Item, concurrent.futures.Future[_Result]]
  ] = collections.deque()
  changed = threading.Condition()
  held_bytes = taken = 0  # of results that wait, and how many items have gone
  stopped = False

  def work(number: int, item: _Item) -> _Result:
    nonlocal held_bytes
    with changed:  # the next to be taken must not wait for those behind it
      changed.wait_for(
        lambda: held_bytes <= _HELD_BYTES or number == taken or stopped
      )
    result = function(item)
    with changed:
      held_bytes += size(result)
    return result

  def take() -> tuple[_Item, _Result]:
    nonlocal held_bytes, taken
    item, future = pending.popleft()
    result = future.result()
    with changed:
      held_bytes -= size(result)
      taken += 1
      changed.notify_all()
    return item, result

  try:
    for number, item in enumerate(items):
      pending.append((item, pool.submit(work, number, item)))
      if len(pending) > ahead:
        yield take()
    while pending:
      yield take()
  finally:
    with changed:
      stopped = True
      changed.notify_all()
    pool.shutdown(cancel_futures=True)
