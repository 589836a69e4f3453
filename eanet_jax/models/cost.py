"""What a network costs to run.

Takes a network and the size of an image, gives operations. Nothing is run.
"""

import flax.linen as nn
import jax
import numpy as np


def gflop_per_image(model: nn.Module, image_px: int) -> float | None:
  """Returns 1e9 floating-point operations of one image, forward, by XLA.

  A multiplication and an addition are two. Counted for a CPU, the only kind of
  device that XLA counts for before it compiles; None where JAX_PLATFORMS rules
  it out.

  Args:
    model: takes (b, y, x, 1) images, gives (b, l) logits.
    image_px: side of the image.
  """
  try:
    cpu = jax.local_devices(backend="cpu")[0]
  except RuntimeError:
    return None
  images = jax.ShapeDtypeStruct((1, image_px, image_px, 1), np.float32)
  variables = jax.eval_shape(
    lambda images: model.init(jax.random.key(0), images, deterministic=True),
    images,
  )
  forward = jax.jit(
    lambda variables, images: model.apply(variables, images, deterministic=True)
  )
  with jax.default_device(cpu):
    analysis = forward.lower(variables, images).cost_analysis()
  return analysis["flops"] / 1e9 if analysis else None
