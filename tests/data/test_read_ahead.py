"""Reading ahead: in order, a few at a time, and no further than is wanted."""

import threading
import time

import pytest

from eanet_jax.data import read_ahead


def test_results_are_in_the_order_of_the_items():
  def slow_if_even(item):
    time.sleep(0.002 * (item % 2 == 0))
    return item**2

  found = list(read_ahead.in_order(slow_if_even, range(50)))
  assert found == [(item, item**2) for item in range(50)]
  assert list(read_ahead.in_order(slow_if_even, [])) == []


@pytest.mark.parametrize("cores", [1, 4, 64])
def test_a_bounded_number_of_items_is_taken_ahead(cores, monkeypatch):
  monkeypatch.setattr(read_ahead.os, "cpu_count", lambda: cores)
  taken = []

  def items():
    for item in range(1000):
      taken.append(item)
      yield item

  for count, _ in enumerate(read_ahead.in_order(abs, items()), start=1):
    assert len(taken) - count <= 2 * min(8, cores)
    if count == 100:
      break
  assert len(taken) > 100  # but some are


@pytest.mark.parametrize(("size", "most"), [(0, 8), (2**27, 6), (2**30, 4)])
def test_few_large_results_wait(size, most, monkeypatch):
  monkeypatch.setattr(read_ahead.os, "cpu_count", lambda: 4)
  begun = []

  def read(item):
    begun.append(item)
    return item

  found = read_ahead.in_order(read, range(40), lambda item: size)
  for count, _ in enumerate(found, start=1):
    time.sleep(0.01)  # so that all that was begun has ended
    assert len(begun) - count <= most
  assert len(begun) == 40


def test_an_exception_comes_in_place_of_its_result():
  def read(item):
    if item == 3:
      raise ValueError("no image")
    return item

  found = []
  with pytest.raises(ValueError, match="no image"):
    for item, _ in read_ahead.in_order(read, range(100)):
      found.append(item)
  assert found == [0, 1, 2]


def test_stopping_early_stops_reading(monkeypatch):
  monkeypatch.setattr(read_ahead.os, "cpu_count", lambda: 2)
  may_end, begun = threading.Event(), []

  def read(item):
    begun.append(item)
    if item:
      may_end.wait(10)

  found = read_ahead.in_order(read, range(100))
  timer = threading.Timer(0.2, may_end.set)
  timer.start()
  assert next(found) == (0, None)  # four more are waiting for two threads
  found.close()
  timer.join()
  assert set(begun) <= {0, 1, 2}
