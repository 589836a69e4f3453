"""Dropout: what it drops, how often, and what it makes of the rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eanet_jax.models import dropout


def normal(shape):
  return np.random.default_rng(0).normal(size=shape).astype("f4")


def words_of(key):
  return jax.random.bits(key, (2,), jnp.uint32)


def drop(x, seed=0, rate=0.2, words=...):
  words = words_of(jax.random.key(seed)) if words is ... else words
  return np.asarray(dropout.Dropout(rate).apply({}, x, words))


def kept(shape, seed=0, rate=0.2):
  return drop(jnp.ones(shape), seed, rate) != 0


@pytest.mark.parametrize("keywords", [{"rate": 0}, {"words": None}])
def test_dropout_is_the_identity_at_rate_0_or_without_words(keywords):
  x = normal((3, 7))
  np.testing.assert_array_equal(drop(x, **keywords), x)


@pytest.mark.parametrize("seed", range(4))
def test_dropout_keeps_205_of_256_within_5_sigma(seed):
  mask = kept((64, 1000), seed)
  p = 1 - 51 / 256
  assert abs(mask.mean() - p) < 5 * np.sqrt(p * (1 - p) / mask.size)


def test_dropout_scales_what_it_keeps_by_exactly_256_over_205():
  x = normal((64, 50))
  out = drop(x)
  keep = out != 0
  assert 0 < keep.sum() < keep.size
  np.testing.assert_array_equal(out[keep], x[keep] * np.float32(256 / 205))


def test_dropout_preserves_the_mean():
  x = normal((256, 500))
  noise = (drop(x, rate=0.5) - x).ravel()
  assert abs(noise.mean()) < 5 * noise.std() / np.sqrt(noise.size)


def test_dropout_is_a_function_of_its_words():
  np.testing.assert_array_equal(kept((9, 13), 3), kept((9, 13), 3))
  assert (kept((9, 13), 3) != kept((9, 13), 4)).any()


def test_dropout_gives_its_inputs_type():
  x = jnp.ones((4, 8), jnp.bfloat16)
  assert drop(x).dtype == jnp.bfloat16


def test_dropout_gradient_is_the_mask():
  x = normal((5, 9))
  words = words_of(jax.random.key(0))
  gradient = jax.grad(lambda x: dropout.Dropout(0.2).apply({}, x, words).sum())(
    x
  )
  expected = kept(x.shape) * np.float32(256 / 205)
  np.testing.assert_array_equal(gradient, expected)
