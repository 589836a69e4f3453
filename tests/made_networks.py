"""Small networks that tests make, and their variables."""

import flax.traverse_util
import jax
import numpy as np
from conftest import ROOT

from eanet_jax.configuration import command_line
from eanet_jax.models import networks


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
