"""The mesh; test_train.py has many devices, test_docs.py many processes."""

import jax
import numpy as np
from jax.sharding import PartitionSpec

from eanet_jax.runtime import sharding


def test_put_and_fetch_are_inverse():
  mesh = sharding.data_mesh()
  array = np.arange(24).reshape(2, 12)
  whole = sharding.put(array, sharding.replicated(mesh))
  np.testing.assert_array_equal(sharding.fetch(whole), array)
  split = sharding.put(array, sharding.split_axis(mesh, 1))
  np.testing.assert_array_equal(np.asarray(split), array)
  assert split.sharding.spec == PartitionSpec(None, "data")


def test_state_lives_on_every_device():
  mesh = sharding.data_mesh()
  assert mesh.size == jax.device_count()
  assert mesh.axis_names == ("data",)
