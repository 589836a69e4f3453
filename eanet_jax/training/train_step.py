"""The training step: one update of a network on one batch, jitted.

Takes a state and batches, gives the state after them. A step is a pure function
of (state, batch, key); nothing is read back from the device.
"""

import dataclasses
import functools
from collections.abc import Callable

import clu.metrics
import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from eanet_jax.data import batching
from eanet_jax.models import inputs
from eanet_jax.runtime import compiler, pytrees, sharding
from eanet_jax.training import augment, objectives

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Recipe:
  """What a training step does besides the network: static, hashable.

  Attributes:
    mean, std: of the training split's grey levels, 0 to 255; None to
      standardise each image by its own.
    objective: what the network is trained for.
    ranges: limits of the augmentation.
  """

  mean: float | None
  std: float | None
  objective: objectives.Objective
  ranges: augment.Ranges = augment.Ranges()


@flax.struct.dataclass
class EpochMetrics(clu.metrics.Collection):
  """Sums over the examples of the running epoch."""

  # clu makes these types at run time.
  loss: clu.metrics.Average.from_output("loss")  # type: ignore[valid-type]
  accuracy: clu.metrics.Accuracy
  gradient_norm: clu.metrics.Average.from_output(  # type: ignore[valid-type]
    "gradient_norm"
  )


class TrainState(flax.struct.PyTreeNode):
  """All that changes from step to step, and how to change it.

  Attributes:
    step: int32 (), steps done.
    params: parameters of the network, float32.
    batch_stats: running statistics of batch norm, {} if the network has none.
    frozen: weights that are not trained, {} if the network has none.
    opt_state: the state of `optimizer`.
    metrics: of the running epoch.
    bad_step: int32 (), the first step whose loss or gradient was not finite,
      or -1.
    apply: the network, static.
    optimizer: static.
    recipe: static.
  """

  step: Array
  params: pytrees.PyTree
  batch_stats: pytrees.PyTree
  frozen: pytrees.PyTree
  opt_state: optax.OptState
  metrics: EpochMetrics
  bad_step: Array
  apply: Callable[..., pytrees.PyTree] = flax.struct.field(pytree_node=False)
  optimizer: optax.GradientTransformation = flax.struct.field(pytree_node=False)
  recipe: Recipe = flax.struct.field(pytree_node=False)

  @property
  def variables(self) -> pytrees.Variables:
    """What inference needs, as a Flax module's `apply` takes it."""
    variables = {
      "params": self.params,
      "batch_stats": self.batch_stats,
      "frozen": self.frozen,
    }
    return {name: values for name, values in variables.items() if values}

  @property
  def progress(self) -> dict[str, pytrees.PyTree]:
    """What a resumed run needs besides the parameters."""
    return {
      "opt_state": self.opt_state,
      "metrics": self.metrics,
      "bad_step": self.bad_step,
      "step": self.step,
    }


def create_state(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  recipe: Recipe,
  image_px: int,
  seed: int,
  mesh: jax.sharding.Mesh,
) -> TrainState:
  """Returns the state before the first step, on every device of the mesh.

  Args:
    model: takes (b, y, x, 1) images, gives (b, l) logits.
    optimizer: updates its parameters.
    recipe: what else a training step does.
    image_px: side of the images.
    seed: of the initial parameters.
    mesh: devices that hold the state.
  """

  def init(key: Array) -> TrainState:
    images = jnp.zeros((1, image_px, image_px, 1))
    variables = model.init(key, images, deterministic=True)
    params = variables["params"]
    return TrainState(
      step=jnp.zeros((), jnp.int32),
      params=params,
      batch_stats=variables.get("batch_stats", {}),
      frozen=variables.get("frozen", {}),
      opt_state=optimizer.init(params),
      metrics=EpochMetrics.empty(),
      bad_step=jnp.full((), -1, jnp.int32),
      apply=model.apply,
      optimizer=optimizer,
      recipe=recipe,
    )

  # It runs once, in milliseconds; compiling it well would take seconds.
  quickly = {"xla_backend_optimization_level": 0}
  compiled = jax.jit(
    init,
    out_shardings=sharding.replicated(mesh),
    compiler_options=quickly if jax.default_backend() == "cpu" else None,
  )
  return compiled(jax.random.key(seed))


