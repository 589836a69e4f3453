"""Layer norm against its formula, dropout against its probabilities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from eanet_jax.models import layers

SHAPES = [(5,), (3, 12), (2, 9, 64), (3, 256, 64), (2, 1, 3, 7)]


def norm(x, scale, bias):
  """The formula in float64."""
  centred = x - x.mean(axis=-1, keepdims=True)
  variance = (centred**2).mean(axis=-1, keepdims=True)
  return centred / np.sqrt(variance + 1e-6) * scale + bias


def norm_inputs(shape, seed=0):
  rng = np.random.default_rng(seed)
  sizes = (shape, shape[-1:], shape[-1:])
  return [(2 * rng.normal(size=size) + 1).astype("f4") for size in sizes]


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm_equals_the_formula(shape):
  arrays = norm_inputs(shape)
  out = jax.jit(layers.layer_norm)(*arrays)
  expected = norm(*[a.astype(np.float64) for a in arrays])
  assert out.shape == shape
  np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm_gradient_equals_differences_of_the_formula(shape):
  arrays = norm_inputs(shape)
  rng = np.random.default_rng(1)
  projection = rng.normal(size=shape)
  jax_projection = projection.astype("f4")
  gradient = jax.jit(
    jax.grad(lambda a: (layers.layer_norm(*a) * jax_projection).sum())
  )(arrays)
  exact = [a.astype(np.float64) for a in arrays]
  for i, g in enumerate(np.asarray(g, np.float64) for g in gradient):
    direction = rng.normal(size=g.shape) + np.sign(g)
    direction /= np.linalg.norm(direction)
    slope = 0.0
    for sign in (1, -1):
      moved = list(exact)
      moved[i] = exact[i] + sign * 1e-5 * direction
      slope += sign * (norm(*moved) * projection).sum() / 2e-5
    error = abs((g * direction).sum() - slope)
    assert error < 1e-5 * np.linalg.norm(g), (i, error)


def test_layer_norm_of_a_constant_row_is_the_bias_with_finite_gradient():
  x, scale, bias = np.full((2, 8), 3, "f4"), np.ones(8, "f4"), np.arange(8.0)
  bias = bias.astype("f4")
  np.testing.assert_array_equal(
    layers.layer_norm(x, scale, bias), np.stack([bias, bias])
  )
  gradient = jax.grad(lambda x: layers.layer_norm(x, scale, bias)[0, 0])(x)
  assert np.isfinite(gradient).all()


def test_layer_norm_module_starts_as_plain_normalisation():
  x = norm_inputs((3, 12))[0]
  module = layers.LayerNorm()
  variables = module.init(jax.random.key(0), x)
  assert jax.tree.map(jnp.shape, variables["params"]) == {
    "scale": (12,),
    "bias": (12,),
  }
  np.testing.assert_allclose(
    module.apply(variables, x), norm(x, 1, 0), rtol=1e-5, atol=1e-5
  )


def test_layer_norm_module_without_bias_has_only_a_scale():
  x = norm_inputs((3, 12))[0]
  module = layers.LayerNorm(use_bias=False)
  variables = module.init(jax.random.key(0), x)
  assert jax.tree.map(jnp.shape, variables["params"]) == {"scale": (12,)}
  scale = np.linspace(-1, 2, 12)
  np.testing.assert_allclose(
    module.apply({"params": {"scale": scale.astype("f4")}}, x),
    norm(x, scale, 0),
    rtol=1e-5,
    atol=1e-5,
  )


def test_layer_norm_module_computes_bfloat16_in_float32():
  x = norm_inputs((3, 64))[0].astype(jnp.bfloat16)
  module = layers.LayerNorm(jnp.bfloat16)
  variables = module.init(jax.random.key(0), x)
  out = module.apply(variables, x)
  assert out.dtype == jnp.bfloat16
  assert variables["params"]["scale"].dtype == jnp.float32
  exact = norm(np.asarray(x, np.float64), 1, 0)
  # Half a unit in the last of 8 bits: nothing is lost but by the last cast.
  np.testing.assert_allclose(
    out.astype(jnp.float32), exact, rtol=2**-8 * 1.01, atol=1e-6
  )


def drop(x, seed=0, rate=0.2, deterministic=False):
  rngs = {"dropout": jax.random.key(seed)}
  return np.asarray(layers.Dropout(rate).apply({}, x, deterministic, rngs=rngs))


def kept(shape, seed=0, rate=0.2):
  return drop(jnp.ones(shape), seed, rate) != 0


@pytest.mark.parametrize("keywords", [{"rate": 0}, {"deterministic": True}])
def test_dropout_is_the_identity_at_rate_0_or_when_deterministic(keywords):
  x = norm_inputs((3, 7))[0]
  np.testing.assert_array_equal(drop(x, **keywords), x)


def test_deterministic_dropout_needs_no_key():
  x = norm_inputs((3, 7))[0]
  out = layers.Dropout(0.2).apply({}, x, True)
  np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize("seed", range(4))
def test_dropout_keeps_205_of_256_within_5_sigma(seed):
  mask = kept((64, 1000), seed)
  p = 1 - 51 / 256
  assert abs(mask.mean() - p) < 5 * np.sqrt(p * (1 - p) / mask.size)


def test_dropout_scales_what_it_keeps_by_exactly_256_over_205():
  x = norm_inputs((64, 50))[0]
  out = drop(x)
  keep = out != 0
  assert 0 < keep.sum() < keep.size
  np.testing.assert_array_equal(out[keep], x[keep] * np.float32(256 / 205))


def test_dropout_preserves_the_mean():
  x = norm_inputs((256, 500))[0]
  noise = (drop(x, rate=0.5) - x).ravel()
  assert abs(noise.mean()) < 5 * noise.std() / np.sqrt(noise.size)


def test_dropout_is_a_function_of_its_key():
  np.testing.assert_array_equal(kept((9, 13), 3), kept((9, 13), 3))
  assert (kept((9, 13), 3) != kept((9, 13), 4)).any()


def test_dropout_gives_its_inputs_type():
  x = jnp.ones((4, 8), jnp.bfloat16)
  assert drop(x).dtype == jnp.bfloat16


def test_dropout_gradient_is_the_mask():
  x = norm_inputs((5, 9))[0]
  key = {"dropout": jax.random.key(0)}
  gradient = jax.grad(
    lambda x: layers.Dropout(0.2).apply({}, x, False, rngs=key).sum()
  )(x)
  expected = kept(x.shape) * np.float32(256 / 205)
  np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("d", [1, 2, 3, 5, 6, 7])
def test_random_bytes_takes_any_last_axis(d):
  draw = np.asarray(layers.random_bytes(jax.random.key(0), (400, d)))
  assert draw.shape == (400, d)
  assert draw.dtype == np.uint8
  # No column is constant, no two are the same.
  assert len(np.unique(draw.T, axis=0)) == d
  assert (draw.std(axis=0) > 60).all()


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_are_uniform_over_256_values(seed):
  draw = np.asarray(layers.random_bytes(jax.random.key(seed), (4096, 64)))
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
  draw = layers.random_bytes(jax.random.key(0), (512, 256))
  draw = np.moveaxis(np.asarray(draw, np.float64), axis, 0)
  value = correlation(draw[lag:], draw[:-lag])
  assert abs(value) < 5 / np.sqrt(draw[lag:].size)


def test_bits_of_a_byte_are_not_correlated():
  draw = np.asarray(layers.random_bytes(jax.random.key(0), (512, 256)))
  bits = np.unpackbits(draw.reshape(-1, 1), axis=1).astype(np.float64)
  table = np.corrcoef(bits.T) - np.eye(8)
  assert abs(table).max() < 5 / np.sqrt(len(bits))


def test_keys_are_not_correlated():
  keys = [jax.random.key(i) for i in range(3)]
  keys += [jax.random.fold_in(keys[0], i) for i in range(4)]
  draws = [
    np.asarray(layers.random_bytes(key, (256, 256)), np.float64) for key in keys
  ]
  for i, first in enumerate(draws):
    for second in draws[:i]:
      assert abs(correlation(first, second)) < 5 / np.sqrt(first.size)
