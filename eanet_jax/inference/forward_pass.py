"""The forward pass: from images to logits, each image exactly once.

Takes parameters and images, gives logits and probabilities. Validation,
evaluation and prediction all use it.
"""

import collections
from collections.abc import Iterator

import flax.linen as nn
import jax
import numpy as np

from eanet_jax.models import inputs
from eanet_jax.runtime import compiler, pytrees, sharding

# The activations of more images do not fit in a CPU's cache: 64 at once are a
# fifth slower than 16.
_CPU_BATCH = 16


class ForwardPass:
  """The network without dropout, jitted once for one batch shape.

  Padding fills the last batch, so that every example is seen exactly once and
  nothing is compiled again.

  Attributes:
    model: the network.
    batch_size: images in a dispatch, a multiple of the devices; few on a CPU.
  """

  def __init__(
    self,
    model: nn.Module,
    mean: float | None,
    std: float | None,
    batch_size: int,
    mesh: jax.sharding.Mesh,
  ):
    """Takes the mean and std of the images the network was trained on."""
    devices = mesh.size
    if jax.default_backend() == "cpu":
      batch_size = min(batch_size, _CPU_BATCH * devices)
    self.model = model
    self.batch_size = -(-batch_size // devices) * devices
    self._over_batch = sharding.split_axis(mesh, 0)

    @compiler.full_precision
    def logits(variables: pytrees.Variables, images: jax.Array) -> jax.Array:
      images = inputs.standardise(images, mean, std)
      # It returns a tuple only if something is mutable.
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
      variables: the network's, {"params": ...} and what else it has.
      images: uint8 (v, y, x, 1), may be memory-mapped; y = x if turned.
      indices: int (k,).
      orientations: how many of each image are looked at: 1, as it is; 4, the
        quarter turns; or 8, mirrored too. Probabilities are the mean over them,
        so that those of an image turned by 90 degrees are the same.
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
      raise AssertionError(f"{len(logits)} logits for {len(indices)} examples")
    return logits


def _orientations(batch: np.ndarray, count: int) -> Iterator[np.ndarray]:
  """Yields the first `count` of the 8 orientations of images (b, y, x, c)."""
  for k in range(count):
    turned = np.rot90(batch, k % 4, axes=(1, 2))
    yield turned if k < 4 else turned[:, :, ::-1]


def _valid(outs: list[jax.Array], count: int) -> np.ndarray:
  """Logits of the first `count` images, from one orientation or several.

  Several give the log of their mean probabilities.
  """
  logits = [sharding.fetch(out)[:count] for out in outs]
  if len(logits) == 1:
    return logits[0]
  mean = np.mean([probabilities(each) for each in logits], axis=0)
  tiny = np.finfo(np.float32).tiny
  return np.log(np.maximum(mean, tiny)).astype(np.float32)


def probabilities(logits: np.ndarray) -> np.ndarray:
  """Returns the float64 softmax of logits (k, l)."""
  shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
  return shifted / shifted.sum(-1, keepdims=True)
