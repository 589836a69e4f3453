"""Hashed random bytes and normal draws against what chance would give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from eanet_jax.runtime import fast_random


def random_bytes(key, shape):
  return fast_random.random_bytes(jax.random.bits(key, (2,), jnp.uint32), shape)


@pytest.mark.parametrize("d", [1, 2, 3, 5, 6, 7])
def test_random_bytes_takes_any_last_axis(d):
  draw = np.asarray(random_bytes(jax.random.key(0), (400, d)))
  assert draw.shape == (400, d)
  assert draw.dtype == np.uint8
  # No column is constant, no two are the same.
  assert len(np.unique(draw.T, axis=0)) == d
  assert (draw.std(axis=0) > 60).all()


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_are_uniform_over_256_values(seed):
  draw = np.asarray(random_bytes(jax.random.key(seed), (4096, 64)))
  for lane in range(4):  # the four bytes of a word
    counts = np.bincount(draw[:, lane::4].ravel(), minlength=256)
    statistic = stats.chisquare(counts).statistic
    low, high = stats.chi2.ppf([1e-6, 1 - 1e-6], 255)
    assert low < statistic < high, lane


def correlation(first, second):
  return np.corrcoef(first.ravel(), second.ravel())[0, 1]


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 64])
@pytest.mark.parametrize("axis", [0, 1])
def test_neighbours_are_not_correlated(lag, axis):
  draw = random_bytes(jax.random.key(0), (512, 256))
  draw = np.moveaxis(np.asarray(draw, np.float64), axis, 0)
  value = correlation(draw[lag:], draw[:-lag])
  assert abs(value) < 5 / np.sqrt(draw[lag:].size)


def test_bits_of_a_byte_are_not_correlated():
  draw = np.asarray(random_bytes(jax.random.key(0), (512, 256)))
  bits = np.unpackbits(draw.reshape(-1, 1), axis=1).astype(np.float64)
  table = np.corrcoef(bits.T) - np.eye(8)
  assert abs(table).max() < 5 / np.sqrt(len(bits))


def test_keys_are_not_correlated():
  keys = [jax.random.key(i) for i in range(3)]
  keys += [jax.random.fold_in(keys[0], i) for i in range(4)]
  draws = [
    np.asarray(random_bytes(key, (256, 256)), np.float64) for key in keys
  ]
  for i, first in enumerate(draws):
    for second in draws[:i]:
      assert abs(correlation(first, second)) < 5 / np.sqrt(first.size)


def test_normal_draws_have_the_moments_of_a_normal():
  words = jnp.array([1, 2], jnp.uint32)
  draw = np.asarray(fast_random.standard_normal(words, (500, 400)), np.float64)
  n = draw.size
  assert abs(draw.mean()) < 5 / n**0.5
  assert abs(draw.var() - 1) < 5 * (2 / n) ** 0.5
  assert abs(stats.skew(draw.ravel())) < 5 * (6 / n) ** 0.5
  # Of four uniform draws: -1.2 / 4 beside the normal's 0.
  assert abs(stats.kurtosis(draw.ravel()) + 0.3) < 0.05
  # Near enough that a hundredth of the tail is where it should be.
  assert abs((abs(draw) > 2.576).mean() - 0.01) < 0.005


def test_normal_draws_of_neighbours_are_not_correlated():
  words = jnp.array([3, 4], jnp.uint32)
  draw = np.asarray(fast_random.standard_normal(words, (300, 301)), np.float64)
  for first, second in (
    (draw[1:], draw[:-1]),
    (draw[:, 1:], draw[:, :-1]),
  ):
    assert abs(correlation(first, second)) < 5 / np.sqrt(first.size)
