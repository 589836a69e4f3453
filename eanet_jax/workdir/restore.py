"""A trained network from its workdir: module, variables and metadata.

Takes a workdir, gives the network of its best checkpoint, on every device of a
mesh. Used for prediction, and by runs that start from another's weights.
"""

import pathlib
from typing import NamedTuple

import flax.linen as nn
import jax
import numpy as np

from eanet_jax import errors
from eanet_jax.models import networks
from eanet_jax.runtime import pytrees, sharding
from eanet_jax.workdir import checkpoints, run_meta


class TrainedNetwork(NamedTuple):
  """A network with the variables of its run's best checkpoint."""

  model: nn.Module
  variables: pytrees.Variables
  meta: run_meta.RunMeta


def restore(workdir: pathlib.Path, mesh: jax.sharding.Mesh) -> TrainedNetwork:
  """Returns the network of a workdir, replicated on every device of the mesh.

  Raises:
    UserError: there is no such folder, it has no sound checkpoint, or another
      version of this program wrote it.
  """
  model: nn.Module | None = None

  def template(meta: run_meta.RunMeta) -> pytrees.Variables:
    nonlocal model
    model = networks.create(meta.config["model"], meta.outputs)
    return _shapes(model, meta.config["dataset"]["image_px"], mesh)

  with checkpoints.open_existing(workdir) as saved:
    best = saved.restore_best(template)
  if best is None or model is None:
    raise errors.UserError(f"{workdir}: no checkpoint in it can be read")
  return TrainedNetwork(model, *best)


def _shapes(
  model: nn.Module, image_px: int, mesh: jax.sharding.Mesh
) -> pytrees.Variables:
  """Shapes of the variables, replicated on every device of the mesh."""
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
