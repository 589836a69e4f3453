"""What a run starts from: network, optimizer, recipe, and their first state.

Takes a configuration and a data set, gives a `train_step.TrainState`.
"""

import functools
import pathlib

import flax.linen as nn
import flax.traverse_util
import jax
import ml_collections
import optax

from eanet_jax import errors
from eanet_jax.data import dataset
from eanet_jax.models import networks
from eanet_jax.models.pretrained import convert
from eanet_jax.runtime import sharding
from eanet_jax.training import augment, objectives, optimizer, train_step
from eanet_jax.workdir import restore


def create(
  config: ml_collections.ConfigDict,
  data: dataset.Dataset,
  objective: objectives.Objective,
  steps_per_epoch: int,
  mesh: jax.sharding.Mesh,
) -> tuple[nn.Module, train_step.TrainState, optax.Schedule]:
  """Returns the network, the state before its first step, and learning rates.

  Args:
    config: merged and valid.
    data: the run's data set.
    objective: what the run trains for.
    steps_per_epoch: steps in a full pass over its training views.
    mesh: devices that hold the state.
  """
  schedule = optimizer.learning_rates(
    config.optimizer.learning_rate,
    config.optimizer.schedule,
    round(config.optimizer.warmup_epochs * steps_per_epoch),
    config.train.epochs * steps_per_epoch,
  )
  model = networks.create(config.model.to_dict(), objective.outputs)
  state = train_step.create_state(
    model,
    optimizer.adamw(
      schedule,
      config.optimizer.weight_decay,
      config.optimizer.clip_norm,
      decoupled=config.optimizer.decoupled_decay,
      frozen_steps=round(config.model.frozen_epochs * steps_per_epoch),
    ),
    train_step.Recipe(
      mean=data.mean,
      std=data.std,
      objective=objective,
      ranges=augment.Ranges(**config.augment.to_dict()),
    ),
    config.dataset.image_px,
    config.train.seed,
    mesh,
  )
  frozen = networks.frozen_weights(config.model.to_dict())
  if frozen:
    frozen = jax.tree.map(
      lambda leaf: sharding.put(leaf, sharding.replicated(mesh)), frozen
    )
    state = state.replace(frozen=frozen)
  return model, state, schedule


def with_weights_of_run(
  state: train_step.TrainState, workdir: str, mesh: jax.sharding.Mesh
) -> train_step.TrainState:
  """Returns the state with the weights of another run, except the head's.

  Args:
    state: before the first step.
    workdir: the configuration's init_from; "" for none.
    mesh: devices that hold the state.

  Raises:
    UserError: there is no sound checkpoint, or it is of another network.
  """
  if not workdir:
    return state
  source = pathlib.Path(workdir).expanduser()
  variables = restore.restore(source, mesh).variables
  flatten = functools.partial(flax.traverse_util.flatten_dict, sep="/")
  new, old = flatten(variables), flatten(state.variables)
  for path in sorted(new.keys() | old.keys()):
    if path.startswith("params/head/"):
      new[path] = old[path]
      continue
    shapes = [str(v[path].shape) if path in v else "none" for v in (new, old)]
    if shapes[0] != shapes[1]:
      raise errors.UserError(
        f"--config.init_from={workdir}: {path.partition('/')[2]} is"
        f" {shapes[0]} there and {shapes[1]} in this network: the model group"
        " and dataset.image_px must be those it was trained with"
      )
  return state.replace(**flax.traverse_util.unflatten_dict(new, sep="/"))


def with_pretrained(
  state: train_step.TrainState, file: str, mesh: jax.sharding.Mesh
) -> train_step.TrainState:
  """Returns the state with the weights that a file has for its network.

  Args:
    state: before the first step.
    file: the configuration's model.pretrained; "" for none.
    mesh: devices that hold the state.

  Raises:
    UserError: the file cannot be read, or is not of this network.
  """
  if not file:
    return state
  loaded = convert.load(
    pathlib.Path(file).expanduser(),
    jax.tree.map(sharding.fetch, state.params),
    jax.tree.map(sharding.fetch, state.batch_stats),
  )
  params, batch_stats = jax.tree.map(
    lambda leaf: sharding.put(leaf, sharding.replicated(mesh)), loaded
  )
  return state.replace(params=params, batch_stats=batch_stats)
