"""The places of an image add up to its logits, and say what they should."""

import jax
import numpy as np
import pytest
from made_networks import eanet, shapes

from eanet_jax.explanation import contributions
from eanet_jax.inference import forward_pass
from eanet_jax.models import efficientnet_lite, ensemble, inputs, transfer, vgg
from eanet_jax.models.pretrained import efficientnet_lite0
from eanet_jax.runtime import sharding

MESH = sharding.data_mesh()
SLOW = pytest.mark.slow  # VGG alone takes as long to compile as the others


def pictures(count, side):
  rng = np.random.default_rng(1)
  coarse = rng.integers(0, 256, (count, side // 4, side // 4))
  noise = rng.integers(-40, 40, (count, side, side))
  images = coarse.repeat(4, axis=1).repeat(4, axis=2) + noise
  return np.clip(images, 0, 255).astype(np.uint8)[..., None]


def of_trunk(seed=0, temperature=1.7):
  """An ensemble of one: a linear classifier of what the frozen trunk sees."""
  model = transfer.Transfer(3, efficientnet_lite.Trunk())
  size = sum(model.sizes)
  rng = np.random.default_rng(seed)
  one = {
    "batch_stats": {
      "mean": rng.normal(0, 0.5, size).astype("f4"),
      "std": rng.uniform(0.5, 2, size).astype("f4"),
      "power": np.float32(0.5),
    },
    "params": {
      "head": {
        "kernel": rng.normal(0, 0.05, (size, 3)).astype("f4"),
        "bias": rng.normal(size=3).astype("f4"),
      }
    },
    "frozen": {"trunk": efficientnet_lite0.load()},
  }
  variables = ensemble.stack([one])
  variables["calibration"] = {"temperature": np.float32(temperature)}
  return ensemble.Ensemble(model, 1), variables


def from_nothing(model, images, seed=0):
  """Random weights and running averages of a network."""
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda leaf: rng.uniform(-0.2, 0.4, leaf.shape).astype("f4") ** 2,
    dict(shapes(model, images.shape)),
  )


BEST = {
  "stem": "convolutions",
  "pooling": "maps",
  "position_embedding": False,
  "depthwise_size": 3,
}
NETWORKS = {
  "EANet": lambda: eanet(patch_px=8, width=12, num_blocks=1, num_heads=3),
  "the recommended EANet": lambda: eanet(
    patch_px=8, width=16, num_blocks=1, num_heads=2, **BEST
  ),
  "VGG": lambda: vgg.VGG(3, vgg.Backbone(0.05)),
}


def maps_of(model, variables, images, orientations, levels=(None, None)):
  return contributions.contributions(
    model, variables, images, *levels, orientations, MESH
  )


# It does not divide by the strides of the trunk: its grids are of 5 and 3.
SIDE = 72


def test_places_add_up_to_the_logits_of_the_frozen_trunk():
  model, variables = of_trunk()
  images = pictures(2, SIDE)
  maps, constants = maps_of(model, variables, images, 4)
  assert maps.shape == (2, 3, 5, 5)
  assert maps.dtype == np.float32
  forward = forward_pass.ForwardPass(model, None, None, 4, MESH)
  logits = forward(variables, images, np.arange(2), 4)
  found = maps.sum(axis=(2, 3)) + constants
  np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
  "name", ["EANet", "the recommended EANet", pytest.param("VGG", marks=SLOW)]
)
def test_places_add_up_to_the_logits_of_networks_from_nothing(name):
  """Of several orientations and members: to the mean of their logits."""
  model, images = NETWORKS[name](), pictures(2, 32)
  members = [from_nothing(model, images, seed) for seed in range(2)]
  variables = ensemble.stack(members)
  variables["calibration"] = {"temperature": np.float32(2)}
  levels = 120.0, 40.0
  maps, constants = maps_of(
    ensemble.Ensemble(model, 2), variables, images, 8, levels
  )
  found = maps.sum(axis=(2, 3)) + constants
  forward = forward_pass.ForwardPass(model, *levels, 4, MESH)
  expected = np.mean(
    [
      forward(own, np.ascontiguousarray(turned), np.arange(2), 1) / 2
      for own in members
      for turned in inputs.orientations(images, 8)
    ],
    axis=0,
  )
  assert np.ptp(expected, axis=0).min() > 1e-3  # the images differ
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def heat_of(maps, own, divisors):
  """A place's share of each logit by the formula, float64 (5, 5, l).

  Args:
    maps: float64 (y, x, c) of each block, of one orientation.
    own: the network's variables.
    divisors: of each block.
  """
  mean, std = (
    np.asarray(own["batch_stats"][name], np.float64) for name in ("mean", "std")
  )
  kernel = np.asarray(own["params"]["head"]["kernel"], np.float64)
  total, start = np.zeros((5, 5, 3)), 0
  for each, divisor in zip(maps, divisors, strict=True):
    rows, columns, channels = each.shape
    block = slice(start, start + 2 * channels)
    slope = kernel[block] / std[block][:, None] / divisor
    off = (each - mean[block][:channels]) / (rows * columns)
    squares = (each - each.mean(axis=(0, 1))) ** 2
    share = squares / squares.sum(axis=(0, 1))
    spread = np.log(each.std(axis=(0, 1)) + 1e-3) - mean[block][channels:]
    heat = off @ slope[:channels] + (share * spread) @ slope[channels:]
    if rows == 3:  # it covers two rows of five, the last one
      cells = np.array([2, 2, 1])
      heat = heat / cells[:, None, None] / cells[None, :, None]
      heat = heat.repeat(2, axis=0).repeat(2, axis=1)[:5, :5]
    total += heat
    start += 2 * channels
  return total


