"""The loop over epochs: train, validate, log, save; and picking it up again.

Takes a configuration, a data set and a workdir, leaves checkpoints and
history.csv in the workdir. Device work is in `train`; this module decides when.
"""

import math
import pathlib
import signal
import time
from typing import Any

import jax
import jax.numpy as jnp
from clu import parameter_overview

from eanet_jax import (
  checkpoints,
  console,
  errors,
  evaluate,
  initial_state,
  results,
  settings,
  sharding,
  tensorboard,
  train,
)
from eanet_jax.data import batching, dataset

_HISTORY = (
  "epoch",
  "step",
  "learning_rate",
  "train_loss",
  "train_accuracy",
  "gradient_norm",
  "validation_loss",
  "validation_accuracy",
  "validation_macro_f1",
)

_SAVE_EVERY_S = 10.0


class Fit:
  """One run's training, from its newest checkpoint on.

  Attributes:
    state: of the network, see `train.TrainState`.
    forward: the network without dropout.
    mesh: what both live on.
    parameters: how many.
    steps_per_epoch: of a full pass over the training views.
    images_per_s: of training, after the first epoch; None before.
  """

  def __init__(
    self,
    config: Any,
    workdir: pathlib.Path,
    data: dataset.Dataset,
    saved: checkpoints.Checkpoints,
  ):
    """Initialises or restores the state; `data` must be what it was.

    Raises:
      UserError: the micrographs are not those that the run began with.
    """
    self._config, self._workdir = config, workdir
    self._data, self._saved = data, saved
    self.mesh = sharding.data_mesh()
    self._train_views = data.views.of(data.split.train)
    size = config.train.batch_size
    self.steps_per_epoch = -(-len(self._train_views) // size)
    self._total_steps = config.train.epochs * self.steps_per_epoch
    model, self.state, self._schedule = initial_state.create(
      config, data, self.steps_per_epoch, self.mesh
    )
    self.forward = evaluate.Forward(
      model, data.mean, data.std, config.evaluation.batch_size, self.mesh
    )
    self.parameters = int(
      parameter_overview.count_parameters(self.state.params)
    )
    self.images_per_s: float | None = None
    self._started, self._seconds_before = time.monotonic(), 0.0
    self._saved_at = -math.inf  # so that the first epoch is saved
    self._held: tuple | None = None  # what `_save_held` saves
    self._history: list[dict[str, float]] = []
    self._step = 0
    self._resume()

  def _resume(self) -> None:
    """Restores the newest checkpoint, if there is one."""
    restored = self._saved.restore_newest(
      self.state.variables, self.state.progress
    )
    if restored is None:
      self.state = initial_state.with_pretrained(
        self.state, self._config.model.pretrained, self.mesh
      )
      self.state = initial_state.with_weights_of_run(
        self.state, self._config.init_from, self.mesh
      )
      return
    self._step, variables, progress, meta = restored
    if meta["data_digest"] != self._data.views.digest:
      raise errors.UserError(
        f"the micrographs at {self._config.dataset.path} have changed since the"
        f" run in {self._workdir} began: choose another --workdir"
      )
    self.state = self.state.replace(**variables, **progress)
    self._history = meta["history"]
    self._seconds_before = meta["wall_time_s"]
    if self._step < self._total_steps:
      console.say(f"resuming after step {self._step} of {self._total_steps}")

  @property
  def images(self) -> int:
    """Images of the whole training, epoch by epoch."""
    return self._total_steps * self._config.train.batch_size

  @property
  def images_done(self) -> int:
    """Of those, before `run`: more than 0 in a resumed run."""
    return self._step * self._config.train.batch_size

  @property
  def wall_time_s(self) -> float:
    """Seconds since the run began, those between interruptions left out."""
    return self._seconds_before + time.monotonic() - self._started

  def write_overview(self) -> None:
    """Writes config.json and parameters.txt."""
    results.write_json(
      self._workdir / "config.json", settings.as_json(self._config)
    )
    overview = parameter_overview.get_parameter_overview(self.state.params)
    results.write_text(self._workdir / "parameters.txt", overview + "\n")

  def run(self, bar: Any, label: str = "") -> None:
    """Trains to the last epoch.

    Args:
      bar: tqdm bar that is told of every image; its length is the caller's.
      label: put before "epoch 3/50" on it.

    Raises:
      UserError: the loss was not finite.
      Stopped: a signal asked for it; what was done is saved.
    """
    epochs, size = self._config.train.epochs, self._config.train.batch_size
    if not self._total_steps and not self._saved.steps():
      self._save(score=None)
    if self._step >= self._total_steps:
      return
    batches = batching.Batches(
      self._data.views.images,
      self._data.view_labels,
      indices=self._train_views,
      batch_size=size,
      seed=self._config.train.seed,
      mesh=self.mesh,
      resident_bytes=self._config.dataset.resident_mb * 2**20,
    )
    train_steps = train.make_train_steps(self.mesh)
    scalars = tensorboard.TensorBoard(self._workdir / "tensorboard")
    trained_images, seconds = 0, 0.0
    with console.stop_signals() as stop_signal:
      while self._step < self._total_steps:
        epoch = self._step // self.steps_per_epoch + 1
        bar.set_description_str(f"{label}epoch {epoch}/{epochs}", refresh=False)
        first, begun = self._step, time.monotonic()
        self._run_epoch(train_steps, batches, stop_signal, bar)
        if self._step < epoch * self.steps_per_epoch:
          self._check_finite()
          self._save_held()
          if self._step not in (0, *self._saved.steps()):
            self._save(score=None)
          break
        if epoch > 1 or epochs == 1:  # the first compiles
          trained_images += (self._step - first) * size
          seconds += time.monotonic() - begun
          self.images_per_s = trained_images / seconds
        row = self._finish_epoch(epoch)
        score = row.get("validation_macro_f1")
        told = f"loss {row['train_loss']:.3f}"
        if score is not None:
          told += f", validation F1 {score:.3f}"
        bar.set_postfix_str(told, refresh=False)  # in a log, not each epoch
        if jax.process_index() == 0:
          scalars.write(self._step, {k: row[k] for k in [*row][2:]})
        self._keep(score)
    self._saved.wait()
    if self._step < self._total_steps:
      # Without one of its own, the cluster wants to go on on another host.
      raise errors.Stopped(stop_signal() or signal.SIGTERM)

  def _run_epoch(self, train_steps, batches, stop_signal, bar) -> None:
    """Trains to the end of the epoch, or to where a signal says stop."""
    if self._step % self.steps_per_epoch == 0:
      empty = jax.device_put(
        train.EpochMetrics.empty(), sharding.replicated(self.mesh)
      )
      self.state = self.state.replace(metrics=empty)

    def stop(step: int) -> bool:
      if jax.process_count() > 1:  # all must stop after the same step
        return self._saved.reached_preemption(step)
      return bool(stop_signal())

    epoch = self._step // self.steps_per_epoch + 1
    config = self._config.train
    self.state, self._step = train.run_steps(
      self.state,
      train_steps,
      batches,
      jax.random.key(config.seed),
      first_step=self._step,
      last_step=epoch * self.steps_per_epoch,
      per_dispatch=train.steps_per_dispatch(
        config.steps_per_dispatch, self.steps_per_epoch, batches.max_steps
      ),
      stop=stop,
      on_steps=lambda steps: bar.update(steps * config.batch_size),
    )

  def _check_finite(self) -> None:
    """Raises UserError if a loss was not finite since training began."""
    bad_step = int(sharding.fetch(self.state.bad_step))
    if bad_step < 0:
      return
    self._save_held()
    self._saved.wait()
    kept = [step for step in self._saved.steps() if step <= bad_step]
    last_good = (
      f"the last good checkpoint is of step {kept[-1]}"
      if kept
      else "no checkpoint had been saved yet"
    )
    raise errors.UserError(
      f"the loss or its gradient was not finite at step {bad_step};"
      f" {last_good}. Try a lower --config.optimizer.learning_rate,"
      " --config.optimizer.clip_norm=1, or --config.model.dtype=float32, in"
      " another --workdir"
    )

  def _finish_epoch(self, epoch: int) -> dict[str, float]:
    """Validates; returns the epoch's row of the history, which it joins."""
    self._check_finite()
    trained = jax.tree.map(sharding.fetch, self.state.metrics).compute()
    row = {
      "epoch": epoch,
      "step": self._step,
      "learning_rate": float(self._schedule(self._step - 1)),
      "train_loss": float(trained["loss"]),
      "train_accuracy": float(trained["accuracy"]),
      "gradient_norm": float(trained["gradient_norm"]),
    }
    if self._config.loss.objective == "classes":
      row |= self._validate()
    self._history.append(row)
    if jax.process_index() == 0:
      results.write_csv(self._workdir / "history.csv", _HISTORY, self._history)
    return row

  def _validate(self) -> dict[str, float]:
    """Returns the validation's part of an epoch's row."""
    views = self._data.views
    chosen = views.of(self._data.split.validation)
    logits = self.forward(self.state.variables, views.images, chosen)
    scores = evaluate.scores(logits, views, chosen)["micrograph"]
    return {
      "validation_loss": evaluate.cross_entropy(
        logits, self._data.view_labels[chosen]
      ),
      "validation_accuracy": scores["accuracy"],
      "validation_macro_f1": scores["macro_f1"],
    }

  def _keep(self, score: float | None) -> None:
    """Saves the epoch, or within ten seconds of the last save holds the best.

    A save costs a CPU 0.1 s, of short epochs a tenth and more. Clocks of
    several processes differ, and all must save together: they do so after each
    epoch.
    """
    best = score is not None and score >= max(
      row["validation_macro_f1"] for row in self._history
    )
    if best:
      self._held = None
    if (
      jax.process_count() > 1
      or self._step >= self._total_steps
      or time.monotonic() - self._saved_at > _SAVE_EVERY_S
    ):
      self._save(score)
    elif best:
      arrays = self.state.variables, self.state.progress
      # Copies: the next step is given the memory of these.
      variables, progress = jax.tree.map(jnp.copy, arrays)
      self._held = self._step, variables, progress, self._meta(score), score

  def _save_held(self) -> None:
    """Saves the best epoch where that is yet to be done."""
    if self._held is not None:
      self._saved.save(*self._held)
      self._held = None

  def _save(self, score: float | None) -> None:
    self._save_held()
    self._saved_at = time.monotonic()
    self._saved.save(
      self._step,
      self.state.variables,
      self.state.progress,
      self._meta(score),
      score,
    )

  def _meta(self, score: float | None) -> dict[str, Any]:
    views = self._data.views
    return {
      "config": settings.as_json(self._config),
      "class_names": list(views.class_names),
      "mean": self._data.mean,
      "std": self._data.std,
      "data_digest": views.digest,
      "history": list(self._history),
      "score": score,
      "wall_time_s": self.wall_time_s,
      "versions": results.versions(),
    }
