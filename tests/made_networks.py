"""Small networks that tests make, and their variables."""

import flax.traverse_util
import jax
import numpy as np
from conftest import ROOT

from eanet_jax.configuration import command_line
from eanet_jax.models import (
  efficientnet_lite,
  ensemble,
  networks,
  transfer,
)
from eanet_jax.models.pretrained import efficientnet_lite0


def eanet(outputs=3, **fields):
  """EANet as configs/default.py has it, except for these fields."""
  model = command_line.load(
    str(ROOT / "configs" / "default.py")
  ).model.to_dict()
  return networks.create({**model, **fields}, outputs)


def shapes(model, images):
  """Shapes and types of the variables, for images of the shape (b, y, x, c)."""
  return jax.eval_shape(
    lambda images: model.init(jax.random.key(0), images, deterministic=True),
    jax.ShapeDtypeStruct(images, np.float32),
  )


def count(model, side_px):
  """How many parameters it has, for images of side_px."""
  params = shapes(model, (1, side_px, side_px, 1))["params"]
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def by_path(tree):
  """{path: float64 array} of nested parameters, as reference/ takes them."""
  leaves = flax.traverse_util.flatten_dict(tree, sep="/")
  return {path: np.asarray(leaf, np.float64) for path, leaf in leaves.items()}


def pictures(count, side):
  """Images uint8 (count, side, side, 1) of coarse squares with noise."""
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
