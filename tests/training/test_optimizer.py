"""Learning rate by step, what decays, what clipping does."""

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from made_networks import eanet, shapes

from eanet_jax.training import optimizer

COS_45 = (1 + np.sqrt(0.5)) / 2


@pytest.mark.parametrize(
  ("schedule", "warmup_steps", "expected"),
  [
    ("constant", 0, {0: 0.1, 1: 0.1, 99: 0.1}),
    ("constant", 10, {0: 0, 1: 0.01, 5: 0.05, 10: 0.1, 99: 0.1}),
    ("cosine", 0, {0: 0.1, 25: 0.1 * COS_45, 50: 0.05, 100: 0, 120: 0}),
    ("cosine", 20, {0: 0, 10: 0.05, 20: 0.1, 40: 0.1 * COS_45, 60: 0.05}),
    ("cosine", 20, {100: 0}),
    ("cosine", 100, {50: 0.05, 99: 0.099}),
  ],
)
def test_learning_rate_by_step(schedule, warmup_steps, expected):
  rate = optimizer.learning_rates(0.1, schedule, warmup_steps, 100)
  got = [float(rate(step)) for step in expected]
  np.testing.assert_allclose(got, list(expected.values()), atol=1e-7)


@pytest.fixture(scope="module")
def params():
  model = eanet(patch_px=8, width=12, num_blocks=1, mlp_width=20)
  rng = np.random.default_rng(0)
  draw = lambda leaf: rng.normal(size=leaf.shape).astype("f4")
  return jax.tree.map(draw, shapes(model, (1, 32, 32, 1))["params"])


DECAYED = {
  "embedding/kernel",
  "block_0/attention/memory_key",
  "block_0/attention/memory_value",
  "block_0/mlp_in/kernel",
  "block_0/mlp_out/kernel",
  "head/kernel",
}


def flat(tree):
  return flax.traverse_util.flatten_dict(tree, sep="/")


def test_exactly_kernels_and_memories_are_decayed(params):
  mask = flat(optimizer.decay_mask(params))
  assert {path for path, decayed in mask.items() if decayed is True} == DECAYED
  rest = {path for path, decayed in mask.items() if decayed is False}
  assert "position_embedding" in rest
  assert DECAYED | rest == set(flat(params))


def one_step(transformation, gradient, params, count=1):
  """Parameters after `count` steps, the gradient of each given."""
  state = transformation.init(params)
  update = jax.jit(transformation.update)
  for i in range(count):
    updates, state = update(gradient(i), state, params)
    params = optax.apply_updates(params, updates)
  return params


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_without_gradient_only_decayed_leaves_shrink(params, clip_norm):
  zeros = jax.tree.map(np.zeros_like, params)
  adamw = optimizer.adamw(optax.constant_schedule(0.1), 0.5, clip_norm)
  after = flat(one_step(adamw, lambda _: zeros, params))
  for path, before in flat(params).items():
    factor = 1 - 0.1 * 0.5 if path in DECAYED else 1
    np.testing.assert_allclose(after[path], before * factor, rtol=1e-6)


def test_first_step_is_one_learning_rate_against_the_gradients_sign():
  params = {"head": {"bias": jnp.zeros(3)}}
  gradient = {"head": {"bias": jnp.array([5.0, -0.01, 0.0])}}
  adamw = optimizer.adamw(optax.constant_schedule(0.1), 0.0, 0.0)
  after = one_step(adamw, lambda _: gradient, params)
  np.testing.assert_allclose(
    after["head"]["bias"], [-0.1, 0.1, 0.0], rtol=1e-4, atol=1e-8
  )


def test_learning_rate_of_a_step_is_its_schedules():
  params = {"head": {"bias": jnp.zeros(1)}}
  gradient = {"head": {"bias": jnp.ones(1)}}
  schedule = optimizer.learning_rates(0.1, "constant", 2, 10)
  adamw = optimizer.adamw(schedule, 0.0, 0.0)
  # A constant gradient moves by the learning rate: 0, then 0.05, then 0.1.
  for count, moved in ((1, 0.0), (2, 0.05), (3, 0.15)):
    after = one_step(adamw, lambda _: gradient, params, count)
    np.testing.assert_allclose(
      -after["head"]["bias"], [moved], rtol=1e-4, atol=1e-8
    )


def two_steps(clip_norm, scale):
  """Where a gradient of norm `scale`, then one of norm 0.5, lead."""
  params = {"a": {"bias": jnp.zeros(2)}, "b": {"bias": jnp.zeros(1)}}
  first = {
    "a": {"bias": np.array([2, 1], "f4")},
    "b": {"bias": np.array([-2], "f4")},
  }
  second = {
    "a": {"bias": np.array([0, 0.4], "f4")},
    "b": {"bias": np.array([0.3], "f4")},
  }
  first = jax.tree.map(lambda g: jnp.asarray(g * scale / 3), first)
  adamw = optimizer.adamw(optax.constant_schedule(0.1), 0.0, clip_norm)
  after = one_step(adamw, lambda i: (first, second)[i], params, 2)
  return np.concatenate([after["a"]["bias"], after["b"]["bias"]])


def test_a_gradient_above_the_clip_norm_acts_as_one_of_that_norm():
  np.testing.assert_allclose(two_steps(1.0, 1e3), two_steps(0.0, 1), rtol=1e-4)
  assert abs(two_steps(0.0, 1e3) - two_steps(0.0, 1)).max() > 0.01


def test_a_gradient_below_the_clip_norm_is_left_alone():
  np.testing.assert_allclose(
    two_steps(1.0, 0.9), two_steps(0.0, 0.9), rtol=1e-6
  )


def test_coupled_decay_is_l2_regularisation(params):
  zeros = jax.tree.map(np.zeros_like, params)
  adam = optimizer.adamw(
    optax.constant_schedule(0.1), 0.5, 0.0, decoupled=False
  )
  after = flat(one_step(adam, lambda _: zeros, params))
  for path, before in flat(params).items():
    # Adam makes a first step of one learning rate of any gradient, and the
    # gradient is 0.5 * weights: the size of a weight no longer matters.
    moved = -0.1 * np.sign(before) if path in DECAYED else 0 * before
    np.testing.assert_allclose(after[path] - before, moved, atol=1e-4)


def test_frozen_leaves_stay_until_their_step_then_move():
  params = {
    "head": {"kernel": jnp.ones(2)},
    "attention": {"memory_key": jnp.ones(2)},
    "backbone": {"conv1_1": {"kernel": jnp.ones(2)}},
    "block_0": {"attention": {"memory_key": jnp.ones(2)}},
  }
  gradient = jax.tree.map(jnp.ones_like, params)
  adamw = optimizer.adamw(
    optax.constant_schedule(0.1), 0.1, 0.0, frozen_steps=3
  )
  for count in (1, 3, 4):
    after = flat(one_step(adamw, lambda _: gradient, params, count))
    for path, leaf in after.items():
      frozen = path.startswith(("backbone", "block_0")) and count <= 3
      assert bool((leaf == 1).all()) == frozen, (path, count)
  # The first step of a thawed leaf is of the usual size, not a leap.
  np.testing.assert_allclose(
    after["backbone/conv1_1/kernel"], 1 - 0.1 * 1.1, rtol=1e-3
  )
