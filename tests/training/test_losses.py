"""Focal loss by hand, against its formula, and at its edges."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from eanet_jax.training import losses

settings = hypothesis.settings(deadline=None, max_examples=25)


def test_loss_by_hand():
  logits = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
  loss = losses.focal_loss(logits, jnp.array([0, 1]), gamma=2.0)
  # (1 - 1/2)^2 log 2 and (1 - 1/10)^2 log 10.
  expected = [0.25 * np.log(2), 0.81 * np.log(10)]
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
  assert loss.shape == (2,)
  assert loss.dtype == jnp.float32


@settings
@hypothesis.given(
  seed=st.integers(0, 999),
  shape=st.sampled_from([(1, 2), (5, 4)]),
  gamma=st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0]),
)
def test_loss_equals_the_formula(seed, shape, gamma):
  b, l = shape
  rng = np.random.default_rng(seed)
  logits, labels = 3 * rng.normal(size=(b, l)), rng.integers(0, l, b)
  weights = rng.uniform(0.1, 3, l)
  p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  p = p[np.arange(b), labels]
  loss = losses.focal_loss(jnp.array(logits), labels, gamma, jnp.array(weights))
  expected = -weights[labels] * (1 - p) ** gamma * np.log(p)
  np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-6)


def test_gamma_0_is_the_cross_entropy():
  logits = jnp.array([[0.0, 0.0, 0.0, 0.0], [20.0, 0.0, 0.0, 0.0]])
  loss = losses.focal_loss(logits, jnp.array([2, 1]), gamma=0.0)
  np.testing.assert_allclose(loss, [np.log(4), 20.0], rtol=1e-6)


def test_class_weights_multiply_the_loss_of_their_class():
  logits = jnp.array([[1.0, 2.0], [1.0, 2.0]])
  labels = jnp.array([1, 0])
  plain = losses.focal_loss(logits, labels)
  weighted = losses.focal_loss(
    logits, labels, class_weights=jnp.array([3.0, 0.5])
  )
  np.testing.assert_allclose(weighted, plain * np.array([0.5, 3]), rtol=1e-6)


@pytest.mark.parametrize("margin", [9.0, 12.0, 14.0])
def test_near_p_1_a_gamma_adds_a_power_of_the_cross_entropy(margin):
  # 1 - p nears -log p.
  logits, labels = jnp.array([[margin, 0.0]]), jnp.array([0])
  plain = losses.focal_loss(logits, labels, gamma=0.0)
  loss = losses.focal_loss(logits, labels, gamma=2.0)
  np.testing.assert_allclose(loss, plain**3, rtol=5e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("scale", [0.0, 30.0, 1e4])
def test_loss_and_gradient_are_finite(gamma, label, scale):
  logits = jnp.array([[scale, -scale, 0.0]])
  loss = lambda logits: losses.focal_loss(logits, jnp.array([label]), gamma)[0]
  value, gradient = jax.value_and_grad(loss)(logits)
  assert np.isfinite(value)
  assert value >= 0
  assert np.isfinite(gradient).all()
  if scale == 1e4 and label == 1:  # wrong with certainty: full pull
    np.testing.assert_allclose(value, 2e4)
    np.testing.assert_allclose(gradient, [[1, -1, 0]], atol=1e-6)


def test_bfloat16_logits_give_a_float32_loss():
  loss = losses.focal_loss(jnp.ones((2, 3), jnp.bfloat16), jnp.array([0, 1]))
  assert loss.dtype == jnp.float32


@settings
@hypothesis.given(
  seed=st.integers(0, 999),
  smoothing=st.sampled_from([0.0, 0.1, 0.5]),
  gamma=st.sampled_from([0.0, 2.0]),
)
def test_smoothed_targets_are_spread_over_all_classes(seed, smoothing, gamma):
  rng = np.random.default_rng(seed)
  logits, labels = 3 * rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
  p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  targets = np.full((5, 4), smoothing / 4)
  targets[np.arange(5), labels] += 1 - smoothing
  expected = -(targets * (1 - p) ** gamma * np.log(p)).sum(-1)
  loss = losses.focal_loss(
    jnp.array(logits), labels, gamma, label_smoothing=smoothing
  )
  np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("images", "width"), [(1, 3), (3, 5), (8, 16)])
def test_pairs_have_the_loss_of_nt_xent(images, width):
  rng = np.random.default_rng(images)
  z = rng.normal(size=(2 * images, width))
  logits = losses.pair_logits(jnp.array(z, "f4"), 0.3)
  labels = (jnp.arange(2 * images) + images) % (2 * images)
  loss = losses.focal_loss(logits, labels, gamma=0.0)
  units = z / np.linalg.norm(z, axis=1, keepdims=True)
  for i in range(2 * images):
    partner = (i + images) % (2 * images)
    weights = np.exp(units @ units[i] / 0.3)
    others = weights.sum() - weights[i]
    np.testing.assert_allclose(
      loss[i], -np.log(weights[partner] / others), rtol=1e-4, atol=1e-5
    )


def test_an_embedding_of_nothing_has_a_finite_gradient():
  labels = jnp.array([2, 3, 0, 1])

  def loss(z):
    return losses.focal_loss(losses.pair_logits(z, 0.2), labels).sum()

  assert np.isfinite(jax.grad(loss)(jnp.zeros((4, 3)))).all()
