"""The loop over epochs: train, validate, log, save, and resume.

Takes a configuration, a data set and a workdir, leaves checkpoints and
history.csv in the workdir. Device work is in `train_step`; this module decides
when.
"""

import functools
import pathlib
import signal
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from clu import parameter_overview

from eanet_jax import errors
from eanet_jax.configuration import config_tree
from eanet_jax.data import batching, dataset
from eanet_jax.evaluation import answers, scoring
from eanet_jax.inference import forward_pass
from eanet_jax.runtime import (
  atomic_files,
  console,
  progress,
  sharding,
  versions,
)
from eanet_jax.training import (
  dispatching,
  initial_state,
  metric_writers,
  objective_discriminant,
  objectives,
  resuming,
  run_history,
  saving,
  timing,
  tracing,
  train_step,
)
from eanet_jax.workdir import checkpoints, config_json, history_csv, run_meta


class Training:
  """One run's training, from its newest checkpoint on.

  Attributes:
    state: the network's, see `train_step.TrainState`.
    step: training steps done.
    total_steps: steps of the whole training.
    steps_per_epoch: steps in a full pass over the training views.
    forward: the network without dropout.
    mesh: devices that hold the state and the network.
    parameters: their number.
    history: the epochs done.
    clock: how long the run has taken.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    data: dataset.Dataset,
    objective: objectives.Objective,
    saved: checkpoints.Checkpoints,
    writers: metric_writers.Writers,
  ):
    """Initialises or restores the state.

    Raises:
      UserError: the micrographs are not those that the run began with, or no
        checkpoint or weights can be read.
    """
    self._config, self._workdir = config, workdir
    self._data, self._objective = data, objective
    self._saved, self._saving = saved, saving.Saving(saved)
    self._train_views = data.views.of(data.split.train)
    self.mesh = sharding.data_mesh()
    self.steps_per_epoch = batching.steps_per_epoch(
      len(self._train_views), config.train.batch_size
    )
    self.total_steps = config.train.epochs * self.steps_per_epoch
    model, state, self._schedule = initial_state.create(
      config, data, objective, self.steps_per_epoch, self.mesh
    )
    self.forward = forward_pass.ForwardPass(
      model, data.mean, data.std, config.evaluation.batch_size, self.mesh
    )
    self._train_steps = train_step.make_train_steps(self.mesh)
    self._key = jax.random.key(config.train.seed)
    self.parameters = int(parameter_overview.count_parameters(state.params))
    self.state, meta = resuming.resume(
      state, saved, config, workdir, data, self.mesh
    )
    self.step = meta.step if meta else 0
    self.history = run_history.History(
      workdir, writers, meta.history if meta else ()
    )
    self.clock = timing.Clock(meta.wall_time_s if meta else 0.0)
    if meta and meta.class_names != objective.class_names:
      now = ", ".join(objective.class_names)
      console.say(f"the classes have other names since the run began: {now}")
      self._saving.save(self.state, self._meta(meta.score))
    if meta and self.step < self.total_steps:
      console.say(f"resuming after step {self.step} of {self.total_steps}")

  def write_overview(self) -> None:
    """Writes config.json and parameters.txt."""
    config_json.write(self._workdir, self._config)
    overview = parameter_overview.get_parameter_overview(self.state.params)
    atomic_files.write_text(self._workdir / "parameters.txt", overview + "\n")

  def estimate(self) -> float:
    """Returns roughly how many seconds the rest of the training will take.

    Compiles what `run` uses, and times it on a copy of the state: the run
    itself does not change. All processes of a job call it together.
    """
    left = self.total_steps - self.step
    if left <= 0:
      return 0.0
    self._begin_epoch()
    batches = self._batches(self.step, self._per_dispatch)
    # A dispatch uses up the state it is given.
    copy = jax.jit(
      functools.partial(jax.tree.map, jnp.copy),
      out_shardings=sharding.replicated(self.mesh),
    )(self.state)

    def dispatch() -> None:
      nonlocal copy
      copy = self._train_steps(copy, batches, self._key)
      copy.step.block_until_ready()

    # The very program that a call runs: nothing compiles twice.
    self._train_steps.lower(copy, batches, self._key).compile()
    times = 1  # a dispatch is many steps
    if self._per_dispatch == 1:
      dispatch()  # the first gets its memory from the system
      times = 2
    per_step = timing.seconds(dispatch, times) / self._per_dispatch
    seconds = left * per_step
    if self._objective.validates:
      chosen = self._data.views.of(self._data.split.validation)
      size = self.forward.batch_size
      validate = functools.partial(
        self.forward,
        self.state.variables,
        self._data.views.images,
        chosen[:size],
      )
      epochs = -(-left // self.steps_per_epoch)
      passes = epochs * -(-len(chosen) // size)
      validate()  # compiles
      seconds += passes * timing.seconds(validate)
    return seconds

  def run(self, bar: progress.Progress, label: str = "") -> None:
    """Trains to the last epoch.

    Args:
      bar: counts the images; the caller sets its length, and what it says
        before the first of them ("compiling").
      label: stands before "epoch 3/50" on the bar.

    Raises:
      UserError: the loss was not finite.
      Stopped: a signal asked to stop; the steps done are saved.
    """
    if not self.total_steps and not self._saved.steps():
      if isinstance(self._objective, objective_discriminant.Discriminant):
        variables = self._objective.solve(
          self.state.variables, self._data, self.forward
        )
        self.state = self.state.replace(
          **jax.device_put(variables, sharding.replicated(self.mesh))
        )
      self._saving.save(self.state, self._meta(score=None))
    train = self._config.train
    with (
      console.stop_signals() as stop_signal,
      tracing.of_steps(
        train.trace_steps, self.step, self.total_steps, self._workdir
      ) as trace,
    ):
      while self.step < self.total_steps:
        epoch = self.step // self.steps_per_epoch + 1
        stage = f"{label}epoch {epoch}/{train.epochs}"
        first, begun = self.step, time.monotonic()
        self._run_epoch(stop_signal, bar, stage, trace)
        self._saving.check_finite(self.state)
        if self.step < epoch * self.steps_per_epoch:
          self._saving.stop(self.state, self._meta(score=None))
          break
        images = (self.step - first) * train.batch_size
        seconds = time.monotonic() - begun
        self.clock.add_epoch(images, seconds)
        row = self._row(epoch)
        self.history.add(row, images / seconds)
        bar.tell(_told(row))
        self._saving.end_epoch(
          self.state,
          self._meta(row.validation_macro_f1),
          best=self.history.is_best(row),
          last=self.step >= self.total_steps,
        )
    self._saved.wait()
    if self.step < self.total_steps:
      # Without a signal, it is the cluster that wants its machines back.
      raise errors.Stopped(stop_signal() or signal.SIGTERM)

  @functools.cached_property
  def _batches(self) -> batching.Batches:
    return batching.Batches(
      self._data.views.images,
      self._data.view_labels,
      indices=self._train_views,
      batch_size=self._config.train.batch_size,
      seed=self._config.train.seed,
      mesh=self.mesh,
      resident_bytes=self._config.dataset.resident_mb * 2**20,
    )

  @functools.cached_property
  def _per_dispatch(self) -> int:
    return dispatching.steps_per_dispatch(
      self._config.train.steps_per_dispatch,
      self.steps_per_epoch,
      self._batches.max_steps,
    )

  def _begin_epoch(self) -> None:
    """Clears the sums of the previous epoch, at the start of an epoch."""
    if self.step % self.steps_per_epoch == 0:
      empty = jax.device_put(
        train_step.EpochMetrics.empty(), sharding.replicated(self.mesh)
      )
      self.state = self.state.replace(metrics=empty)

  def _run_epoch(
    self,
    stop_signal: Callable[[], int],
    bar: progress.Progress,
    stage: str,
    trace: tracing.Trace | None,
  ) -> None:
    """Trains to the end of the epoch, or until a signal asks to stop."""
    self._begin_epoch()

    def stop(step: int) -> bool:
      if jax.process_count() > 1:  # all must stop after the same step
        return self._saved.reached_preemption(step)
      return bool(stop_signal())

    batch_size = self._config.train.batch_size
    self.state, self.step = dispatching.run_steps(
      self.state,
      self._train_steps,
      self._batches,
      self._key,
      first_step=self.step,
      last_step=(self.step // self.steps_per_epoch + 1) * self.steps_per_epoch,
      per_dispatch=self._per_dispatch,
      stop=stop,
      on_steps=lambda steps: bar.update(steps * batch_size, stage),
      trace=trace,
    )

  def _row(self, epoch: int) -> history_csv.Epoch:
    """What is known at the end of an epoch."""
    trained = jax.tree.map(sharding.fetch, self.state.metrics).compute()
    return history_csv.Epoch(
      epoch=epoch,
      step=self.step,
      learning_rate=float(self._schedule(self.step - 1)),
      train_loss=float(trained["loss"]),
      train_accuracy=float(trained["accuracy"]),
      gradient_norm=float(trained["gradient_norm"]),
      **(self._validate() if self._objective.validates else {}),
    )

  def _validate(self) -> dict[str, float]:
    """The validation columns of an epoch's row."""
    views = self._data.views
    chosen = views.of(self._data.split.validation)
    logits = self.forward(self.state.variables, views.images, chosen)
    answered = answers.Answers(views, chosen, logits)
    scores = scoring.score(answered)["micrograph"]
    # What training minimises, so that a plot can show both on one axis.
    labels = self._data.view_labels[chosen]
    each, _ = self._objective.loss(jnp.asarray(logits), jnp.asarray(labels))
    return {
      "validation_loss": float(np.asarray(each, np.float64).mean()),
      "validation_accuracy": scores["accuracy"],
      "validation_macro_f1": scores["macro_f1"],
    }

  def _meta(self, score: float | None) -> run_meta.RunMeta:
    return run_meta.RunMeta(
      step=self.step,
      config=config_tree.as_json(self._config),
      class_names=self._objective.class_names,
      outputs=self._objective.outputs,
      mean=self._data.mean,
      std=self._data.std,
      data_digest=self._data.digest,
      history=tuple(self.history.epochs),
      score=score,
      wall_time_s=self.clock.wall_time_s,
      versions=versions.installed(),
    )


def _told(row: history_csv.Epoch) -> str:
  """What the progress bar says of an epoch."""
  told = f"loss {row.train_loss:.3f}"
  if row.validation_macro_f1 is not None:
    told += f", validation F1 {row.validation_macro_f1:.3f}"
  return told
