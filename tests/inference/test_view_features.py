"""Features of a data set: found once, and again for whatever changes them."""

import jax
import numpy as np
import pytest

from eanet_jax.inference import forward_pass, view_features
from eanet_jax.models import efficientnet_lite, transfer
from eanet_jax.models.pretrained import efficientnet_lite0
from eanet_jax.runtime import sharding


@pytest.fixture
def images(tmp_path):
  rng = np.random.default_rng(0)
  found = rng.integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
  path = tmp_path / "images.u8"
  found.tofile(path)
  return np.memmap(path, np.uint8, "r", shape=found.shape)


def features(images, mean=None, std=None, orientations=1, dtype="float32"):
  mesh = sharding.data_mesh()
  model = transfer.Transfer(2, efficientnet_lite.Trunk(dtype=dtype))
  forward = forward_pass.ForwardPass(model, mean, std, 8, mesh)
  variables = jax.device_put(
    {"frozen": {"trunk": efficientnet_lite0.load()}},
    sharding.replicated(mesh),
  )
  return view_features.inputs(forward, variables, images, orientations)


def test_they_are_kept_beside_the_views_and_used_again(images, tmp_path):
  first = features(images)
  (kept,) = tmp_path.glob("features*")
  np.savez(kept, rows=first[::-1])
  np.testing.assert_array_equal(features(images), first[::-1])


@pytest.mark.parametrize(
  "change",
  [
    {"mean": 100.0, "std": 20.0},
    {"orientations": 4},
    {"dtype": "bfloat16"},
  ],
  ids=lambda change: next(iter(change)),
)
def test_what_changes_them_has_them_found_again(images, change):
  first = features(images)
  second = features(images, **change)
  assert np.abs(second - first).max() > 1e-3
