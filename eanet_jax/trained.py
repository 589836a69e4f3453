"""A trained network as its workdir has it: module, variables, what it is.

Takes a workdir, gives the network of its best checkpoint, on every device of a
mesh. For predicting, and for training on from it.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from eanet_jax import checkpoints, errors, sharding
from eanet_jax.models import systems


def restore(
  workdir: pathlib.Path, mesh: jax.sharding.Mesh
) -> tuple[nn.Module, dict[str, Any], dict[str, Any]]:
  """Returns (model, variables, meta) of the best checkpoint of a workdir.

  Raises:
    UserError: there is no such folder, no sound checkpoint in it, or it is of
      another version of this program.
  """
  model = None

  def template(meta):
    nonlocal model
    model = _network(meta)
    return _shapes(model, meta["config"]["dataset"]["image_px"], mesh)

  with checkpoints.open_existing(workdir) as saved:
    best = saved.restore_best(template)
  if best is None:
    raise errors.UserError(f"{workdir}: no checkpoint in it can be read")
  _, variables, meta = best
  return model, variables, meta


def without_classes(meta: Mapping[str, Any]) -> bool:
  """Whether a checkpoint is of a pre-training, see configs/pretrain.py."""
  return meta["config"]["loss"].get("objective") == "pairs"


def _network(meta: Mapping[str, Any]) -> nn.Module:
  config, outputs = meta["config"], len(meta["class_names"])
  if without_classes(meta):
    outputs = config["loss"]["embedding_size"]
  return systems.create(config["model"], outputs)


def _shapes(model, image_px, mesh) -> dict[str, Any]:
  """Shapes of the variables, whole on every device of the mesh."""
  images = jax.ShapeDtypeStruct((1, image_px, image_px, 1), np.float32)
  shapes = jax.eval_shape(
    lambda key, x: model.init(key, x, deterministic=True),
    jax.random.key(0),
    images,
  )
  whole = sharding.replicated(mesh)
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=whole),
    {
      name: shapes[name] for name in ("params", "batch_stats") if name in shapes
    },
  )
