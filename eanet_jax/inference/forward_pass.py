"""The forward pass: every image once, whatever the batch, to its logits.

Takes parameters and images, gives logits and probabilities. Validation,
evaluation and prediction all get theirs here.
"""

import collections
from collections.abc import Iterator

import flax.linen as nn
import jax
import numpy as np

from eanet_jax.models import inputs
from eanet_jax.runtime import pytrees, sharding

# Activations of more images at once leave a CPU's cache: at 64 it is a fifth
# slower than at 16.
_CPU_BATCH = 16


class ForwardPass:
  """The network without dropout, jitted once for one batch shape.

  Padding fills the last batch, so that every example is seen exactly once and
  nothing is compiled again.

  Attributes:
    model: the network.
    batch_size: of a dispatch: a multiple of the devices, few on a CPU.
  """

  def __init__(
    self,
    model: nn.Module,
    mean: float | None,
    std: float | None,
    batch_size: int,
    mesh: jax.sharding.Mesh,
  ):
    """Takes the pixel statistics the parameters were trained with."""
    devices = mesh.size
    if jax.default_backend() == "cpu":
      batch_size = min(batch_size, _CPU_BATCH * devices)
    self.model = model
    self.batch_size = -(-batch_size // devices) * devices
    self._over_batch = sharding.split_axis(mesh, 0)

    def logits(variables: pytrees.Variables, images: jax.Array) -> jax.Array:
      images = inputs.standardise(images, mean, std)
      # A tuple only where something is mutable.
      return model.apply(  # type: ignore[return-value]
        variables, images, deterministic=True
      )

    self._logits = jax.jit(logits, out_shardings=sharding.replicated(mesh))

  def __call__(
    self,
    variables: pytrees.Variables,
    images: np.ndarray,
    indices: np.ndarray,
    orientations: int = 1,
  ) -> np.ndarray:
    """Returns float32 logits (k, l) of images[indices].

    Args:
      variables: of the network, {"params": ...} and what else it has.
      images: uint8 (v, y, x, 1), may be memory-mapped; y = x if turned.
      indices: int (k,).
      orientations: of each image that are looked at: 1, as it is; 4 quarter
        turns; or 8, mirrored too. Probabilities are the mean over them, so that
        those of an image turned by 90 degrees are the same.
    """
    size = self.batch_size
    waiting: collections.deque[tuple[list[jax.Array], int]] = (
      collections.deque()
    )
    done: list[np.ndarray] = []
    for start in range(0, len(indices), size):
      chosen = images[indices[start : start + size]]
      batch = np.zeros((size, *images.shape[1:]), np.uint8)
      batch[: len(chosen)] = chosen
      outs = [
        self._logits(variables, sharding.put(turned, self._over_batch))
        for turned in _orientations(batch, orientations)
      ]
      waiting.append((outs, len(chosen)))
      if len(waiting) > 2:  # bounded memory, and the device stays busy
        done.append(_valid(*waiting.popleft()))
    done += [_valid(*each) for each in waiting]
    logits = np.concatenate(done)
    if len(logits) != len(indices):
      raise AssertionError(f"{len(logits)} logits of {len(indices)} examples")
    return logits


def _orientations(batch: np.ndarray, count: int) -> Iterator[np.ndarray]:
  """Yields the first `count` of the 8 orientations of images (b, y, x, c)."""
  for k in range(count):
    turned = np.rot90(batch, k % 4, axes=(1, 2))
    yield turned if k < 4 else turned[:, :, ::-1]


def _valid(outs: list[jax.Array], count: int) -> np.ndarray:
  """The first logits; of several orientations, whose softmax is their mean."""
  logits = [sharding.fetch(out)[:count] for out in outs]
  if len(logits) == 1:
    return logits[0]
  mean = np.mean([probabilities(each) for each in logits], axis=0)
  tiny = np.finfo(np.float32).tiny
  return np.log(np.maximum(mean, tiny)).astype(np.float32)


def probabilities(logits: np.ndarray) -> np.ndarray:
  """Returns float64 softmax of logits (k, l)."""
  shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
  return shifted / shifted.sum(-1, keepdims=True)
