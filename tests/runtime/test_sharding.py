"""What is on which device; test_docs.py has many processes."""

import jax
import numpy as np
from jax.sharding import PartitionSpec

from eanet_jax.runtime import sharding


def test_put_and_fetch_are_inverse():
  mesh = sharding.data_mesh()
  array = np.arange(48).reshape(2, 24)
  whole = sharding.put(array, sharding.replicated(mesh))
  np.testing.assert_array_equal(sharding.fetch(whole), array)
  split = sharding.put(array, sharding.split_axis(mesh, 1))
  np.testing.assert_array_equal(np.asarray(split), array)
  assert split.sharding.spec == PartitionSpec(None, "data")


def test_every_device_has_the_whole_of_one_and_its_part_of_the_other():
  mesh = sharding.data_mesh()
  assert mesh.axis_names == ("data",)
  array = np.arange(48).reshape(2, 24)
  whole = sharding.put(array, sharding.replicated(mesh))
  split = sharding.put(array, sharding.split_axis(mesh, 1))
  for i, device in enumerate(jax.devices()):
    for array_there, expected in (
      (whole, array),
      (split, array[:, 3 * i : 3 * i + 3]),
    ):
      (there,) = (
        shard.data
        for shard in array_there.addressable_shards
        if shard.device == device
      )
      np.testing.assert_array_equal(there, expected)
  assert jax.device_count() == 8
