"""Products and norms against their formulas, convolutions against loops."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import layers as reference

from eanet_jax.models import layers

SHAPES = [(5,), (3, 12), (2, 9, 64), (3, 256, 64), (2, 1, 3, 7)]


def norm_inputs(shape, seed=0):
  rng = np.random.default_rng(seed)
  sizes = (shape, shape[-1:], shape[-1:])
  return [(2 * rng.normal(size=size) + 1).astype("f4") for size in sizes]


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm_equals_the_formula(shape):
  arrays = norm_inputs(shape)
  out = jax.jit(layers.layer_norm)(*arrays)
  expected = reference.layer_norm(*[a.astype(np.float64) for a in arrays])
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
      slope += sign * (reference.layer_norm(*moved) * projection).sum() / 2e-5
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
    module.apply(variables, x),
    reference.layer_norm(x, 1, 0),
    rtol=1e-5,
    atol=1e-5,
  )


def test_layer_norm_module_without_bias_has_only_a_scale():
  x = norm_inputs((3, 12))[0]
  module = layers.LayerNorm(use_bias=False)
  variables = module.init(jax.random.key(0), x)
  assert jax.tree.map(jnp.shape, variables["params"]) == {"scale": (12,)}
  scale = np.linspace(-1, 2, 12)
  np.testing.assert_allclose(
    module.apply({"params": {"scale": scale.astype("f4")}}, x),
    reference.layer_norm(x, scale, 0),
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
  exact = reference.layer_norm(np.asarray(x, np.float64), 1, 0)
  # Half a unit in the last of 8 bits: nothing is lost but by the last cast.
  np.testing.assert_allclose(
    out.astype(jnp.float32), exact, rtol=2**-8 * 1.01, atol=1e-6
  )


# (subscripts, x, weights): odd batches, either side the wider one.
PRODUCTS = [
  ("bnd,hsd->bnhs", (3, 7, 6), (2, 5, 6)),
  ("bnhs,hsd->bnd", (5, 7, 2, 5), (2, 5, 6)),
  ("bnd,de->bne", (1, 4, 6), (6, 3)),
  ("bnd,de->bne", (4, 9, 3), (3, 8)),
]


def product_inputs(x_shape, weights_shape):
  rng = np.random.default_rng(0)
  return [rng.normal(size=s).astype("f4") for s in (x_shape, weights_shape)]


@pytest.mark.parametrize(("subscripts", "x", "weights"), PRODUCTS)
def test_einsum_and_its_gradients_equal_numpys(subscripts, x, weights):
  x, weights = product_inputs(x, weights)
  out = jax.jit(layers.einsum, static_argnums=0)(subscripts, x, weights)
  exact = [a.astype(np.float64) for a in (x, weights)]
  expected = np.einsum(subscripts, *exact)
  np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
  projection = np.random.default_rng(1).normal(size=out.shape)
  gradients = jax.jit(
    jax.grad(
      lambda x, w: (layers.einsum(subscripts, x, w) * projection).sum(), (0, 1)
    )
  )(x, weights)
  of_x, of_weights, of_y = subscripts.replace("->", ",").split(",")
  expected = (
    np.einsum(f"{of_y},{of_weights}->{of_x}", projection, exact[1]),
    np.einsum(f"{of_x},{of_y}->{of_weights}", exact[0], projection),
  )
  for gradient, other in zip(gradients, expected, strict=True):
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, other, rtol=1e-5, atol=1e-5)


def test_einsum_in_bfloat16_has_a_float32_gradient_of_the_weights():
  subscripts, x, weights = PRODUCTS[0]
  x, weights = product_inputs(x, weights)
  x = x.astype(jnp.bfloat16)
  run = lambda x, w: layers.einsum(subscripts, x, w, jnp.bfloat16)
  assert run(x, weights).dtype == jnp.bfloat16
  d_x, d_weights = jax.grad(
    lambda x, w: run(x, w).astype(jnp.float32).sum(), (0, 1)
  )(x, weights)
  assert (d_x.dtype, d_weights.dtype) == (jnp.bfloat16, jnp.float32)
  ones = np.ones((3, 7, 2, 5))
  expected = np.einsum("bnd,bnhs->hsd", np.asarray(x, np.float64), ones)
  np.testing.assert_allclose(d_weights, expected, rtol=1e-5, atol=1e-5)


def test_dense_is_flax_linens_with_the_same_parameters():
  x = norm_inputs((3, 5, 12))[0]
  ours, theirs = layers.Dense(7), nn.Dense(7)
  variables = ours.init(jax.random.key(0), x)
  others = theirs.init(jax.random.key(0), x)
  assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, others)
  variables = jax.tree.map(lambda leaf: leaf + 0.3, variables)

  def loss(layer):
    return jax.jit(
      jax.value_and_grad(lambda v: jnp.square(layer.apply(v, x)).sum())
    )(variables)

  for a, b in zip(
    *map(jax.tree.leaves, map(loss, (ours, theirs))), strict=True
  ):
    np.testing.assert_allclose(a, b, rtol=1e-4)


@pytest.mark.parametrize(
  ("shape", "size"), [((1, 4, 5, 3), 3), ((3, 2, 1, 2), 3), ((2, 6, 4, 5), 5)]
)
def test_depthwise_convolution_and_gradient_equal_loops(shape, size):
  rng = np.random.default_rng(0)
  x, kernel = rng.normal(size=shape), rng.normal(size=(size, size, shape[-1]))
  projection = rng.normal(size=shape)
  arrays = [a.astype("f4") for a in (x, kernel)]
  out = jax.jit(layers.depthwise_conv)(*arrays)
  np.testing.assert_allclose(
    out, reference.depthwise_conv(x, kernel), rtol=1e-5, atol=1e-5
  )
  d_x, d_kernel = jax.jit(
    jax.grad(
      lambda *a: (layers.depthwise_conv(*a) * projection.astype("f4")).sum(),
      (0, 1),
    )
  )(*arrays)
  # It is linear in either: its gradient is what a unit of each element adds.
  for index in np.ndindex(x.shape):
    unit = np.zeros_like(x)
    unit[index] = 1
    slope = (reference.depthwise_conv(unit, kernel) * projection).sum()
    np.testing.assert_allclose(d_x[index], slope, rtol=1e-4, atol=1e-5)
  for index in np.ndindex(kernel.shape):
    unit = np.zeros_like(kernel)
    unit[index] = 1
    slope = (reference.depthwise_conv(x, unit) * projection).sum()
    np.testing.assert_allclose(d_kernel[index], slope, rtol=1e-4, atol=1e-5)
