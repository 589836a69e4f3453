"""The network of configs/eanet_best.py against one of float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_networks import by_path, count, shapes
from made_networks import eanet as made
from reference import eanet as reference
from reference import layers

from eanet_jax.configuration import command_line
from eanet_jax.models import networks

# What configs/eanet_best.py makes of it, small.
LOCAL = {
  "stem": "convolutions",
  "depthwise_size": 3,
  "position_embedding": False,
  "pooling": "maps",
  "patch_px": 4,
  "width": 12,
  "num_blocks": 2,
  "num_heads": 3,
  "num_slots": 5,
  "mlp_width": 20,
}


def build_local(b, y, x):
  """The network of LOCAL, its variables drawn at random, and images."""
  model = made(**LOCAL)
  rng = np.random.default_rng(0)
  images = rng.normal(size=(b, y, x, 1)).astype("f4")

  def draw(path, leaf):
    name = path[-1].key
    if name == "var":
      return rng.uniform(0.5, 2, leaf.shape).astype("f4")
    moved = 0.3 * rng.normal(size=leaf.shape) + (name == "scale")
    return moved.astype("f4")

  drawn = jax.tree_util.tree_map_with_path(draw, shapes(model, images.shape))
  return model, drawn, images


@pytest.mark.parametrize("sizes", [(1, 16, 16), (3, 24, 40), (5, 32, 32)])
def test_jitted_local_logits_and_gradient_equal_the_numpy_network(sizes):
  model, variables, images = build_local(*sizes)
  stats = by_path(variables["batch_stats"])
  run = lambda params, images: model.apply(
    {**variables, "params": params}, images, deterministic=True
  )
  logits = jax.jit(run)(variables["params"], images)
  exact = {**by_path(variables["params"]), "images": images.astype(np.float64)}
  expected = reference.local(exact, stats, exact["images"])
  scale = abs(expected).max()
  np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5 * scale)

  rng = np.random.default_rng(1)
  projection = rng.normal(size=logits.shape)
  d_params, d_images = jax.jit(
    jax.grad(lambda *a: (run(*a) * projection.astype("f4")).sum(), (0, 1))
  )(variables["params"], images)
  gradient = {**by_path(d_params), "images": np.asarray(d_images, np.float64)}
  for path, g in gradient.items():
    direction = rng.normal(size=g.shape) + np.sign(g)
    direction /= np.linalg.norm(direction)
    ends = []
    for sign in (1, -1):
      arrays = {**exact, path: exact[path] + sign * 1e-5 * direction}
      out = reference.local(arrays, stats, arrays["images"])
      ends.append((out * projection).sum())
    slope = (ends[0] - ends[1]) / 2e-5
    error = abs((g * direction).sum() - slope)
    assert error < 2e-5 * np.linalg.norm(g), (path, error)


def test_training_a_local_network_normalises_by_the_batch_and_keeps_count():
  model, variables, images = build_local(4, 16, 16)
  rngs = {"dropout": jax.random.key(0)}
  logits, changed = jax.jit(
    lambda v: model.apply(
      v, images, deterministic=False, rngs=rngs, mutable=["batch_stats"]
    )
  )(variables)
  first = layers.strided_conv(
    images.astype(np.float64),
    np.asarray(variables["params"]["stem"]["conv_0"]["kernel"], np.float64),
  )
  before = variables["batch_stats"]["stem"]["norm_0"]["mean"]
  np.testing.assert_allclose(
    changed["batch_stats"]["stem"]["norm_0"]["mean"],
    0.9 * before + 0.1 * first.mean((0, 1, 2)),
    rtol=1e-4,
    atol=1e-6,
  )
  assert np.isfinite(logits).all()


def test_a_local_network_takes_images_of_any_size():
  model, variables, _ = build_local(1, 16, 16)
  for sides in ((16, 16), (8, 48)):
    logits = model.apply(
      variables, jnp.zeros((2, *sides, 1)), deterministic=True
    )
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("size", [0, 3])
def test_without_position_and_neighbours_the_order_of_patches_is_nothing(size):
  # External attention, the MLP and the pooling do not know where a token is.
  model = made(
    patch_px=4,
    width=12,
    num_blocks=2,
    position_embedding=False,
    depthwise_size=size,
  )
  rng = np.random.default_rng(0)
  tiles = rng.normal(size=(2, 3, 4, 3, 4, 1)).astype("f4")
  rolled = np.roll(tiles, 1, axis=1)[:, :, :, [2, 0, 1]]
  image = lambda tiles: tiles.reshape(2, 12, 12, 1)
  variables = model.init(jax.random.key(0), image(tiles), deterministic=True)
  run = lambda images: model.apply(variables, images, deterministic=True)
  gap = abs(run(image(tiles)) - run(image(rolled))).max()
  assert gap > 1e-4 if size else gap < 1e-5


def test_recommended_network_has_at_most_450000_parameters():
  config = command_line.load("configs/eanet_best.py")
  model = networks.create(config.model.to_dict(), 6)
  assert 150_000 < count(model, 256) <= 450_000
