"""The device mesh, and what is sharded over it.

One mesh axis, "data": batches are split along it, parameters are on every
device. The same code runs on one CPU, one GPU, many devices and many hosts.
"""

import functools

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from eanet_jax.runtime import process


@functools.cache  # equal meshes have other hashes: programs are kept by them
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