def train_step(
  state: TrainState, batch: batching.Batch, key: Array
) -> TrainState:
  """Returns the state after one update on `batch`.

  Args:
    state: before the update.
    batch: uint8 images and their labels.
    key: of the run; folded with the step, so that a resumed run draws what an
      uninterrupted one would.
  """
  recipe = state.recipe
  key = jax.random.fold_in(key, state.step)
  move_key, expose_key, dropout_key, degrade_key = jax.random.split(key, 4)
  batch = recipe.objective.prepare(batch, jax.random.fold_in(move_key, 0))
  labels = batch["label"]
  images = augment.move(batch["image"], move_key, recipe.ranges)
  images = augment.degrade(images, degrade_key, recipe.ranges)
  images = inputs.standardise(images, recipe.mean, recipe.std)
  images = compiler.fence(augment.expose(images, expose_key, recipe.ranges))

  def mean_loss(
    params: pytrees.PyTree,
  ) -> tuple[Array, tuple[Array, Array, pytrees.PyTree]]:
    outputs, changed = state.apply(
      {**state.variables, "params": params},
      images,
      deterministic=False,
      rngs={"dropout": dropout_key},
      mutable=["batch_stats"],
    )
    loss, logits = recipe.objective.loss(outputs, labels)
    return loss.mean(), (loss, logits, changed.get("batch_stats", {}))

  (mean, (loss, logits, batch_stats)), gradient = jax.value_and_grad(
    mean_loss, has_aux=True
  )(state.params)
  gradient_norm = optax.tree.norm(gradient)
  updates, opt_state = state.optimizer.update(
    gradient, state.opt_state, state.params
  )
  metrics = EpochMetrics.single_from_model_output(
    loss=loss,
    logits=logits,
    labels=labels,
    gradient_norm=jnp.broadcast_to(gradient_norm, loss.shape),
  )
  finite = jnp.isfinite(mean) & jnp.isfinite(gradient_norm)
  first_bad = (state.bad_step < 0) & ~finite
  return state.replace(
    step=state.step + 1,
    params=optax.apply_updates(state.params, updates),
    batch_stats=batch_stats,
    opt_state=opt_state,
    metrics=state.metrics.merge(metrics),
    bad_step=jnp.where(first_bad, state.step, state.bad_step),
  )


TrainSteps = jax.stages.Wrapped  # (state, batches, key) -> state


def make_train_steps(mesh: jax.sharding.Mesh) -> TrainSteps:
  """Returns (state, batches, key) -> state, jitted: many steps, one dispatch.

  The state is donated. `batches` is a Batch whose arrays have a leading axis
  of k steps; or (examples, indices): a Batch of all examples, on every device,
  and int32 (k, b), which of them each step takes.
  """
  whole = sharding.replicated(mesh)
  over_batch = sharding.split_axis(mesh, 0)

  @functools.partial(jax.jit, donate_argnums=0, out_shardings=whole)
  @compiler.full_precision
  def train_steps(
    state: TrainState, batches: batching.ManyBatches, key: Array
  ) -> TrainState:
    examples: pytrees.PyTree = None
    scanned: batching.Batch | Array
    if isinstance(batches, tuple):
      examples, scanned = batches
    else:
      scanned = batches

    def body(
      state: TrainState, batch: pytrees.PyTree
    ) -> tuple[TrainState, None]:
      if examples is not None:
        batch = {name: array[batch] for name, array in examples.items()}
      batch = jax.lax.with_sharding_constraint(batch, over_batch)
      return train_step(state, batch, key), None

    if len(jax.tree.leaves(scanned)[0]) == 1:
      # No loop for a single step, as on a CPU: inside a loop, XLA runs a
      # convolution on one core, at a tenth of its speed.
      return body(state, jax.tree.map(lambda array: array[0], scanned))[0]
    return jax.lax.scan(body, state, scanned)[0]

  return train_steps
