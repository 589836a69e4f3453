"""Work on many files, done ahead in threads and handed over in order."""

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_order(
  function: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[tuple[_Item, _Result]]:
  """Yields (item, function(item)) in the order of items.

  A few items are worked on ahead, never all of them, so that memory stays
  bounded. An exception of the function is raised where its result would come.
  Whoever stops early waits only for what has begun.
  """
  workers = min(8, os.cpu_count() or 1)
  pool = concurrent.futures.ThreadPoolExecutor(workers)
  pending: collections.deque[
    tuple[_Item, concurrent.futures.Future[_Result]]
  ] = collections.deque()
  try:
    for item in items:
      pending.append((item, pool.submit(function, item)))
      if len(pending) > 2 * workers:
        item, future = pending.popleft()
        yield item, future.result()
    while pending:
      item, future = pending.popleft()
      yield item, future.result()
  finally:
    pool.shutdown(cancel_futures=True)
