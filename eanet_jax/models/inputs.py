"""The input of a network: grey levels on one scale at any exposure.

Takes uint8 images as they are stored, gives standardised float32 ones, on the
device. Training, evaluation, prediction and explanation all do it by this.
"""

import jax
import jax.numpy as jnp

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
