"""Jobs of several processes: joining one, taking turns, losing a peer.

Where a peer is lost, JAX's C++ calls abort() after a page about its insides.
Here all that a user sees of it is one line. JAX is imported only where there is
a job to join.
"""

import atexit
import contextlib
import ctypes
import io
import itertools
import os
import pathlib
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from typing import NoReturn, TypeVar

from eanet_jax import errors
from eanet_jax.runtime import wording

# sysexits.h calls it EX_TEMPFAIL: what failed may do another time.
LOST_CODE = 75
LOST = (
  "another process of this job has ended or does not answer; the same commands"
  " resume where it was saved"
)
JOIN_S = 20
# A process that has been silent for so long is lost, and notices a lost one at
# the end of the job.
_SILENCE_S = 30
_BIND_VARIABLE = "JAX_COORDINATOR_BIND_ADDRESS"

T = TypeVar("T")  # a pytree of arrays

_barriers = itertools.count()
_complaint = LOST  # the line where C++ ends this process
_abort_handler: object = None  # kept from the garbage collector


def join(
  coordinator: str | None,
  num_processes: int | None,
  process_id: int | None,
  wait_s: int = JOIN_S,
) -> None:
  """Joins this process to a job of several; call it before any use of JAX.

  Args:
    coordinator: "host:port" of process 0, which listens there and nowhere else;
      "auto" if the cluster (TPU pod, Slurm, MPI) provides it; None for a job of
      one process.
    num_processes: of the job; None unless `coordinator` is "host:port".
    process_id: of this process, from 0; None likewise.
    wait_s: how many seconds to wait for the other processes to start.

  Raises:
    UserError: the values do not fit together. Where the others do not answer
      there is one line too, but the process ends at once.
  """
  global _complaint
  _check_values(coordinator, num_processes, process_id)
  if wait_s < 1:
    raise errors.UserError(f"--join_timeout_s={wait_s} must be 1 or more")
  if coordinator is None:
    return
  bind = os.environ.get(_BIND_VARIABLE)
  told = f"--coordinator={coordinator}: "
  if coordinator == "auto":
    coordinator = None
    hint = "are all processes of the job started?"
  else:
    bind = bind or coordinator
    _check_address(coordinator, bind if process_id == 0 else None)
    hint = (
      f"start {num_processes} processes, each with another --process_id from 0"
      f" on; --join_timeout_s=N waits N s for them instead of {wait_s}"
    )
  import jax

  _hold_standard_error()
  _complaint = f"{told}the processes did not come together; {hint}"
  try:
    jax.distributed.initialize(
      coordinator,
      num_processes,
      process_id,
      initialization_timeout=wait_s,
      heartbeat_timeout_seconds=_SILENCE_S,
      shutdown_timeout_seconds=_SILENCE_S,
      coordinator_bind_address=bind,
    )
  except (RuntimeError, ValueError) as error:
    if coordinator is None:
      told += "no cluster was found; give host:port instead: "
    raise errors.UserError(f"{told}{error}") from None
  _complaint = LOST


def _check_values(
  coordinator: str | None, num_processes: int | None, process_id: int | None
) -> None:
  """Raises UserError for flags that say too little or too much."""
  needs_none = coordinator in (None, "auto")
  numbers = {"num_processes": num_processes, "process_id": process_id}
  for name, value in numbers.items():
    if needs_none and value is not None:
      raise errors.UserError(
        f"--{name}={value} needs --coordinator=host:port, the address of"
        " process 0"
      )
    if not needs_none and value is None:
      raise errors.UserError(f"--coordinator={coordinator} needs --{name} too")
  if num_processes is None or process_id is None:
    return
  if num_processes < 1:
    raise errors.UserError(f"--num_processes={num_processes} must be 1 or more")
  if not 0 <= process_id < num_processes:
    raise errors.UserError(
      f"--process_id={process_id} must be from 0 to {num_processes - 1}, below"
      f" --num_processes={num_processes}"
    )


