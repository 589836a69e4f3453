"""Products, layer norm and convolutions at nearly the cost of their arithmetic.

Takes and gives activations (b, ..., d). All compute what the layers of
flax.linen compute. On a CPU those took more of a training step than all matrix
products together: compilers emit the gradient of a weight and a backward
reduction over tokens badly.
"""

import functools
import itertools
import math
from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.runtime import compiler

Array = jax.Array

# Networks sow under this name into "intermediates" the maps (b, y, x, c) whose
# means over the places are all that their last layer takes, in its order.
POOLED = "pooled"


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 3))
def einsum(
  subscripts: str,
  x: Array,
  weights: Array,
  dtype: jax.typing.DTypeLike = jnp.float32,
) -> Array:
  """Returns jnp.einsum of activations and weights, computed in `dtype`.

  Its gradient with respect to the weights is one product of two matrices, the
  narrower first. As autodiff writes it, it took a third of a CPU's step.

  Args:
    subscripts: "x,w->y" with the batch axis first in x and y.
    x: (b, ...).
    weights: float32; their gradient is float32 at any dtype.
    dtype: of the factors and of what comes back.
  """
  product = jnp.einsum(subscripts, x.astype(dtype), weights.astype(dtype))
  return compiler.fence(product)


def _einsum_fwd(
  subscripts: str, x: Array, weights: Array, dtype: jax.typing.DTypeLike
) -> tuple[Array, tuple[Array, Array]]:
  return einsum(subscripts, x, weights, dtype), (x, weights)


def _einsum_bwd(
  subscripts: str,
  dtype: jax.typing.DTypeLike,
  residuals: tuple[Array, Array],
  cotangent: Array,
) -> tuple[Array, Array]:
  x, weights = residuals
  of_x, of_weights, of_y = subscripts.replace("->", ",").split(",")
  d_x = jnp.einsum(
    f"{of_y},{of_weights}->{of_x}", cotangent, weights.astype(dtype)
  )
  narrow, wide = (of_x, x.astype(dtype)), (of_y, cotangent)
  if x.size > cotangent.size:  # the faster way round of the two
    narrow, wide = wide, narrow
  d_weights = _outer_sum(
    *(a.reshape(-1, _width(axes, of_weights, a)) for axes, a in (narrow, wide))
  )
  of_both = [c for axes, _ in (narrow, wide) for c in axes if c in of_weights]
  sizes = dict(zip(of_weights, weights.shape, strict=True))
  d_weights = d_weights.reshape([sizes[c] for c in of_both])
  d_weights = jnp.einsum(f"{''.join(of_both)}->{of_weights}", d_weights)
  return compiler.fence(d_x.astype(x.dtype)), d_weights


def _width(axes: str, of_weights: str, array: Array) -> int:
  """Elements of an array's axes that are the weights' too."""
  return math.prod(
    size for c, size in zip(axes, array.shape, strict=True) if c in of_weights
  )


def _outer_sum(x: Array, y: Array) -> Array:
  """Returns float32 (i, j): x^T y of x (r, i) and y (r, j)."""
  return compiler.fence(
    jnp.einsum("ri,rj->ij", x, y, preferred_element_type=jnp.float32)
  )


einsum.defvjp(_einsum_fwd, _einsum_bwd)


