"""What a network looked at: maps of its last attention.

Takes a network and images, gives maps over the grid of tokens. Reads and writes
no files.
"""

import math

import flax.linen as nn
import flax.traverse_util
import jax
import numpy as np

from eanet_jax.models import attention, inputs
from eanet_jax.runtime import compiler, pytrees, sharding

_SHOWN = 3


def attention_maps(
  model: nn.Module,
  variables: pytrees.Variables,
  images: np.ndarray,
  mean: float | None,
  std: float | None,
  mesh: jax.sharding.Mesh,
) -> tuple[np.ndarray, list[str]] | None:
  """Returns the maps of the last attention that differ most over an image.

  A map of external attention is one memory slot: how much each token takes from
  it. A map of self-attention is one head: how much all tokens together attend
  to each.

  Args:
    model, variables: the network.
    images: uint8 (k, y, x, 1), y = x.
    mean, std: grey levels of the images that the network was trained on.
    mesh: the devices that hold the variables.

  Returns:
    float32 (k, maps, gy, gx) over the grid of tokens, and a name for each map;
    None if the network has no attention.
  """
  whole = sharding.replicated(mesh)

  @jax.jit
  @compiler.full_precision
  def of_last_block(
    variables: pytrees.Variables, images: jax.Array
  ) -> dict[str, jax.Array]:
    images = inputs.standardise(images, mean, std)
    _, sown = model.apply(
      variables, images, deterministic=True, mutable=["intermediates"]
    )
    found = flax.traverse_util.flatten_dict(sown.get("intermediates", {}))
    of_block = {
      tuple(int(part) for part in path[0].split("_")[1:]): {path[-1]: values[0]}
      for path, values in found.items()
      if path[-1] in (attention.SLOT_WEIGHTS, attention.TOKEN_WEIGHTS)
    }
    last = of_block[max(of_block)] if of_block else {}
    return jax.lax.with_sharding_constraint(last, whole)

  # One image at a time: the maps of self-attention are large.
  parts = [
    of_last_block(variables, sharding.put(images[i : i + 1], whole))
    for i in range(len(images))
  ]
  if not parts or not parts[0]:
    return None
  (kind,) = parts[0]
  weights = np.concatenate([sharding.fetch(part[kind]) for part in parts])
  maps, names = _maps(kind, weights)
  telling = np.argsort(-maps.std(-1).mean(0), kind="stable")[:_SHOWN]
  side = math.isqrt(maps.shape[-1])
  maps = maps[:, telling].reshape(len(images), -1, side, side)
  return maps.astype(np.float32), [names[i] for i in telling]


def _maps(kind: str, weights: np.ndarray) -> tuple[np.ndarray, list[str]]:
  """Returns maps (k, maps, n) of attention weights, and a name for each.

  Args:
    kind: SLOT_WEIGHTS or TOKEN_WEIGHTS.
    weights: (k, n, h, s) or (k, h, n, n).
  """
  if kind == attention.TOKEN_WEIGHTS:
    # Rows are the tokens that attend.
    maps, heads = weights.mean(2), weights.shape[1]
    names = [f"head {i + 1}" for i in range(heads)]
  else:
    tokens, heads, slots = weights.shape[1:]
    maps = weights.reshape(len(weights), tokens, -1).transpose(0, 2, 1)
    names = [
      f"head {i + 1}, slot {j + 1}" if heads > 1 else f"slot {j + 1}"
      for i in range(heads)
      for j in range(slots)
    ]
  return maps, names
