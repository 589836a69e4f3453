"""Layer norm and dropout whose cost on a CPU is near that of their arithmetic.

Takes and gives activations (..., d) of any leading shape. Both are drop-in
forms of the layers of flax.linen: stock ones took more of a training step than
all matrix products together, because older CPU compilers emit a backward
reduction over tokens badly and because threefry makes one 32-bit word for each
element dropped or kept.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

Array = jax.Array


@jax.custom_vjp
def layer_norm(x: Array, scale: Array, bias: Array) -> Array:
  """Layer normalisation over the last axis, epsilon 1e-6.

  Sums are products with a vector of ones: any compiler turns those into one
  matrix-vector product, on the way back too.

  Args:
    x: float32 (..., d).
    scale: float32 (d,).
    bias: float32 (d,).

  Returns:
    float32 (..., d).
  """
  return _layer_norm_fwd(x, scale, bias)[0]


def _mean(x: Array) -> Array:
  """Mean over the last axis, kept, as a product with a column."""
  d = x.shape[-1]
  return jnp.matmul(x, jnp.full((d, 1), 1 / d, x.dtype), precision="highest")


def _sum_rows(x: Array) -> Array:
  """Sum over all axes but the last, as a product with a row of ones."""
  rows = x.reshape(-1, x.shape[-1])
  ones = jnp.ones((len(rows),), x.dtype)
  return jnp.matmul(ones, rows, precision="highest")


def _layer_norm_fwd(x, scale, bias):
  centred = x - _mean(x)
  inverse_std = jax.lax.rsqrt(_mean(centred * centred) + 1e-6)
  normed = centred * inverse_std
  return normed * scale + bias, (normed, inverse_std, scale)


def _layer_norm_bwd(residuals, cotangent):
  normed, inverse_std, scale = residuals
  d_normed = cotangent * scale
  d_x = d_normed - _mean(d_normed) - normed * _mean(d_normed * normed)
  d_scale, d_bias = _sum_rows(cotangent * normed), _sum_rows(cotangent)
  return d_x * inverse_std, d_scale, d_bias


layer_norm.defvjp(_layer_norm_fwd, _layer_norm_bwd)


class LayerNorm(nn.Module):
  """`layer_norm` with its parameters; computed in float32 at any dtype.

  Attributes:
    dtype: of what comes back.
    use_bias: False where what follows cancels a bias.
  """

  dtype: jnp.dtype = jnp.float32
  use_bias: bool = True

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Returns x (..., d) normalised over d, as `dtype`."""
    d = x.shape[-1]
    scale = self.param("scale", nn.initializers.ones, (d,))
    bias = jnp.zeros((d,))
    if self.use_bias:
      bias = self.param("bias", nn.initializers.zeros, (d,))
    return layer_norm(x.astype(jnp.float32), scale, bias).astype(self.dtype)


class Dropout(nn.Module):
  """Dropout that spends one random byte on an element.

  The rate is therefore a multiple of 1/256: 0.2 is 51/256 = 0.1992, and what
  is kept is scaled by exactly the inverse of what is kept on average.
  """

  rate: float

  @nn.compact
  def __call__(self, x: Array, deterministic: bool) -> Array:
    """Returns x (..., d), dropped unless `deterministic`; rng "dropout"."""
    threshold = round(self.rate * 256)
    if deterministic or threshold == 0:
      return x
    keep = random_bytes(self.make_rng("dropout"), x.shape) >= threshold
    return jnp.where(keep, x * (256 / (256 - threshold)), 0).astype(x.dtype)


def random_bytes(key: Array, shape: tuple[int, ...]) -> Array:
  """Returns uint8 `shape`, uniform: a counter hashed under a threefry key.

  The hash is the two-round multiply-xorshift `lowbias32` with one word of the
  key added before each round: 6 integer operations for 4 bytes against some
  80 for threefry, and compiled in a quarter of the time. It depends on the
  element's index alone, so that any sharding draws the same bytes. Good for
  dropout masks; not for anything secret or for numerical integration.
  """
  words_shape = (*shape[:-1], math.ceil(shape[-1] / 4))
  first, second = jax.random.bits(key, (2,), jnp.uint32)
  index = jax.lax.iota(jnp.uint32, math.prod(words_shape)).reshape(words_shape)
  word = index * jnp.uint32(0x9E3779B9) + first
  word ^= word >> 16
  word *= jnp.uint32(0x7FEB352D)
  word ^= word >> 15
  word += second
  word *= jnp.uint32(0x846CA68B)
  word ^= word >> 16
  four = jax.lax.bitcast_convert_type(word, jnp.uint8)  # (..., d/4, 4)
  return four.reshape(*words_shape[:-1], -1)[..., : shape[-1]]
