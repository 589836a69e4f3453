"""The order of training batches, and how they reach the devices.

Takes arrays of a training split, gives batches. A batch is a pure function of
(seed, step): any step's batch can be had without those before it, so that
resuming, skipping and re-sharding are exact and free.
"""

from typing import TypedDict

import jax
import numpy as np

from eanet_jax.runtime import sharding

_STREAMED_BYTES = 256 * 2**20
_MANY_STEPS = 1000  # a stop signal is read between dispatches


class Batch(TypedDict):
  """One batch, on the host or on devices.

  image: uint8 (b, y, x, c). label: int32 (b,).
  """

  image: jax.Array
  label: jax.Array


# Of k steps: a batch whose arrays have a leading axis of k; or all examples and
# int32 (k, b), which of them each step takes.
ManyBatches = Batch | tuple[Batch, jax.Array]


def batch_indices(
  num_examples: int, batch_size: int, seed: int, first_step: int, steps: int
) -> np.ndarray:
  """Returns int32 (steps, batch_size): the examples of training batches.

  Epochs are permutations of all examples, laid end to end and cut into
  batches: every example is seen once before any is seen again, whatever the
  batch size. A function of its arguments only.

  Args:
    num_examples: in the training split, at least 1.
    batch_size: examples of a batch.
    seed: of the permutations.
    first_step: number of the first batch wanted, from 0.
    steps: how many batches.
  """
  first, last = first_step * batch_size, (first_step + steps) * batch_size
  epochs = range(first // num_examples, -(-last // num_examples))
  order = np.concatenate(
    [np.random.default_rng([seed, e]).permutation(num_examples) for e in epochs]
  )
  start = first - epochs[0] * num_examples
  chosen = order[start : start + steps * batch_size]
  return chosen.astype(np.int32).reshape(steps, batch_size)


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
  """Returns the steps in which every example is seen, the last one full."""
  return -(-num_examples // batch_size)


class Batches:
  """Training batches by step number, as `train_step.make_train_steps` wants.

  A set of up to `resident_bytes` is put on every device once and batches are
  gathered there; of a larger one each dispatch's batches are sent, while the
  device still works on those before. Both give the same batches.

  Attributes:
    max_steps: the most that one call should ask for.
  """

  def __init__(
    self,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    indices: np.ndarray,
    batch_size: int,
    seed: int,
    mesh: jax.sharding.Mesh,
    resident_bytes: int,
  ):
    """Takes uint8 images (v, y, x, 1), labels (v,) and the (k,) to train on."""
    self._images, self._labels, self._indices = images, labels, indices
    self._batch_size, self._seed, self._mesh = batch_size, seed, mesh
    self._resident: Batch | None = None
    # A dispatch of streamed batches holds this many at most.
    self.max_steps = max(1, _STREAMED_BYTES // (batch_size * images[0].nbytes))
    if len(indices) * images[0].nbytes <= resident_bytes:
      self.max_steps = _MANY_STEPS
      whole = sharding.replicated(mesh)
      self._resident = {
        "image": sharding.put(images[indices], whole),
        "label": sharding.put(labels[indices].astype(np.int32), whole),
      }

  def __call__(self, first_step: int, steps: int) -> ManyBatches:
    """Returns the batches of steps first_step to first_step + steps - 1."""
    order = batch_indices(
      len(self._indices), self._batch_size, self._seed, first_step, steps
    )
    over_batch = sharding.split_axis(self._mesh, 1)
    if self._resident is not None:
      return self._resident, sharding.put(order, over_batch)
    rows = self._indices[order]  # (k, b)
    shape = (*rows.shape, *self._images.shape[1:])
    image = jax.make_array_from_callback(
      shape,
      over_batch,
      # JAX gives indices to arrays with axes.
      lambda index: self._images[rows[index[:2]]],  # type: ignore[index]
    )
    label = sharding.put(self._labels[rows].astype(np.int32), over_batch)
    return {"image": image, "label": label}
