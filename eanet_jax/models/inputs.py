"""The input of a network: grey levels on one scale at any exposure.

Takes uint8 images as they are stored, gives standardised float32 ones, on the
device. Training, evaluation, prediction and explanation all do it by this.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


def standardise(images: Array, mean: float | None, std: float | None) -> Array:
  """Returns float32 (images - mean) / std of grey levels 0 to 255.

  Args:
    images: (b, y, x, c), uint8 or float32.
    mean, std: of the training images; None for each image's own.
  """
  images = images.astype(jnp.float32)
  if mean is None or std is None:
    images -= images.mean(axis=(1, 2, 3), keepdims=True)
    variance = (images**2).mean(axis=(1, 2, 3), keepdims=True)
    return images / jnp.sqrt(jnp.maximum(variance, 1.0))  # a blank one is 0
  return (images - mean) / std


def orientations(batch: np.ndarray, count: int) -> Iterator[np.ndarray]:
  """Yields the first `count` of the 8 orientations of images (b, y, x, c).

  Of 1, rows of any kind will do.
  """
  if count == 1:
    yield batch
    return
  for k in range(count):
    turned = np.rot90(batch, k % 4, axes=(1, 2))
    yield turned if k < 4 else turned[:, :, ::-1]


def upright(maps: Array, k: int) -> Array:
  """Returns maps (y, x, c) of the k-th of the orientations, turned back."""
  if k >= 4:
    maps = maps[:, ::-1]
  return jnp.rot90(maps, -(k % 4))
