"""EfficientNet-Lite0 without its classifier: a trunk that knows photographs.

Takes standardised images (b, y, x, 1), gives the map of every block. Its
weights are not trained here, so they are no "params": they stand in a
collection of their own, "frozen", with each batch norm folded into the
convolution before it (`models.pretrained.efficientnet_lite0`).

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", table 1; Lite leaves out squeeze-and-excitation and takes ReLU6.
"""

import dataclasses
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.models import layers
from eanet_jax.runtime import compiler

Array = jax.Array

COLLECTION = "frozen"
STEM_CHANNELS = 32


@dataclasses.dataclass(frozen=True)
class BlockShape:
  """One inverted bottleneck (Sandler et al., MobileNetV2).

  Attributes:
    kernel: side of its depthwise convolution.
    stride: of the same.
    expansion: channels of the depthwise convolution, as a multiple of the
      input's.
    channels_in, channels_out: of its maps.
  """

  kernel: int
  stride: int
  expansion: int
  channels_in: int
  channels_out: int


def _blocks() -> tuple[BlockShape, ...]:
  """The 16 blocks, by (repeats, kernel, stride, expansion, channels)."""
  stages = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
  )
  blocks, before = [], STEM_CHANNELS
  for repeats, kernel, stride, expansion, channels in stages:
    for i in range(repeats):
      first = stride if i == 0 else 1
      blocks.append(BlockShape(kernel, first, expansion, before, channels))
      before = channels
  return tuple(blocks)


BLOCKS = _blocks()


class _Convolution(nn.Module):
  """A frozen kernel and bias; subclasses convolve with them."""

  shape: tuple[int, ...]

  def _weights(self, dtype: jax.typing.DTypeLike) -> tuple[Array, Array]:
    """Returns the kernel, of `shape`, and a bias (d,): zeros until loaded."""
    zeros = lambda *shape: jnp.zeros(shape, jnp.float32)
    kernel = self.variable(COLLECTION, "kernel", zeros, *self.shape)
    bias = self.variable(COLLECTION, "bias", zeros, self.shape[-1])
    return kernel.value.astype(dtype), bias.value.astype(dtype)


class _Stem(_Convolution):
  """A 3 x 3 convolution of stride 2."""

  @nn.compact
  def __call__(self, images: Array) -> Array:
    kernel, bias = self._weights(images.dtype)
    maps = jax.lax.conv_general_dilated(
      images, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return maps + layers.of_every_row(bias, maps)


class _Pointwise(_Convolution):
  """A product of the channels at each place."""

  @nn.compact
  def __call__(self, maps: Array) -> Array:
    kernel, bias = self._weights(maps.dtype)
    b, y, x, c = maps.shape
    if compiler.is_plain():
      maps = jax.lax.conv_general_dilated(
        maps,
        jnp.expand_dims(kernel, (0, 1)),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
      )
      return maps + layers.of_every_row(bias, maps)
    # As plain products of matrices, a CPU does them at its full speed.
    rows = jnp.einsum("bnc,cd->bnd", maps.reshape(b, y * x, c), kernel)
    rows = compiler.fence(rows)
    return rows.reshape(b, y, x, -1) + jnp.expand_dims(bias, range(3))


class _Depthwise(_Convolution):
  """A convolution of each channel by its own square kernel."""

  stride: int = 1

  @nn.compact
  def __call__(self, maps: Array) -> Array:
    kernel, bias = self._weights(maps.dtype)
    maps = depthwise(maps, kernel, self.stride)
    return maps + layers.of_every_row(bias, maps)


def depthwise(maps: Array, kernel: Array, stride: int) -> Array:
  """Returns (b, y', x', c) of maps (b, y, x, c) and a kernel (k, k, c).

  It sums shifted maps: on a CPU XLA's own grouped convolution takes seven times
  as long. Edges are padded as TensorFlow's SAME has it.
  """
  if compiler.is_plain():
    return layers.grouped_conv(maps, kernel, stride)
  size = len(kernel)
  b, y, x, c = maps.shape
  rows, columns = -(-y // stride), -(-x // stride)
  edges = [_edges(side, size, stride) for side in (y, x)]
  padded = compiler.fence(jnp.pad(maps, [(0, 0), *edges, (0, 0)]))
  total = jnp.zeros((b, rows, columns, c), maps.dtype)
  for i, j in itertools.product(range(size), repeat=2):
    tap = jax.lax.slice(
      padded,
      (0, i, j, 0),
      (b, i + (rows - 1) * stride + 1, j + (columns - 1) * stride + 1, c),
      (1, stride, stride, 1),
    )
    total += tap * layers.of_every_row(kernel[i, j], tap)
  return total


def _edges(side: int, size: int, stride: int) -> tuple[int, int]:
  """Zeros before and after, so that ceil(side / stride) places come out."""
  missing = (-(-side // stride) - 1) * stride + size - side
  return max(missing, 0) // 2, max(missing, 0) - max(missing, 0) // 2


class _Block(nn.Module):
  """Expand, convolve by depth, project; added to its input where it can be."""

  shape: BlockShape

  @nn.compact
  def __call__(self, maps: Array) -> Array:
    s = self.shape
    inner = s.channels_in * s.expansion
    y = maps
    if s.expansion > 1:
      y = _relu6(_Pointwise((s.channels_in, inner), name="expand")(y))
    by_depth = _Depthwise((s.kernel, s.kernel, inner), s.stride, name="depth")
    y = _relu6(by_depth(y))
    y = _Pointwise((inner, s.channels_out), name="project")(y)
    if s.stride == 1 and s.channels_in == s.channels_out:
      y += maps
    return compiler.fence(y)


def _relu6(maps: Array) -> Array:
  return compiler.fence(jnp.clip(maps, 0, 6))


class Trunk(nn.Module):
  """The stem and the 16 blocks of EfficientNet-Lite0.

  Attributes:
    dtype: of all maps and products.
  """

  dtype: jax.typing.DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, images: Array) -> list[Array]:
    """Returns maps (b, y / 2^i, x / 2^i, c): the stem's, and each block's.

    Args:
      images: float32 (b, y, x, 1), each of mean 0 and spread 1. A grey image
        would have the same in all three channels: the first kernel's are added.
    """
    stem = _Stem((3, 3, 1, STEM_CHANNELS), name="stem")
    maps = [_relu6(stem(images.astype(self.dtype)))]
    for i, shape in enumerate(BLOCKS):
      maps.append(_Block(shape, name=f"block_{i}")(maps[-1]))
    return maps
