"""The training step and loop: exact, compiled once, the same on any devices."""

import jax
import numpy as np
import pytest
from made_networks import eanet

from eanet_jax.data import batching
from eanet_jax.runtime import sharding
from eanet_jax.training import (
  augment,
  dispatching,
  objective_classes,
  objective_pairs,
  optimizer,
  train_step,
)

RANGES = augment.Ranges(
  rotation_deg=10.0, zoom=0.1, contrast=0.2, brightness=0.2
)
LEVELS = 120.0, 60.0  # mean and spread of grey levels
# As configs/eanet_best.py has it: with batch norm, standardised by the image.
LOCAL = {"stem": "convolutions", "depthwise_size": 3, "pooling": "maps"}


CLASSES = objective_classes.Classes(("a", "b", "c"))


def make_state(
  mesh, *, ranges=RANGES, rate=1e-3, objective=CLASSES, levels=LEVELS, **model
):
  fields = {"patch_px": 8, "width": 16, "num_blocks": 1, "mlp_width": 16}
  mean, std = levels
  return train_step.create_state(
    eanet(objective.outputs, **{**fields, **model}),
    optimizer.adamw(lambda step: rate, 1e-4, 0.0),
    train_step.Recipe(mean, std, objective, ranges),
    image_px=32,
    seed=0,
    mesh=mesh,
  )


def make_batches(mesh, *, count=20, batch_size=8, resident=True):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (count, 32, 32, 1), dtype=np.uint8)
  return batching.Batches(
    images,
    np.arange(count) % 3,
    indices=np.arange(count),
    batch_size=batch_size,
    seed=0,
    mesh=mesh,
    resident_bytes=2**30 if resident else 0,
  )


def run_key(mesh):
  """The key of a run, on every device as the state is."""
  return jax.device_put(jax.random.key(0), sharding.replicated(mesh))


def equal(a, b):
  leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
  return all(np.array_equal(x, y) for x, y in leaves)


def test_three_steps_compile_once_and_move_only_what_is_asked():
  mesh = sharding.data_mesh()
  train_steps, batches = train_step.make_train_steps(mesh), make_batches(mesh)
  state, key = make_state(mesh), run_key(mesh)
  for step in range(3):
    batch = batches(step, 1)
    with jax.transfer_guard("disallow"):
      state = train_steps(state, batch, key)
  assert train_steps._cache_size() == 1
  assert int(state.step) == 3


@pytest.mark.parametrize("per_dispatch", [1, 4])
def test_the_loop_fetches_and_sends_only_what_is_asked(per_dispatch):
  # No metric, loss or step number comes to the host while steps are run.
  mesh = sharding.data_mesh()
  state, batches = make_state(mesh), make_batches(mesh)
  train_steps, key = train_step.make_train_steps(mesh), run_key(mesh)
  sent = {i: batches(i, per_dispatch) for i in range(0, 8, per_dispatch)}
  with jax.transfer_guard("disallow"):
    state, _ = dispatching.run_steps(
      state,
      train_steps,
      lambda step, _: sent[step],
      key,
      first_step=0,
      last_step=8,
      per_dispatch=per_dispatch,
      stop=lambda _: False,
      on_steps=lambda _: None,
    )
  assert train_steps._cache_size() == 1
  assert int(state.step) == 8


def test_many_steps_in_a_dispatch_equal_single_ones():
  mesh = sharding.data_mesh()
  key, batches = jax.random.key(0), make_batches(mesh)
  one, many = (
    train_step.make_train_steps(mesh),
    train_step.make_train_steps(mesh),
  )
  a, b = make_state(mesh), make_state(mesh)
  for step in range(4):
    a = one(a, batches(step, 1), key)
  b = many(b, batches(0, 4), key)
  for x, y in zip(
    jax.tree.leaves(a.params), jax.tree.leaves(b.params), strict=True
  ):
    np.testing.assert_allclose(x, y, rtol=0, atol=1e-6)


def test_streamed_batches_train_as_resident_ones():
  mesh = sharding.data_mesh()
  states = []
  for resident in (True, False):
    batches = make_batches(mesh, resident=resident)
    train_steps, state = train_step.make_train_steps(mesh), make_state(mesh)
    for step in range(3):
      state = train_steps(state, batches(step, 1), jax.random.key(0))
    states.append(state)
  for x, y in zip(*(jax.tree.leaves(s.params) for s in states), strict=True):
    np.testing.assert_allclose(x, y, rtol=0, atol=1e-6)


def test_the_first_step_that_is_not_finite_is_remembered():
  mesh = sharding.data_mesh()
  state, batches = make_state(mesh, rate=1e30), make_batches(mesh)
  train_steps = train_step.make_train_steps(mesh)
  bad = []
  for step in range(6):
    state = train_steps(state, batches(step, 1), jax.random.key(0))
    bad.append(int(state.bad_step))
  assert bad[0] == -1  # the first loss is of sound parameters
  assert 0 < bad[-1] < 6
  assert len(set(bad) - {-1}) == 1


