"""Dropout at the cost of one random byte an element.

Threefry makes a 32-bit word for each element that is dropped or kept, and its
bits were a large part of a CPU's step.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.runtime import compiler, fast_random

Array = jax.Array


class Dropout(nn.Module):
  """Dropout that spends one random byte on an element.

  The rate is therefore a multiple of 1/256: 0.2 is 51/256 = 0.1992. What is
  kept is scaled by the exact inverse of its share, here 256/205.

  Attributes:
    rate: share of the elements that is dropped.
  """

  rate: float

  @nn.compact
  def __call__(self, x: Array, words: Array | None) -> Array:
    """Returns x (..., d), dropped as `words` say; None drops nothing.

    Args:
      x: of any float type.
      words: uint32 (2,), see `random_words`.
    """
    threshold = round(self.rate * 256)
    if words is None or threshold == 0:
      return x
    # The mask is in memory once, not drawn anew wherever it is used.
    keep = compiler.fence(fast_random.random_bytes(words, x.shape) >= threshold)
    return jnp.where(keep, x * (256 / (256 - threshold)), 0).astype(x.dtype)


def random_words(network: nn.Module, *shape: int) -> Array:
  """Returns uint32 (*shape, 2): two words for each dropout of a network.

  They are drawn from the rng "dropout", all at once: a key for each dropout
  would be as much to compile as all that the network itself computes.
  """
  return jax.random.bits(network.make_rng("dropout"), (*shape, 2), jnp.uint32)
