"""An ensemble is its members: stacked, taken apart, and averaged."""

import jax
import jax.numpy as jnp
import numpy as np
from made_networks import eanet as made

from eanet_jax.inference import forward_pass
from eanet_jax.models import ensemble
from eanet_jax.runtime import sharding


def members_of(network, count):
  images = jnp.zeros((1, 32, 32, 1))
  return [
    dict(network.init(jax.random.key(i), images, deterministic=True))
    for i in range(count)
  ]


def test_members_come_back_as_they_were_stacked():
  members = members_of(made(), 3)
  stacked = ensemble.stack(members)
  for i, own in enumerate(members):
    jax.tree.map(
      np.testing.assert_array_equal, ensemble.member(stacked, i), own
    )


def test_what_is_frozen_is_held_once():
  members = [
    {"params": {"w": jnp.full((2,), i)}, "frozen": {"t": jnp.ones((5,))}}
    for i in range(3)
  ]
  stacked = ensemble.stack(members)
  assert stacked["params"]["w"].shape == (3, 2)
  assert stacked["frozen"]["t"].shape == (5,)
  assert ensemble.member(stacked, 1)["frozen"]["t"].shape == (5,)


def test_probabilities_are_the_mean_of_the_members_at_the_temperature():
  network, mesh = made(), sharding.data_mesh()
  members = members_of(network, 3)
  images = np.random.default_rng(0).integers(
    0, 256, (5, 32, 32, 1), dtype=np.uint8
  )
  alone = forward_pass.ForwardPass(network, None, None, 4, mesh)
  chosen, temperature = np.arange(5), 2.5
  expected = np.mean(
    [
      forward_pass.probabilities(
        alone(own, images, chosen, 4).astype(np.float64)
      )
      for own in members
    ],
    axis=0,
  )
  whole = ensemble.Ensemble(network, 3)
  together = forward_pass.ForwardPass(whole, None, None, 4, mesh)
  stacked = ensemble.stack(members)
  found = forward_pass.probabilities(together(stacked, images, chosen, 4))
  np.testing.assert_allclose(found, expected, atol=1e-6)

  cooler = {**stacked, "calibration": {"temperature": np.float32(temperature)}}
  found = forward_pass.probabilities(together(cooler, images, chosen))
  expected = np.mean(
    [
      forward_pass.probabilities(alone(own, images, chosen) / temperature)
      for own in members
    ],
    axis=0,
  )
  np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_template_has_the_shapes_of_what_is_kept():
  network = made()
  template = ensemble.Ensemble(network, 2).init(
    jax.random.key(0), jnp.zeros((1, 32, 32, 1)), deterministic=True
  )
  stacked = ensemble.stack(members_of(network, 2))
  shapes = jax.tree.map(jnp.shape, dict(template))
  assert shapes.pop("calibration") == {"temperature": ()}
  assert shapes == jax.tree.map(jnp.shape, stacked)
