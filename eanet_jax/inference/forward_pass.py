"""The forward pass: from images to logits, each image exactly once.

Takes parameters and images, gives logits and probabilities. Validation,
evaluation and prediction all use it.
"""

import collections
import functools
from collections.abc import Callable, Iterable, Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from eanet_jax.models import ensemble, inputs, layers, transfer
from eanet_jax.runtime import compiler, pytrees, sharding

# The activations of more images do not fit in a CPU's cache: 64 at once are a
# fifth slower than 16.
_CPU_BATCH = 16
# A trunk is as fast with few images, and one file waits for no more than these.
_CPU_TRUNK_BATCH = 4

# The networks of all folds are alike, and so are those of a comparison in turn:
# so many programs are kept, and none of them is compiled again.
_PROGRAMS = 8

# From variables, images as they are stored, and the number of a member of an
# ensemble, to float32 rows (b, r).
_Network = Callable[[pytrees.Variables, jax.Array, int], jax.Array]


class ForwardPass:
  """The network without dropout, jitted once for one batch shape.

  The members of an ensemble run one after another by the same program, and
  their probabilities are averaged.

  Padding fills the last batch, so that every example is seen exactly once and
  nothing is compiled again.

  Attributes:
    model: the network; of an ensemble, that of its members.
    members: how many an ensemble has; 0 for a network alone.
    levels: (mean, std) that images are standardised by, see `inputs`.
    batch_size: images in a dispatch, a multiple of the devices; few on a CPU.
  """

  def __init__(
    self,
    model: nn.Module | ensemble.Ensemble,
    mean: float | None,
    std: float | None,
    batch_size: int,
    mesh: jax.sharding.Mesh,
  ):
    """Takes the mean and std of the images the network was trained on."""
    devices = mesh.size
    self.members = 0
    if isinstance(model, ensemble.Ensemble):
      self.members, model = model.members, model.network
    if jax.default_backend() == "cpu":
      trunk = isinstance(model, transfer.Transfer)
      most = _CPU_TRUNK_BATCH if trunk else _CPU_BATCH
      batch_size = min(batch_size, most * devices)
    self.model = model
    self.levels = mean, std
    self.batch_size = -(-batch_size // devices) * devices
    self._over_batch = sharding.split_axis(mesh, 0)
    self._logits = _logits(model, mean, std, self.members > 0, mesh)
    self._features = _features(model, mean, std, self.members > 0, mesh)

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
      images: uint8 (v, y, x, 1), may be memory-mapped; y = x if turned. Of a
        `transfer.Transfer` also its features, float32 (v, f).
      indices: int (k,).
      orientations: how many of each image are looked at: 1, as it is; 4, the
        quarter turns; or 8, mirrored too. Probabilities are the mean over them,
        so that those of an image turned by 90 degrees are the same; of a
        `transfer.Transfer` its features are. Features that are given are the
        mean over as many as they were found with.
    """
    if isinstance(self.model, transfer.Transfer) and images.ndim == 4:
      images = self.features(variables, images, indices, orientations)
      indices = np.arange(len(images))
    if images.ndim == 2:
      orientations = 1
    rows = self._rows(
      self._logits,
      variables,
      images,
      indices,
      orientations,
      range(self.members or 1),
    )
    return np.concatenate([_log_mean_probability(each) for each in rows])

  def features(
    self,
    variables: pytrees.Variables,
    images: np.ndarray,
    indices: np.ndarray,
    orientations: int,
    done: Callable[[int], object] = lambda count: None,
  ) -> np.ndarray:
    """Returns float32 (k, f): the mean features of images over orientations.

    They are what a `transfer.Transfer` calls so, which members have in common;
    of other networks what their last layer takes, before batch norm and side by
    side for each member.

    Args:
      variables: see `__call__`.
      images: uint8 (v, y, x, 1), may be memory-mapped; y = x if turned.
      indices: int (k,).
      orientations: see `__call__`.
      done: called with the number of images that were finished.
    """
    found, members = [], 1
    if not isinstance(self.model, transfer.Transfer):
      members = self.members or 1
    for outs in self._rows(
      self._features, variables, images, indices, orientations, range(members)
    ):
      of_members = [np.mean(outs[i::members], axis=0) for i in range(members)]
      found.append(np.concatenate(of_members, axis=-1))
      done(len(found[-1]))
    return np.concatenate(found)

  def _rows(
    self,
    network: _Network,
    variables: pytrees.Variables,
    images: np.ndarray,
    indices: np.ndarray,
    orientations: int,
    members: range,
  ) -> Iterator[list[np.ndarray]]:
    """Yields, batch by batch, rows (b, r) of each orientation and member."""
    size = self.batch_size
    waiting: collections.deque[tuple[list[jax.Array], int]] = (
      collections.deque()
    )

    def fetched(outs: Iterable[jax.Array], count: int) -> list[np.ndarray]:
      return [sharding.fetch(out)[:count] for out in outs]

    for start in range(0, len(indices), size):
      chosen = images[indices[start : start + size]]
      batch = np.zeros((size, *images.shape[1:]), images.dtype)
      batch[: len(chosen)] = chosen
      outs = [
        network(variables, on_devices, number)
        for turned in inputs.orientations(batch, orientations)
        for on_devices in [sharding.put(turned, self._over_batch)]
        for number in members
      ]
      waiting.append((outs, len(chosen)))
      if len(waiting) > 2:  # bounded memory, and the device stays busy
        yield fetched(*waiting.popleft())
    for each in waiting:
      yield fetched(*each)


@functools.lru_cache(maxsize=_PROGRAMS)
def _logits(
  model: nn.Module,
  mean: float | None,
  std: float | None,
  of_ensemble: bool,
  mesh: jax.sharding.Mesh,
) -> _Network:
  """Returns what gives logits (b, l), jitted."""

  @compiler.full_precision
  def logits(
    variables: pytrees.Variables, images: jax.Array, number: jax.Array
  ) -> jax.Array:
    if of_ensemble:
      variables = ensemble.member(variables, number)
    if images.ndim == 4:
      images = inputs.standardise(images, mean, std)
    # It returns a tuple only if something is mutable.
    found: jax.Array = model.apply(  # type: ignore[assignment]
      ensemble.of_network(variables), images, deterministic=True
    )
    return found / ensemble.temperature(variables)

  return jax.jit(logits, out_shardings=sharding.replicated(mesh))


@functools.lru_cache(maxsize=_PROGRAMS)
def _features(
  model: nn.Module,
  mean: float | None,
  std: float | None,
  of_ensemble: bool,
  mesh: jax.sharding.Mesh,
) -> _Network:
  """Returns what gives features (b, f), jitted."""

  @compiler.full_precision
  def features(
    variables: pytrees.Variables, images: jax.Array, number: jax.Array
  ) -> jax.Array:
    images = inputs.standardise(images, mean, std)
    if isinstance(model, transfer.Transfer):
      # What is frozen is all it takes, and members have it in common.
      return model.apply(  # type: ignore[return-value]
        {"frozen": variables["frozen"]}, images, method="features"
      )
    if of_ensemble:
      variables = ensemble.member(variables, number)
    _, sown = model.apply(
      ensemble.of_network(variables),
      images,
      deterministic=True,
      mutable=["intermediates"],
    )
    maps = sown["intermediates"][layers.POOLED]
    means = [each.astype(jnp.float32).mean(axis=(1, 2)) for each in maps]
    return jnp.concatenate(means, axis=-1)

  return jax.jit(features, out_shardings=sharding.replicated(mesh))


def _log_mean_probability(logits: list[np.ndarray]) -> np.ndarray:
  """Returns logits (b, l) of one orientation and member, or for several.

  Those are the log of their mean probabilities.
  """
  if len(logits) == 1:
    return logits[0]
  mean = np.mean([probabilities(each) for each in logits], axis=0)
  tiny = np.finfo(np.float32).tiny
  return np.log(np.maximum(mean, tiny)).astype(np.float32)


def probabilities(logits: np.ndarray) -> np.ndarray:
  """Returns the float64 softmax of logits (k, l)."""
  shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
  return shifted / shifted.sum(-1, keepdims=True)
