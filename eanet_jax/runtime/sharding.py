"""The device mesh, what is sharded over it, and jobs of several processes.

One mesh axis, "data": batches are split along it, parameters are on every
device. The same code runs on one CPU, one GPU, many devices and many hosts.
"""

import contextlib
import itertools
from collections.abc import Iterator

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from eanet_jax.runtime import process


def data_mesh() -> Mesh:
  """Returns a mesh of all devices of all processes along "data"."""
  process.hush_loader()  # whoever compiles anything comes here first
  # Explicit axes, the default, would need a sharding on every operation.
  return jax.make_mesh(
    (jax.device_count(),), ("data",), axis_types=(AxisType.Auto,)
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of an array that every device holds whole."""
  return NamedSharding(mesh, PartitionSpec())


def split_axis(mesh: Mesh, axis: int) -> NamedSharding:
  """Returns the sharding of an array whose `axis` is split over "data"."""
  return NamedSharding(mesh, PartitionSpec(*[None] * axis, "data"))


def put(array: np.ndarray, sharding: NamedSharding) -> jax.Array:
  """Returns `array`, which every process has, laid out by `sharding`.

  A process reads only what its own devices hold, so that a memory-mapped
  array is not read whole.
  """
  return jax.make_array_from_callback(
    array.shape, sharding, lambda index: np.ascontiguousarray(array[index])
  )


def fetch(array: jax.Array) -> np.ndarray:
  """Returns the whole of a replicated array on this host."""
  return np.asarray(array.addressable_data(0))


_BARRIERS = itertools.count()


@contextlib.contextmanager
def first_process_first() -> Iterator[None]:
  """Runs the body in process 0, then in all others.

  For building files that several processes share, or that each builds for
  itself. All processes must come here equally often and in the same order.
  """
  if jax.process_count() == 1:
    yield
    return
  import orbax.checkpoint as ocp

  # Not a device collective: those give up on a peer within a minute, and
  # process 0 may be building for an hour.
  barrier = ocp.multihost.get_barrier_sync_fn()
  if jax.process_index() == 0:
    yield
  key = f"first_process_first_{next(_BARRIERS)}"  # a key is used once
  barrier(key=key, timeout_ms=4 * 3600 * 1000)
  if jax.process_index() != 0:
    yield


def start_processes(
  coordinator: str | None, num_processes: int | None, process_id: int | None
) -> None:
  """Joins this process to a job of several; call it before any use of JAX.

  Args:
    coordinator: "host:port" of process 0; "auto" if the cluster (TPU pod,
      Slurm, MPI) provides it; None for a job of one process.
    num_processes: of the job; None with "auto".
    process_id: of this process, from 0; None with "auto".
  """
  if coordinator is None:
    return
  if coordinator == "auto":
    jax.distributed.initialize()
  else:
    jax.distributed.initialize(coordinator, num_processes, process_id)
