"""What a network costs to run."""

from typing import Any

import flax.linen as nn
import jax
import numpy as np


def gflop_per_image(model: nn.Module, variables: Any, image_px: int) -> float:
  """Returns 1e9 floating-point operations of one image, forward, by XLA.

  A multiplication and an addition are two.
  """
  images = jax.ShapeDtypeStruct((1, image_px, image_px, 1), np.float32)
  shapes = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), variables
  )
  lowered = jax.jit(
    lambda variables, images: model.apply(variables, images, deterministic=True)
  ).lower(shapes, images)
  return lowered.cost_analysis()["flops"] / 1e9