class Dense(nn.Module):
  """`flax.linen.Dense` by `einsum`, its parameters "kernel" and "bias".

  Attributes:
    features: channels of what comes back.
    dtype: of the product and of what comes back.
  """

  features: int
  dtype: jax.typing.DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Returns (b, n, features) of x (b, n, d)."""
    shape = (x.shape[-1], self.features)
    kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
    bias = self.param("bias", nn.initializers.zeros, shape[1:])
    product = einsum("bnd,de->bne", x, kernel, self.dtype)
    return add_bias(product, bias)


@jax.custom_vjp
def add_bias(x: Array, bias: Array) -> Array:
  """Returns x (..., d) + bias (d,), of the type of x."""
  return x + of_every_row(bias.astype(x.dtype), x)


add_bias.defvjp(
  lambda x, bias: (add_bias(x, bias), None),
  lambda _, cotangent: (cotangent, _sum_rows(cotangent)),
)


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


def of_every_row(vector: Array, x: Array) -> Array:
  """Returns vector (d,) with as many axes as x (..., d)."""
  return jnp.expand_dims(vector, range(x.ndim - 1))


def _mean(x: Array) -> Array:
  """Mean over the last axis, kept, as a product with a column."""
  d = x.shape[-1]
  return jnp.matmul(x, jnp.full((d, 1), 1 / d, x.dtype), precision="highest")


def _sum_rows(x: Array) -> Array:
  """Sum over all axes but the last, as a product with a row of ones."""
  rows = x.reshape(-1, x.shape[-1]).astype(jnp.float32)
  ones = jnp.ones(rows.shape[:1])
  return jnp.matmul(ones, rows, precision="highest")


def _layer_norm_fwd(
  x: Array, scale: Array, bias: Array
) -> tuple[Array, tuple[Array, Array, Array]]:
  centred = x - _mean(x)
  inverse_std = jax.lax.rsqrt(_mean(centred * centred) + 1e-6)
  normed = centred * inverse_std
  y = normed * of_every_row(scale, x) + of_every_row(bias, x)
  return y, (normed, inverse_std, scale)


def _layer_norm_bwd(
  residuals: tuple[Array, Array, Array], cotangent: Array
) -> tuple[Array, Array, Array]:
  normed, inverse_std, scale = residuals
  d_normed = cotangent * of_every_row(scale, cotangent)
  d_x = d_normed - _mean(d_normed) - normed * _mean(d_normed * normed)
  d_scale, d_bias = _sum_rows(cotangent * normed), _sum_rows(cotangent)
  return d_x * inverse_std, d_scale, d_bias


layer_norm.defvjp(_layer_norm_fwd, _layer_norm_bwd)


def grouped_conv(x: Array, kernel: Array, stride: int) -> Array:
  """Returns (b, y', x', d): what a sum of shifted maps is, as one operation.

  Args:
    x: (b, y, x, d); its edges are padded as TensorFlow's SAME has it.
    kernel: (k, k, d) of the same type.
    stride: of both axes.
  """
  return jax.lax.conv_general_dilated(
    x,
    jnp.expand_dims(kernel, 2),
    (stride, stride),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
    feature_group_count=x.shape[-1],
  )


@jax.custom_vjp
def depthwise_conv(x: Array, kernel: Array) -> Array:
  """Convolves each channel by its own square kernel; zeros beyond the edges.

  It sums shifted maps. On a CPU the compiler's own grouped convolution takes
  four times as long, and the gradient that autodiff makes of this sum ten.

  Args:
    x: (b, y, x, d).
    kernel: float32 (k, k, d), k odd.

  Returns:
    (b, y, x, d) of the type of x.
  """
  kernel = kernel.astype(x.dtype)
  taps = _taps(x, len(kernel))
  return compiler.fence(  # type: ignore[return-value]  # 0 is of no taps
    sum(tap * of_every_row(kernel[at], tap) for at, tap in taps)
  )


def _taps(x: Array, size: int) -> Iterator[tuple[tuple[int, int], Array]]:
  """Yields ((i, j), what the tap at i, j of a kernel sees of x)."""
  b, height, width, d = x.shape
  edge = (size // 2, size // 2)
  padded = jnp.pad(x, ((0, 0), edge, edge, (0, 0)))
  for i, j in itertools.product(range(size), repeat=2):
    end = (b, i + height, j + width, d)
    yield (i, j), jax.lax.slice(padded, (0, i, j, 0), end)


def _depthwise_conv_fwd(
  x: Array, kernel: Array
) -> tuple[Array, tuple[Array, Array]]:
  return depthwise_conv(x, kernel), (x, kernel)


def _depthwise_conv_bwd(
  residuals: tuple[Array, Array], cotangent: Array
) -> tuple[Array, Array]:
  x, kernel = residuals
  d_x = depthwise_conv(cotangent, kernel[::-1, ::-1])
  d_kernel = [
    _sum_rows(compiler.fence(tap * cotangent))
    for _, tap in _taps(x, len(kernel))
  ]
  return d_x, jnp.stack(d_kernel).reshape(kernel.shape)


depthwise_conv.defvjp(_depthwise_conv_fwd, _depthwise_conv_bwd)


class DepthwiseConv(nn.Module):
  """`depthwise_conv` with its parameters "kernel" and "bias".

  Attributes:
    kernel_size: of its square, odd.
  """

  kernel_size: int = 3

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Returns (b, y, x, d) of x (b, y, x, d), of its type."""
    shape = (self.kernel_size, self.kernel_size, x.shape[-1])
    # Its fan-in is its taps: a channel sees no other channel.
    init = nn.initializers.normal(1 / self.kernel_size)
    kernel = self.param("kernel", init, shape)
    bias = self.param("bias", nn.initializers.zeros, shape[2:])
    if compiler.is_plain():
      return add_bias(grouped_conv(x, kernel.astype(x.dtype), 1), bias)
    return add_bias(depthwise_conv(x, kernel), bias)


class LayerNorm(nn.Module):
  """`layer_norm` with its parameters; computed in float32 at any dtype.

  Attributes:
    dtype: of what comes back.
    use_bias: False where what follows cancels a bias.
  """

  dtype: jax.typing.DTypeLike = jnp.float32
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