def test_eight_images_are_memorised():
  mesh = sharding.data_mesh()
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (8, 32, 32, 1), dtype=np.uint8)
  batches = batching.Batches(
    images,
    np.arange(8) % 3,
    indices=np.arange(8),
    batch_size=8,
    seed=0,
    mesh=mesh,
    resident_bytes=2**30,
  )
  state = make_state(
    mesh,
    ranges=augment.Ranges(False, False),
    rate=3e-3,
    dropout_rate=0.0,
    attention_dropout_rate=0.0,
  )
  train_steps = train_step.make_train_steps(mesh)
  state = train_steps(state, batches(0, 300), jax.random.key(0))
  state = state.replace(metrics=train_step.EpochMetrics.empty())
  state = train_steps(state, batches(300, 1), jax.random.key(0))
  assert float(state.metrics.compute()["accuracy"]) == 1.0


def test_places_of_images_of_eight_grey_levels_are_paired():
  mesh = sharding.data_mesh()
  levels = np.linspace(10, 240, 8).astype(np.uint8)
  images = np.broadcast_to(levels[:, None, None, None], (8, 32, 32, 1))
  batches = batching.Batches(
    images,
    np.zeros(8, int),
    indices=np.arange(8),
    batch_size=8,
    seed=0,
    mesh=mesh,
    resident_bytes=2**30,
  )
  state = make_state(
    mesh,
    rate=3e-3,
    objective=objective_pairs.Pairs(temperature=0.2, outputs=3),
    pooling="maps",
    stem="convolutions",
    position_embedding=False,
  )
  train_steps, key = train_step.make_train_steps(mesh), jax.random.key(0)
  accuracy = []
  for first in (0, 150):
    state = state.replace(metrics=train_step.EpochMetrics.empty())
    state = train_steps(state, batches(first, 5), key)
    accuracy.append(float(state.metrics.compute()["accuracy"]))
    state = train_steps(state, batches(first + 5, 145), key)
  assert accuracy[0] < 0.6 < 0.8 < accuracy[1], accuracy


def test_run_steps_stops_where_it_is_told_and_counts_every_step():
  mesh = sharding.data_mesh()
  told = []
  state, step = dispatching.run_steps(
    make_state(mesh),
    train_step.make_train_steps(mesh),
    make_batches(mesh),
    jax.random.key(0),
    first_step=0,
    last_step=9,
    per_dispatch=2,
    stop=lambda step: step >= 6,
    on_steps=told.append,
  )
  assert step == sum(told) == int(state.step) == 6


def test_a_dispatch_divides_an_epoch():
  assert dispatching.steps_per_dispatch(0, 27, 1000) == 1  # on a CPU
  assert dispatching.steps_per_dispatch(10, 27, 1000) == 9
  assert dispatching.steps_per_dispatch(100, 27, 1000) == 27
  assert dispatching.steps_per_dispatch(100, 27, 4) == 3
  assert dispatching.steps_per_dispatch(5, 7, 1000) == 1


def mesh_of(devices: int) -> jax.sharding.Mesh:
  auto = (jax.sharding.AxisType.Auto,)
  return jax.make_mesh(
    (devices,), ("data",), axis_types=auto, devices=jax.devices()[:devices]
  )


def losses(mesh, mode):
  """The losses of four steps, and the state after them."""
  batches = make_batches(mesh, resident=mode != "streamed")
  fields = {"levels": (None, None), **LOCAL} if mode == "local" else {}
  state = make_state(mesh, **fields)
  train_steps = train_step.make_train_steps(mesh)
  found = []
  for step in range(4):
    empty = jax.device_put(
      train_step.EpochMetrics.empty(), sharding.replicated(mesh)
    )
    state = train_steps(
      state.replace(metrics=empty), batches(step, 1), jax.random.key(0)
    )
    found.append(float(state.metrics.compute()["loss"]))
  return found, state


@pytest.mark.parametrize("mode", ["resident", "streamed", "local"])
def test_eight_devices_give_the_losses_of_one(mode):
  one, _ = losses(mesh_of(1), mode)
  eight, state = losses(sharding.data_mesh(), mode)
  np.testing.assert_allclose(one, eight, rtol=1e-5)
  assert len(set(one)) == 4  # it does train
  for leaf in jax.tree.leaves(state.variables):
    parts = [np.asarray(part.data) for part in leaf.addressable_shards]
    assert len(parts) == 8
    for part in parts:  # each whole, each the same
      np.testing.assert_array_equal(part, parts[0])
      assert part.shape == leaf.shape


def test_no_float32_product_of_a_step_rounds_its_factors():
  # By default GPUs and TPUs do, forward and back.
  mesh = sharding.data_mesh()
  steps = train_step.make_train_steps(mesh)
  program = steps.lower(
    make_state(mesh), make_batches(mesh)(0, 1), run_key(mesh)
  )
  products = [
    line
    for line in program.as_text().splitlines()
    if "dot_general" in line or "convolution" in line
  ]
  assert len(products) > 10
  assert all("HIGHEST" in line for line in products)
