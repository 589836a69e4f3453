"""Where an image speaks for the class that a frozen trunk's classifier names.

Takes a `transfer.Transfer` and images, gives maps over places of the image.
Reads and writes no files.
"""

import jax
import jax.numpy as jnp
import numpy as np

from eanet_jax.models import inputs, transfer
from eanet_jax.runtime import compiler, pytrees, sharding

Array = jax.Array

NAMES = ("fine structure", "coarse structure")


def evidence_maps(
  model: transfer.Transfer,
  variables: pytrees.Variables,
  images: np.ndarray,
  mean: float | None,
  std: float | None,
  mesh: jax.sharding.Mesh,
) -> tuple[np.ndarray, list[str]] | None:
  """Returns what speaks for the class that is named, place by place.

  To first order: the gradient of the class's logit, less the mean of all, with
  respect to each channel of the trunk's maps, times how far the channel there
  is from its mean over the image (Shrikumar et al. 2017, gradient x input).
  What speaks against the class counts as nothing.

  Args:
    model, variables: the network.
    images: uint8 (k, y, x, 1), y = x.
    mean, std: as `inputs.standardise` takes them.
    mesh: the devices that hold the variables.

  Returns:
    float32 (k, 2, gy, gx) and NAMES: of the maps with the finer grid and of
    those with half of it; None if there are no images.
  """
  whole = sharding.replicated(mesh)

  @jax.jit
  @compiler.full_precision
  def of_image(variables: pytrees.Variables, images: Array) -> Array:
    images = inputs.standardise(images, mean, std)
    maps = model.apply(variables, images, method="maps")

    def margin(maps: list[Array]) -> Array:
      features = transfer.moments(maps)
      # It returns a tuple only if something is mutable.
      logits: Array = model.apply(  # type: ignore[assignment]
        variables, features, deterministic=True
      )
      return (logits.max(-1) - logits.mean(-1)).sum()

    finest = maps[0].shape[1]
    total = jnp.zeros((2, *maps[0].shape[:3]))
    for each, slope in zip(maps, jax.grad(margin)(maps), strict=True):
      centred = each - each.mean((1, 2), keepdims=True)
      heat = (slope * centred).sum(-1)  # (1, y, x)
      times = -(-finest // heat.shape[1])
      heat = heat.repeat(times, axis=1).repeat(times, axis=2)
      heat = heat[:, :finest, :finest]
      total = total.at[int(times > 1)].add(heat)
    total = jnp.maximum(total[:, 0], 0)  # (2, gy, gx)
    return jax.lax.with_sharding_constraint(total, whole)

  found = [
    sharding.fetch(of_image(variables, sharding.put(images[i : i + 1], whole)))
    for i in range(len(images))
  ]
  return (np.stack(found), list(NAMES)) if found else None
