"""What a network costs to run.

Takes a network and the size of an image, gives operations. Nothing is run.
"""

import flax.linen as nn
import jax
import numpy as np


def gflop_per_image(model: nn.Module, image_px: int) -> float:
  """Returns 1e9 floating-point operations of one image, forward, by XLA.

  A multiplication and an addition are two.

  Args:
    model: takes (b, y, x, 1) images, gives (b, l) logits.
    image_px: side of the image.
  """
  images = jax.ShapeDtypeStruct((1, image_px, image_px, 1), np.float32)
  variables = jax.eval_shape(
    lambda images: model.init(jax.random.key(0), images, deterministic=True),
    images,
  )
  lowered = jax.jit(
    lambda variables, images: model.apply(variables, images, deterministic=True)
  ).lower(variables, images)
  analysis = lowered.cost_analysis()
  assert analysis is not None  # only of a backend that cannot count
  return analysis["flops"] / 1e9