def _check_address(address: str, bind: str | None) -> None:
  """Raises UserError unless an address can be looked up, and listened at.

  JAX would wait for ever for the one, and end in a segmentation fault where the
  other fails.

  Args:
    address: of process 0.
    bind: where this process shall listen; None if it shall not.
  """
  for each in filter(None, (address, bind)):
    host, port = _host_and_port(each)
    try:
      found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
      raise errors.UserError(
        f"--coordinator={each}: {host} cannot be looked up"
      ) from None
    if each is not bind:
      continue
    family, kind, protocol, _, where = found[0]
    try:
      with socket.socket(family, kind, protocol) as tried:
        # As the real one will: a port that was in use a moment ago is free.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(where)
    except OSError as error:
      raise errors.UserError(
        f"--coordinator={each}: process 0 cannot listen there:"
        f" {error.strerror}; it must be an address of this machine with a free"
        f" port (the variable {_BIND_VARIABLE} names one that others do not"
        " see)"
      ) from None


def _host_and_port(address: str) -> tuple[str, int]:
  found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+)):(\d{1,5})", address)
  if not found or not 0 < int(found[3]) < 1 << 16:
    raise errors.UserError(
      f"--coordinator={address} cannot be used: it must be host:port, e.g."
      " 10.0.0.5:1234, or auto"
    )
  return found[1] or found[2], int(found[3])


def joined() -> bool:
  """Whether this process is one of a job of several."""
  if "jax" not in sys.modules:
    return False
  import jax

  return jax.distributed.is_initialized()


def is_loss(error: BaseException) -> bool:
  """Whether an exception says that another process cannot be reached."""
  each: BaseException | None = error
  while each is not None:
    # JAX, Orbax and the collectives have no type for it.
    if re.search("Gloo|NCCL|[Bb]arrier|heartbeat|UNAVAILABLE", str(each)):
      return True
    each = each.__cause__ or each.__context__
  return False


def leave(code: int) -> NoReturn:
  """Ends this process of a job that failed, without waiting for the others.

  They notice at once. JAX would first wait for them to come to their end, while
  they wait for this one.
  """
  for stream in (sys.stdout, sys.stderr):
    with contextlib.suppress(OSError, ValueError):
      stream.flush()
  os._exit(code)


@contextlib.contextmanager
def first_process_first() -> Iterator[None]:
  """Runs the body in process 0, then in all others.

  For building files that several processes share, or that each builds for
  itself. All processes must come here equally often and in the same order.
  """
  import jax

  if jax.process_count() == 1:
    yield
    return
  import orbax.checkpoint as ocp

  # Not a device collective: those give up on a peer within a minute, and
  # process 0 may be building for an hour.
  barrier = ocp.multihost.get_barrier_sync_fn()
  if jax.process_index() == 0:
    yield
  key = f"first_process_first_{next(_barriers)}"  # a key is used once
  barrier(key=key, timeout_ms=4 * 3600 * 1000)
  if jax.process_index() != 0:
    yield


def of_first_process(values: T) -> T:
  """Returns process 0's values of a pytree of NumPy arrays, in all processes.

  Equal computations on other processors may differ in their last bits, and what
  all devices hold must not.
  """
  import jax

  if jax.process_count() == 1:
    return values
  from jax.experimental import multihost_utils

  return multihost_utils.broadcast_one_to_all(values)


def _hold_standard_error() -> None:
  """Holds back what C++ writes to standard error, to the end of the process.

  Python's own sys.stderr is not held. At the end what is not about the job's
  processes is written; where C++ ends the process, `_complaint` is instead.
  """
  global _abort_handler
  if os.name != "posix":
    return
  sys.stderr.flush()
  sys.stderr = io.TextIOWrapper(
    os.fdopen(os.dup(2), "wb", 0),
    errors="backslashreplace",
    write_through=True,
  )
  held = tempfile.TemporaryFile()  # noqa: SIM115, open to the very end
  os.dup2(held.fileno(), 2)

  def written() -> str:
    held.seek(0)
    return held.read().decode(errors="replace")

  def at_exit() -> None:
    for line in written().splitlines():
      if not re.search("coordination_service|preemption|RPC: /xla", line):
        print(line, file=sys.stderr)

  def on_abort(number: int) -> None:
    text = written()
    if "JAX distributed service detected fatal errors" not in text:
      print(text, file=sys.stderr)
      c.signal(number, 0)  # the default, to which abort() then comes
      return
    name = pathlib.Path(sys.argv[0]).name
    print(wording.printable(f"{name}: {_complaint}"), file=sys.stderr)
    leave(LOST_CODE if _complaint is LOST else 2)

  # A handler of Python's would not run any more.
  c = ctypes.CDLL(None)
  _abort_handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(on_abort)
  c.signal(signal.SIGABRT, _abort_handler)
  atexit.register(at_exit)
