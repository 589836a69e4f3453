"""Every example once, in every orientation asked for."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from made_networks import eanet

from eanet_jax.inference import forward_pass
from eanet_jax.runtime import sharding

MEAN, STD = 120.0, 40.0


@pytest.fixture(scope="module")
def network():
  model = eanet(patch_px=8, width=12, num_blocks=1, num_heads=3, num_slots=5)
  images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 1))
  images = images.astype(np.uint8)
  init = jax.jit(lambda key: model.init(key, images[:1], deterministic=True))
  params = init(jax.random.key(0))["params"]
  direct = jax.jit(
    lambda images: model.apply({"params": params}, images, deterministic=True)
  )((images.astype("f4") - MEAN) / STD)
  forward = forward_pass.ForwardPass(model, MEAN, STD, 4, sharding.data_mesh())
  return forward, params, images, np.asarray(direct)


@pytest.mark.parametrize("k", [1, 3, 4, 5, 16, 19])
def test_forward_gives_each_example_its_logits_once_and_in_order(network, k):
  forward, params, images, direct = network
  indices = np.random.default_rng(k).permutation(20)[:k]
  logits = forward({"params": params}, images, indices)
  assert logits.shape == (k, 3)
  assert logits.dtype == np.float32
  np.testing.assert_allclose(logits, direct[indices], rtol=1e-4, atol=1e-5)


def test_forward_takes_an_example_as_often_as_it_is_asked_for(network):
  forward, params, images, direct = network
  indices = np.array([7, 7, 2, 7, 2])
  logits = forward({"params": params}, images, indices)
  np.testing.assert_allclose(logits, direct[indices], rtol=1e-4, atol=1e-5)


def test_a_quarter_turn_or_a_mirror_changes_nothing_for_8_orientations(network):
  forward, params, images, direct = network
  indices = np.arange(7)
  eight = lambda images: forward({"params": params}, images, indices, 8)
  upright = eight(images)
  assert upright.shape == (7, 3)
  for turned in (np.rot90(images, 1, (1, 2)), images[:, ::-1]):
    np.testing.assert_allclose(eight(turned), upright, rtol=1e-5, atol=1e-6)
  moved = forward({"params": params}, np.rot90(images, 1, (1, 2)), indices)
  assert abs(moved - direct[:7]).max() > 1e-3  # of one, all of it changes


def test_several_orientations_have_the_mean_of_their_probabilities(network):
  forward, params, images, _ = network
  indices = np.arange(5)
  each = [
    forward({"params": params}, np.rot90(images, k, (1, 2)), indices)
    for k in range(4)
  ]
  expected = np.mean([forward_pass.probabilities(logits) for logits in each], 0)
  four = forward({"params": params}, images, indices, 4)
  np.testing.assert_allclose(
    forward_pass.probabilities(four), expected, rtol=1e-5, atol=1e-7
  )


def test_forward_is_traced_once_whatever_the_number_of_examples():
  traces = []

  class Sum(nn.Module):
    @nn.compact
    def __call__(self, images, *, deterministic):
      traces.append((images.shape, deterministic))
      return images.sum(axis=(1, 2))

  forward = forward_pass.ForwardPass(Sum(), 1.0, 2.0, 3, sharding.data_mesh())
  images = np.arange(7, dtype=np.uint8)[:, None, None, None]
  for k in (1, 3, 4, 7):
    logits = forward({}, images, np.arange(k))
    np.testing.assert_array_equal(logits[:, 0], (np.arange(k) - 1) / 2)
  ((shape, deterministic),) = traces
  assert shape[1:] == (1, 1, 1)
  assert deterministic


def test_probabilities_by_hand():
  logits = np.log([[1.0, 2.0, 5.0], [4.0, 4.0, 8.0]]).astype("f4")
  p = forward_pass.probabilities(logits)
  np.testing.assert_allclose(p, [[1 / 8, 1 / 4, 5 / 8], [0.25, 0.25, 0.5]])
  assert p.dtype == np.float64


def test_probabilities_of_extreme_logits_sum_to_1():
  logits = np.array([[1e4, -1e4, 0], [-1e30, 3, 3], [88, 89, 90]], "f4")
  p = forward_pass.probabilities(logits)
  np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-12)
  np.testing.assert_allclose(p[:2], [[1, 0, 0], [0, 0.5, 0.5]])


def test_no_float32_product_rounds_its_factors(network):
  forward, params, images, _ = network
  program = forward._logits.lower({"params": params}, images[:8], 0)
  products = [
    line for line in program.as_text().splitlines() if "dot_general" in line
  ]
  assert len(products) > 5
  assert all("HIGHEST" in line for line in products)
