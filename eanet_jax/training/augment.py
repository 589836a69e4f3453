"""Augmenting a batch on the device, inside the jitted step.

Takes uint8 images, gives float32 ones. Every draw comes from the key handed in,
so that a step's augmentation is a function of (seed, step).
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from eanet_jax.runtime import compiler, fast_random

Array = jax.Array

# The dihedral group of the square as (y, x) matrices: 4 turns, 4 turned flips.
_TURNS = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]]], np.float32)
_TURNS = np.stack([_TURNS[0], _TURNS[1], -_TURNS[0], -_TURNS[1]])
_FLIP = np.array([[1, 0], [0, -1]], np.float32)


@dataclasses.dataclass(frozen=True)
class Ranges:
  """How far each augmentation may go; see configs/default.py for units."""

  flips: bool = True
  quarter_turns: bool = True
  rotation_deg: float = 0.0
  zoom: float = 0.0
  crop: float = 1.0
  exact: float = 0.0
  blur: float = 0.0
  noise: float = 0.0
  contrast: float = 0.0
  brightness: float = 0.0


def two_places(images: Array, key: Array) -> Array:
  """Returns two opposite quarters of each image, which share no pixel.

  Both show the same material at the same magnification: what distinguishes them
  from quarters of other images is the microstructure, not where things lie.

  Args:
    images: uint8 (b, y, x, c); if a side is odd, its middle is left out.
    key: PRNG key; it chooses the diagonal of each image.

  Returns:
    uint8 (2 b, y // 2, x // 2, c): one quarter of each, then the other of each.
  """
  b, y, x, _ = images.shape
  top, bottom = images[:, : y // 2], images[:, y - y // 2 :]
  left, right = slice(x // 2), slice(x - x // 2, x)
  falling = jax.random.bernoulli(key, shape=(b, 1, 1, 1))
  return jnp.concatenate(
    [
      jnp.where(falling, top[:, :, left], top[:, :, right]),
      jnp.where(falling, bottom[:, :, right], bottom[:, :, left]),
    ]
  )


def move(images: Array, key: Array, ranges: Ranges) -> Array:
  """Flips, turns, rotates, zooms and crops each image by its own random draw.

  One bilinear resampling does all of it; what comes from beyond an edge is
  mirrored. Flips and quarter turns alone only move pixels.

  Args:
    images: uint8 (b, y, x, c), y = x.
    key: PRNG key.
    ranges: limits of the draws.

  Returns:
    float32 (b, y, x, c) grey levels.
  """
  b, y, x, c = images.shape
  if y != x:
    raise ValueError(f"images are {y} x {x} px: they must be square")
  # One call for all draws: each further one would be more to compile.
  crops, exact = ranges.crop < 1, ranges.exact > 0
  draws = jax.random.uniform(key, (4 + 3 * crops + exact, b))
  turn, flip, angle, zoom, *more = draws
  turns = (turn * (4 if ranges.quarter_turns else 1)).astype(jnp.int32)
  flips = (flip * (2 if ranges.flips else 1)).astype(jnp.int32)
  angle = (2 * angle - 1) * np.deg2rad(ranges.rotation_deg)
  zoom = 1 + (2 * zoom - 1) * ranges.zoom
  dihedral = jnp.asarray(_TURNS)[turns]  # (b, 2, 2)
  upright = np.eye(2)[None]
  flipped = jnp.where(flips[:, None, None] == 1, _FLIP[None], upright)
  cos, sin = jnp.cos(angle) / zoom, jnp.sin(angle) / zoom
  rotation = jnp.stack([cos, -sin, sin, cos], -1).reshape(b, 2, 2)
  offset = jnp.zeros((b, 2))
  if crops:
    share = ranges.crop + (1 - ranges.crop) * more[0]
    rotation *= share[:, None, None]
    room = (1 - share) * (y - 1)
    offset = room[:, None] * (jnp.stack(more[1:3], axis=-1) - 0.5)
  if exact:
    kept = more[-1] < ranges.exact
    rotation = jnp.where(kept[:, None, None], upright, rotation)
    offset = jnp.where(kept[:, None], 0, offset)
  # Written out: 2 x 2 products, exact for quarter turns at any precision.
  matrix = (dihedral[..., None] * flipped[:, None]).sum(2)
  matrix = (matrix[..., None] * rotation[:, None]).sum(2)
  return jnp.stack(
    [_resample(images[..., i], matrix, offset) for i in range(c)], axis=-1
  )


def _resample(images: Array, matrix: Array, offset: Array) -> Array:
  """Bilinear samples of images (b, y, x) at matrix @ position + offset.

  Positions are relative to the middle; matrix (b, 2, 2), offset (b, 2) in px.
  """
  b, side, _ = images.shape
  middle = (side - 1) / 2
  position = jnp.arange(side, dtype=jnp.float32) - middle
  rows, columns = position[None, :, None], position[None, None, :]

  def coordinate(axis: int) -> tuple[Array, Array]:
    m = matrix[:, axis, :, None, None]  # (b, 2, 1, 1)
    at = m[:, 0] * rows + m[:, 1] * columns  # (b, y, x)
    at = jnp.abs(at + (offset[:, axis, None, None] + middle))
    at = (side - 1) - jnp.abs((side - 1) - at)  # mirrored once at each edge
    at = jnp.clip(at, 0, side - 1)
    low = jnp.minimum(at.astype(jnp.int32), side - 2)
    return low, at - low

  y, y_part = coordinate(0)
  x, x_part = coordinate(1)
  # The four neighbours of a pixel share one word: one gather, not four.
  # What wraps around the edges is never read, as y and x stop at side - 2.
  word = images.astype(jnp.uint32)
  right = jnp.roll(word, -1, axis=2)
  word = word | right << 8
  word = word | jnp.roll(word, -1, axis=1) << 16
  flat = (y * side + x).reshape(b, side * side)
  word, flat = compiler.fence((word.reshape(b, side * side), flat))
  word = jnp.take_along_axis(word, flat, axis=1, mode="promise_in_bounds")
  word = word.reshape(b, side, side)
  level = lambda shift: ((word >> shift) & 255).astype(jnp.float32)
  top = level(0) * (1 - x_part) + level(8) * x_part
  bottom = level(16) * (1 - x_part) + level(24) * x_part
  return top * (1 - y_part) + bottom * y_part


def degrade(images: Array, key: Array, ranges: Ranges) -> Array:
  """Blurs images and adds noise to them, as poor focus and fast scans do.

  Each is done to one image in two, at random: the others stay as sharp, or as
  clean, as the test images.

  Args:
    images: float32 grey levels (b, y, x, c).
    key: PRNG key.
    ranges: limits of the draws.

  Returns:
    float32 (b, y, x, c) grey levels; the images given if neither is asked for.
  """
  if not (ranges.blur or ranges.noise):
    return images
  images = compiler.fence(images)  # computed once, not for each use of a pixel
  amount_key, noise_key = jax.random.split(key)
  draws = jax.random.uniform(amount_key, (2, len(images)))
  blur, noise = jnp.maximum(2 * draws - 1, 0)
  if ranges.blur:
    radius = math.ceil(2 * ranges.blur)
    images = _blur(images, blur * ranges.blur, radius)
  if ranges.noise:
    words = jax.random.bits(noise_key, (2,), jnp.uint32)
    spread = images.std(axis=(1, 2, 3), keepdims=True)
    std = spread * (noise * ranges.noise)[:, None, None, None]
    images += std * fast_random.standard_normal(words, images.shape)
  return images


def _blur(images: Array, std: Array, radius: int) -> Array:
  """Gaussian blur of images (b, y, x, c) by std (b,) px; 0 changes nothing."""
  at = jnp.arange(-radius, radius + 1)[None]
  kernel = jnp.exp(-0.5 * (at / jnp.maximum(std, 1e-3)[:, None]) ** 2)
  kernel /= kernel.sum(axis=1, keepdims=True)  # (b, k)
  for axis in (1, 2):
    margins = [(0, 0)] * images.ndim
    margins[axis] = (radius, radius)
    size = images.shape[axis]
    padded = jnp.pad(images, margins, mode="reflect")
    images = sum(  # type: ignore[assignment]  # 0 only without taps
      kernel[:, k, None, None, None]
      * jax.lax.slice_in_dim(padded, k, k + size, axis=axis)
      for k in range(2 * radius + 1)
    )
    images = compiler.fence(images)
  return images


def expose(images: Array, key: Array, ranges: Ranges) -> Array:
  """Changes each image's contrast about its own mean, then its brightness.

  Args:
    images: standardised float32 (b, y, x, c).
    key: PRNG key.
    ranges: limits of the draws.

  Returns:
    float32 (b, y, x, c); `images` themselves where both limits are 0.
  """
  if not (ranges.contrast or ranges.brightness):
    return images
  draws = 2 * jax.random.uniform(key, (2, len(images), 1, 1, 1)) - 1
  contrast = 1 + draws[0] * ranges.contrast
  shift = draws[1] * ranges.brightness
  mean = images.mean(axis=(1, 2, 3), keepdims=True)
  return (images - mean) * contrast + mean + shift
