"""Where an image speaks for its class: the formula, and a place that does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eanet_jax.explanation import evidence_maps
from eanet_jax.models import efficientnet_lite, inputs, transfer
from eanet_jax.models.pretrained import efficientnet_lite0
from eanet_jax.runtime import sharding


@pytest.fixture(scope="module")
def network():
  model = transfer.Transfer(3, efficientnet_lite.Trunk())
  size = sum(model.sizes)
  rng = np.random.default_rng(0)
  variables = {
    "frozen": {"trunk": efficientnet_lite0.load()},
    "batch_stats": {
      "mean": np.zeros(size, "f4"),
      "std": np.ones(size, "f4"),
      "power": np.float32(0.5),
    },
    "params": {
      "head": {
        "kernel": rng.normal(size=(size, 3)).astype("f4"),
        "bias": np.zeros(3, "f4"),
      }
    },
  }
  return model, variables


def maps_of(network, images):
  return evidence_maps.evidence_maps(
    *network, images, None, None, sharding.data_mesh()
  )


def test_a_step_along_the_evidence_moves_the_margin_as_it_says(network):
  model, variables = network
  rng = np.random.default_rng(1)
  image = rng.integers(0, 256, (1, 64, 64, 1), dtype=np.uint8)
  found, names = maps_of(network, image)
  assert found.shape == (1, 2, 4, 4)
  assert len(names) == 2
  assert found.min() >= 0
  maps = model.apply(
    variables, inputs.standardise(image, None, None), method="maps"
  )

  def margin(scale):
    # Every channel a little further from its mean, at one place.
    moved = [
      each
      + (each - each.mean((1, 2), keepdims=True))
      * (scale if each.shape[1] == 4 else jnp.zeros((1, 2, 2, 1)))
      for each in maps
    ]
    logits = model.apply(variables, transfer.moments(moved), deterministic=True)
    return (logits.max() - logits.mean()).sum()

  slopes = jax.grad(margin)(jnp.zeros((1, 4, 4, 1)))[0, ..., 0]
  np.testing.assert_allclose(
    found[0, 0], np.maximum(slopes, 0), rtol=1e-3, atol=1e-4
  )


def test_no_images_have_no_maps(network):
  assert maps_of(network, np.empty((0, 64, 64, 1), np.uint8)) is None
