"""A trained network from its workdir: module, variables and metadata.

Takes a workdir, gives the network of its best checkpoint, on every device of a
mesh. Used for prediction, and by runs that start from another's weights.
"""

import pathlib
from typing import NamedTuple

import flax.linen as nn
import jax
import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.configuration import field_rules
from eanet_jax.models import ensemble, networks
from eanet_jax.runtime import pytrees, sharding
from eanet_jax.workdir import checkpoints, run_meta


class TrainedNetwork(NamedTuple):
  """A network with the variables of its run's best checkpoint."""

  model: nn.Module | ensemble.Ensemble
  variables: pytrees.Variables
  meta: run_meta.RunMeta


def restore(workdir: pathlib.Path, mesh: jax.sharding.Mesh) -> TrainedNetwork:
  """Returns the network of a workdir, replicated on every device of the mesh.

  Raises:
    UserError: there is no such folder, it has no sound checkpoint, or another
      version of this program wrote it.
  """
  model: nn.Module | ensemble.Ensemble | None = None

  def template(meta: run_meta.RunMeta) -> pytrees.Variables:
    nonlocal model
    _check(meta, workdir)
    model = networks.create(meta.config["model"], meta.outputs)
    if meta.config["split"]["fold"] < 0:  # what a cross-validation keeps
      of_folds = meta.config["loss"]["objective"] != "discriminant"
      model = ensemble.Ensemble(
        model, meta.config["split"]["folds"] if of_folds else 1
      )
    return _shapes(model, meta.config["dataset"]["image_px"], mesh)

  with checkpoints.open_existing(workdir) as saved:
    best = saved.restore_best(template)
  if best is None or model is None:
    raise errors.UserError(f"{workdir}: no checkpoint in it can be read")
  return TrainedNetwork(model, *best)


def folders(workdir: pathlib.Path, step: int) -> list[pathlib.Path]:
  """Returns the folders that `restore` reads where a step is the best.

  The newest step says what classes are called, see `Checkpoints.restore_best`.
  """
  saved = workdir / checkpoints.FOLDER
  newest = max(
    int(each.name) for each in saved.iterdir() if each.name.isdigit()
  )
  found = [saved / str(step) / name for name in ("variables", "meta")]
  return found if newest == step else [*found, saved / str(newest) / "meta"]


def _check(meta: run_meta.RunMeta, workdir: pathlib.Path) -> None:
  """Raises UserError for a network that this program would not have trained.

  A checkpoint may be of anybody: its sizes are checked before memory is taken.
  """
  config = meta.config
  try:
    field_rules.validate(ml_collections.ConfigDict(config))
    expected = len(meta.class_names) or config["loss"]["embedding_size"]
    if meta.outputs != expected:
      raise errors.UserError(f"{meta.outputs} outputs in place of {expected}")
    if (
      (meta.mean is None) != (meta.std is None)
      or not 0 <= (meta.mean or 0) <= 255
      or not 1 <= (1 if meta.std is None else meta.std) <= 255
    ):
      raise errors.UserError(
        f"grey levels of mean {meta.mean} and standard deviation {meta.std}"
      )
  except errors.UserError as error:
    raise errors.UserError(
      f"the checkpoints in {workdir} are of another version of this program, or"
      f" were changed: {error}"
    ) from None


def _shapes(
  model: nn.Module | ensemble.Ensemble,
  image_px: int,
  mesh: jax.sharding.Mesh,
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
    {name: shapes[name] for name in shapes},
  )
