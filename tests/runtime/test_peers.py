"""Joining a job of several; tests/faults has the jobs themselves."""

import re
import socket

import pytest

from eanet_jax import errors
from eanet_jax.runtime import peers


@pytest.mark.parametrize(
  ("values", "told"),
  [
    ((None, 2, None), "--num_processes=2 needs --coordinator=host:port"),
    ((None, None, 0), "--process_id=0 needs --coordinator=host:port"),
    (("auto", 2, None), "--num_processes=2 needs --coordinator=host:port"),
    (("10.0.0.5:99", None, 0), "10.0.0.5:99 needs --num_processes too"),
    (("10.0.0.5:99", 2, None), "10.0.0.5:99 needs --process_id too"),
    (("10.0.0.5:99", 0, 0), "--num_processes=0 must be 1 or more"),
    (("10.0.0.5:99", 2, 2), "--process_id=2 must be from 0 to 1"),
    (("10.0.0.5:99", 2, -1), "--process_id=-1 must be from 0 to 1"),
    (("10.0.0.5", 2, 1), "--coordinator=10.0.0.5 cannot be used"),
    (("10.0.0.5:", 2, 1), "--coordinator=10.0.0.5: cannot be used"),
    (("10.0.0.5:0", 2, 1), "--coordinator=10.0.0.5:0 cannot be used"),
    (("10.0.0.5:65536", 2, 1), "--coordinator=10.0.0.5:65536 cannot be used"),
    (("host.invalid:99", 2, 1), "host.invalid cannot be looked up"),
  ],
)
def test_values_that_do_not_fit_are_named(values, told):
  with pytest.raises(errors.UserError, match=re.escape(told)):
    peers.join(*values)


def test_a_port_in_use_is_named():
  with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    address = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(errors.UserError, match=f"{address}: process 0 cannot"):
      peers.join(address, 2, 0)


def test_a_wait_of_no_time_is_refused():
  with pytest.raises(errors.UserError, match="--join_timeout_s=0 must be"):
    peers.join("127.0.0.1:99", 2, 1, 0)


def test_one_process_alone_joins_nothing():
  peers.join(None, None, None)
  assert not peers.joined()


def test_a_loss_is_told_from_other_errors_by_any_error_of_its_chain():
  assert peers.is_loss(ValueError("Gloo all-reduce failed: Read error"))
  assert not peers.is_loss(ValueError("RESOURCE_EXHAUSTED: out of memory"))
  try:
    try:
      raise RuntimeError("UNAVAILABLE: Socket closed")
    except RuntimeError as error:
      raise ValueError("cannot save") from error
  except ValueError as error:
    assert peers.is_loss(error)
