"""Training order as a function of (seed, step); resident equals streamed."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eanet_jax.data import batching
from eanet_jax.runtime import sharding

settings = hypothesis.settings(deadline=None, max_examples=50)
sizes = {"num_examples": st.integers(1, 20), "batch_size": st.integers(1, 30)}


@settings
@hypothesis.given(**sizes, seed=st.integers(0, 99), epochs=st.integers(1, 4))
def test_every_epoch_is_a_permutation(num_examples, batch_size, seed, epochs):
  steps = -(-epochs * num_examples // batch_size)
  order = batching.batch_indices(num_examples, batch_size, seed, 0, steps)
  assert order.shape == (steps, batch_size)
  assert order.dtype == np.int32
  whole = order.ravel()[: epochs * num_examples].reshape(epochs, -1)
  for epoch in whole:
    np.testing.assert_array_equal(np.sort(epoch), np.arange(num_examples))


@settings
@hypothesis.given(
  **sizes,
  seed=st.integers(0, 99),
  first_step=st.integers(0, 40),
  steps=st.integers(1, 10),
)
def test_any_slice_of_steps_agrees_with_the_whole(
  num_examples, batch_size, seed, first_step, steps
):
  arguments = (num_examples, batch_size, seed)
  whole = batching.batch_indices(*arguments, 0, first_step + steps)
  part = batching.batch_indices(*arguments, first_step, steps)
  np.testing.assert_array_equal(part, whole[first_step:])


def test_seeds_and_epochs_have_different_orders():
  orders = [batching.batch_indices(50, 50, seed, 0, 3) for seed in range(3)]
  epochs = np.concatenate(orders)
  assert len(np.unique(epochs, axis=0)) == 9
  assert (epochs != np.arange(50)).any(axis=1).all()


def batches(resident_bytes, batch_size=8):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (20, 6, 6, 1)).astype(np.uint8)
  labels = np.arange(20)
  indices = np.array([3, 5, 7, 8, 11, 12, 19])
  made = batching.Batches(
    images,
    labels,
    indices=indices,
    batch_size=batch_size,
    seed=1,
    mesh=sharding.data_mesh(),
    resident_bytes=resident_bytes,
  )
  return made, images, indices


NEEDED = 7 * 36  # bytes of the indexed images


@pytest.mark.parametrize("first_step", [0, 1, 5])
def test_resident_and_streamed_batches_are_equal(first_step):
  whole, order = batches(NEEDED)[0](first_step, 3)
  streamed = batches(NEEDED - 1)[0](first_step, 3)
  order = np.asarray(order)
  assert whole["image"].shape == (7, 6, 6, 1)
  for name, array in streamed.items():
    gathered = np.asarray(whole[name])[order]
    np.testing.assert_array_equal(gathered, array)
    assert gathered.dtype == array.dtype


@pytest.mark.parametrize("batch_size", [8, 24])
def test_streamed_batches_hold_the_images_of_their_labels(batch_size):
  made, images, indices = batches(0, batch_size)
  batch = made(2, 3)
  labels = np.asarray(batch["label"])
  order = batching.batch_indices(7, batch_size, 1, 2, 3)
  np.testing.assert_array_equal(labels, indices[order])
  np.testing.assert_array_equal(batch["image"], images[labels])
  assert batch["image"].shape == (3, batch_size, 6, 6, 1)
  assert batch["image"].dtype == np.uint8
  assert batch["label"].dtype == np.int32