def test_places_of_the_frozen_trunk_are_those_of_the_formula():
  model, variables = of_trunk(temperature=2.0)
  image = pictures(1, SIDE)
  maps, _ = maps_of(model, variables, image, 4)
  own = ensemble.member(variables, 0)
  see = jax.jit(
    lambda images: model.network.apply(
      own, inputs.standardise(images, None, None), method="maps"
    )
  )
  turned = np.concatenate(list(inputs.orientations(image, 4)))
  blocks = [np.asarray(each, np.float64) for each in see(turned)]
  divisors, start = [], 0
  for each in blocks:
    spread = np.log(each.std(axis=(1, 2)) + 1e-3)
    moments = np.concatenate([each.mean(axis=(1, 2)), spread], axis=1).mean(0)
    block = slice(start, start := start + len(moments))
    stats = own["batch_stats"]
    scaled = (moments - stats["mean"][block]) / stats["std"][block]
    divisors.append((scaled**2).mean() ** 0.25)  # power 0.5, of the square
  expected = [
    np.rot90(heat_of([each[k] for each in blocks], own, divisors), -k)
    for k in range(4)
  ]
  expected = np.mean(expected, axis=0).transpose(2, 0, 1) / 2
  np.testing.assert_allclose(
    maps[0], expected, rtol=1e-3, atol=1e-4 * abs(expected).max()
  )


def test_other_weights_give_other_maps():
  """The check of Adebayo et al. 2018, of the layer that is trained."""
  images = pictures(2, SIDE)
  found = [maps_of(*of_trunk(seed), images, 4) for seed in range(8)]
  margins = np.stack([maps[:, 0] - maps[:, 1] for maps, _ in found])
  ranks = margins.reshape(8, 2, -1).argsort(axis=2).argsort(axis=2)
  alike = [np.corrcoef(ranks[:, i])[np.triu_indices(8, 1)] for i in range(2)]
  assert abs(np.mean(alike)) < 0.25
  maps, constants = found[0]
  both, names = contributions.for_and_against(maps, constants)
  assert both.shape == (2, 2, 5, 5)
  assert len(names) == 2
  logits = np.sort(maps.sum(axis=(2, 3)) + constants, axis=1)
  lead = (both[:, 0] - both[:, 1]).sum(axis=(1, 2))
  first = (maps.sum(axis=(2, 3)) + constants).argsort(axis=1)
  between = constants[first[:, -1]] - constants[first[:, -2]]
  np.testing.assert_allclose(
    lead + between, logits[:, -1] - logits[:, -2], rtol=1e-3, atol=1e-4
  )
  assert both.min() >= 0


def test_views_stand_in_their_places_and_keep_the_mean():
  maps = np.random.default_rng(0).normal(size=(6, 2, 3, 3))
  whole = contributions.over_micrograph(maps, columns=3)
  assert whole.shape == (2, 6, 9)
  np.testing.assert_allclose(whole[:, 3:, 6:], maps[5] / 6)
  np.testing.assert_allclose(whole[:, :3, 3:6], maps[1] / 6)
  np.testing.assert_allclose(whole.sum((1, 2)), maps.sum((2, 3)).mean(0))
