"""A frozen trunk's view of texture under one trained layer.

Takes standardised images (b, y, x, 1), gives class logits (b, l). What the
trunk knows, it knows of photographs: with few specimens that is more than can
be learnt from them.
"""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.models import efficientnet_lite

Array = jax.Array

_LEAST_STD = 1e-3  # of a map that is the same everywhere
LEAST_SQUARE = 1e-6  # of an image like the mean of all
# Blocks before it see edges and lines, which say little of a structure.
_FIRST_BLOCK = 5


def moments(maps: list[Array]) -> Array:
  """Returns float32 (b, f): mean and logarithm of the spread of each channel.

  What is where in an image makes no difference. The logarithm, because how much
  the contrast of a channel differs is a matter of ratios.

  Args:
    maps: each (b, y, x, c); f is twice the sum of their channels.
  """
  found = []
  for each in maps:
    each = each.astype(jnp.float32)
    mean = each.mean(axis=(1, 2))
    centred = each - jnp.expand_dims(mean, (1, 2))
    variance = (centred**2).mean(axis=(1, 2))
    found += [mean, jnp.log(jnp.sqrt(variance) + _LEAST_STD)]
  return jnp.concatenate(found, axis=-1)


def equalise(
  features: Array,
  mean: Array,
  std: Array,
  power: Array,
  sizes: tuple[int, ...],
) -> Array:
  """Returns features (b, f) on one scale, less far off where all are far off.

  Those of each block are divided by a power of their root mean square: an image
  that is unlike those trained on, in its contrast say, would else be far off in
  every direction.

  Args:
    features: (b, f).
    mean, std: (f,), of the training images.
    power: (), 0 for no division, 1 for blocks of the same length.
    sizes: features of each block, in their order; they add up to f.
  """
  scaled = (features - jnp.expand_dims(mean, 0)) / jnp.expand_dims(std, 0)
  return scaled / divisors(scaled, power, sizes)


def divisors(scaled: Array, power: Array, sizes: tuple[int, ...]) -> Array:
  """Returns (b, f): what `equalise` divides scaled features (b, f) by."""
  parts = jnp.split(scaled, list(itertools.accumulate(sizes))[:-1], axis=-1)
  means = [(part**2).mean(axis=-1, keepdims=True) for part in parts]
  return jnp.concatenate(
    [
      jnp.broadcast_to(
        jnp.maximum(mean, LEAST_SQUARE) ** (power / 2), part.shape
      )
      for part, mean in zip(parts, means, strict=True)
    ],
    axis=-1,
  )


class Transfer(nn.Module):
  """Linear classifier of what `moments` says of a frozen trunk's maps.

  Attributes:
    num_classes: l.
    trunk: its weights are no parameters, see `efficientnet_lite`.
  """

  num_classes: int
  trunk: efficientnet_lite.Trunk

  @property
  def sizes(self) -> tuple[int, ...]:
    """The moments of each block that is looked at."""
    blocks = efficientnet_lite.BLOCKS[_FIRST_BLOCK:]
    return tuple(2 * block.channels_out for block in blocks)

  def maps(self, images: Array) -> list[Array]:
    """Returns what is looked at of standardised images (b, y, x, 1)."""
    return self.trunk(images)[1 + _FIRST_BLOCK :]

  def features(self, images: Array) -> Array:
    """Returns the moments (b, f) of standardised images (b, y, x, 1)."""
    return moments(self.maps(images))

  @nn.compact
  def __call__(self, images: Array, *, deterministic: bool) -> Array:
    """Returns float32 logits (b, l) of images, or of their `features` (b, f).

    Training and inference are the same: `deterministic` makes no difference.
    """
    del deterministic
    features = images if images.ndim == 2 else self.features(images)
    size = sum(self.sizes)
    mean = self.variable("batch_stats", "mean", jnp.zeros, (size,))
    std = self.variable("batch_stats", "std", jnp.ones, (size,))
    power = self.variable("batch_stats", "power", jnp.zeros, ())
    features = equalise(
      features, mean.value, std.value, power.value, self.sizes
    )
    return nn.Dense(self.num_classes, name="head")(features)
