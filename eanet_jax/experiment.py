"""The main job: build the data, train, evaluate the best, write the results.

Takes a configuration and a workdir, gives an exit code. Each part is a stage
of the package; this module joins them and keeps the workdir.
"""

import dataclasses
import json
import pathlib
import time
from typing import Any

import jax
import numpy as np
import tqdm
from clu import parameter_overview

from eanet_jax import (
  augment,
  checkpoints,
  console,
  errors,
  evaluate,
  metrics,
  optimizer,
  results,
  settings,
  sharding,
  train,
)
from eanet_jax.data import batching, input_pipeline, sources, splits
from eanet_jax.models import eanet

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


@dataclasses.dataclass(frozen=True)
class Data:
  """A data set as one run sees it: its views, split and grey levels."""

  views: input_pipeline.Views
  split: splits.Split
  mean: float
  std: float

  @property
  def view_labels(self) -> np.ndarray:
    """int32 (v,): the label of each view."""
    return self.views.labels[self.views.micrograph]


def run(config: Any, workdir: str | pathlib.Path) -> int:
  """Runs or resumes the job of a workdir; returns the exit code.

  Args:
    config: merged ConfigDict, see configs/default.py.
    workdir: everything the run writes goes here.

  Raises:
    UserError: anything the user can put right.
  """
  workdir = pathlib.Path(workdir).expanduser()
  settings.validate(config)
  _check_same_run(config, workdir)
  finished = workdir / results.FILE
  if finished.exists():
    _say(f"{workdir} is finished; another --workdir starts a new run")
    _say(results.show(json.loads(finished.read_text()), workdir))
    return 0
  devices = jax.device_count()
  if config.train.batch_size % devices:
    raise errors.UserError(
      f"--config.train.batch_size={config.train.batch_size} does not split over"
      f" {devices} devices: take a multiple of {devices}"
    )
  data = load_data(config)
  _describe(data)
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    with checkpoints.Checkpoints(workdir) as saved:
      return _Run(config, workdir, data, saved).go()
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --workdir={workdir}: {error.strerror or error}"
    ) from None


def load_data(config: Any) -> Data:
  """Returns the data set of a configuration, built if need be, and split."""
  dataset, split = config.dataset, config.split
  source = sources.find(
    dataset.source,
    dataset.path,
    seed=dataset.seed,
    images_per_specimen=dataset.images_per_specimen,
  )
  with sharding.first_process_first():
    views = input_pipeline.load(
      source,
      dataset.data_dir,
      view=dataset.view,
      image_px=dataset.image_px,
      tile_px=dataset.tile_px,
      seed=dataset.seed,
    )
  parts = splits.split(
    [views.class_names[label] for label in views.labels],
    views.specimens,
    by=split.by,
    test_specimens=split.test_specimens,
    validation_fraction=split.validation_fraction,
    test_fraction=split.test_fraction,
    seed=split.seed,
  )
  mean, std = input_pipeline.pixel_statistics(
    views.images, views.of(parts.train)
  )
  return Data(views, parts, mean, std)


def _check_same_run(config, workdir) -> None:
  """Raises UserError if the workdir holds a run of another configuration."""
  path = workdir / "config.json"
  started = (workdir / checkpoints.FOLDER).is_dir()
  if not (path.exists() and started):
    return
  changed = settings.differences(
    json.loads(path.read_text()), settings.as_json(config)
  )
  if changed:
    raise errors.UserError(
      f"{workdir} holds a run of another configuration ({'; '.join(changed)}):"
      " choose another --workdir, or the same fields to resume"
    )


def _describe(data: Data) -> None:
  views, split = data.views, data.split
  _say(
    f"{len(views.labels)} micrographs of {len(set(views.specimens))} specimens:"
    f" {len(split.train)} to train on, {len(split.validation)} to validate,"
    f" {len(split.test)} to test; classes {', '.join(views.class_names)}"
  )
  for file, reason in views.skipped:
    _say(f"left out: {file}: {reason}")
  for line in views.unmatched:
    _say(f"left out: {line}")
  for warning in split.warnings:
    _say(f"note: {warning}")


def _say(text: str) -> None:
  if jax.process_index() == 0:
    tqdm.tqdm.write(text)


class _Run:
  """One run: what its epochs share."""

  def __init__(self, config, workdir, data, saved):
    self.config, self.workdir, self.data, self.saved = (
      config,
      workdir,
      data,
      saved,
    )
    self.started = time.monotonic()
    self.history: list[dict[str, float]] = []
    self.seconds_before = 0.0  # of earlier, interrupted processes
    self.trained_images, self.training_seconds = 0, 0.0
    views, split = data.views, data.split
    self.mesh = sharding.data_mesh()
    self.train_views = views.of(split.train)
    self.steps_per_epoch = -(-len(self.train_views) // config.train.batch_size)
    self.total_steps = config.train.epochs * self.steps_per_epoch
    model = eanet.EANet(
      num_classes=len(views.class_names), **config.model.to_dict()
    )
    self.forward = evaluate.Forward(
      model, data.mean, data.std, config.evaluation.batch_size, self.mesh
    )
    self.schedule = optimizer.learning_rates(
      config.optimizer.learning_rate,
      config.optimizer.schedule,
      round(config.optimizer.warmup_epochs * self.steps_per_epoch),
      self.total_steps,
    )
    self.state = train.create_state(
      model,
      optimizer.adamw(
        self.schedule,
        config.optimizer.weight_decay,
        config.optimizer.clip_norm,
      ),
      self._recipe(),
      config.dataset.image_px,
      config.train.seed,
      self.mesh,
    )
    self.parameters = int(
      parameter_overview.count_parameters(self.state.params)
    )

  def _recipe(self) -> train.Recipe:
    weights = ()
    if self.config.loss.class_weights == "balanced":
      counts = np.bincount(self.data.view_labels[self.train_views])
      weights = tuple((counts.sum() / (len(counts) * counts)).tolist())
    return train.Recipe(
      mean=self.data.mean,
      std=self.data.std,
      gamma=self.config.loss.gamma,
      class_weights=weights,
      ranges=augment.Ranges(**self.config.augment.to_dict()),
    )

  def go(self) -> int:
    """Trains what is left to train, evaluates; returns the exit code."""
    step = self._resume()
    if jax.process_index() == 0:
      results.write_json(
        self.workdir / "config.json", settings.as_json(self.config)
      )
      overview = parameter_overview.get_parameter_overview(self.state.params)
      results.write_text(self.workdir / "parameters.txt", overview + "\n")
    device = jax.devices()[0]
    _say(
      f"EANet of {self.parameters:,} parameters on {self.mesh.size} x"
      f" {device.device_kind}"
    )
    stopped_by = self._train(step)
    if stopped_by:
      _say("stopped; the same command resumes where it stopped")
      return 128 + stopped_by
    self.saved.wait()
    result = self._evaluate()
    if jax.process_index() == 0:
      results.write_json(self.workdir / results.FILE, result)
    _say(results.show(result, self.workdir))
    return 0

  def _resume(self) -> int:
    """Restores the newest checkpoint, if any; returns the steps done."""
    state = self.state
    restored = self.saved.restore_newest(state.params, state.progress)
    if restored is None:
      return 0
    step, params, progress, meta = restored
    if meta["data_digest"] != self.data.views.digest:
      raise errors.UserError(
        f"the micrographs at {self.config.dataset.path} have changed since the"
        f" run in {self.workdir} began: choose another --workdir"
      )
    self.state = state.replace(params=params, **progress)
    self.history = meta["history"]
    self.seconds_before = meta["wall_time_s"]
    if step < self.total_steps:
      _say(
        f"resuming after step {step} of {self.total_steps}"
        f" (epoch {step // self.steps_per_epoch + 1})"
      )
    return step

  def _train(self, step: int) -> int:
    """Trains from `step` to the end; returns the signal that stopped it or 0."""
    if self.config.train.epochs == 0:
      self._save(0, score=None)
      return 0
    if step == self.total_steps:
      return 0
    config, size = self.config, self.config.train.batch_size
    batches = batching.Batches(
      self.data.views.images,
      self.data.view_labels,
      indices=self.train_views,
      batch_size=size,
      seed=config.train.seed,
      mesh=self.mesh,
      resident_bytes=config.dataset.resident_mb * 2**20,
    )
    train_steps = train.make_train_steps(self.mesh)
    key = jax.random.key(config.train.seed)
    writer = None
    bar = console.progress(
      total=self.total_steps * size,
      initial=step * size,
      unit="img",
      desc=f"epoch {step // self.steps_per_epoch + 1}/{config.train.epochs}",
      disable=jax.process_index() > 0,
    )
    with bar, train.stop_signals() as stop_signal:
      while step < self.total_steps:
        epoch = step // self.steps_per_epoch + 1
        bar.set_description(f"epoch {epoch}/{config.train.epochs}")
        if step % self.steps_per_epoch == 0:
          self.state = self.state.replace(
            metrics=jax.device_put(
              train.EpochMetrics.empty(), sharding.replicated(self.mesh)
            )
          )
        first, begun = step, time.monotonic()
        self.state, step = train.run_steps(
          self.state,
          train_steps,
          batches,
          key,
          first_step=step,
          last_step=epoch * self.steps_per_epoch,
          per_dispatch=train.steps_per_dispatch(
            config.train.steps_per_dispatch, self.steps_per_epoch
          ),
          stop=lambda done: self._must_stop(done, stop_signal),
          on_steps=lambda steps: bar.update(steps * size),
        )
        if step < epoch * self.steps_per_epoch:
          self._check_finite(step)
          self._save(step, score=None)
          return stop_signal() or 15
        if epoch > 1 or config.train.epochs == 1:  # the first compiles
          self.trained_images += (step - first) * size
          self.training_seconds += time.monotonic() - begun
        row = self._finish_epoch(epoch, step)
        bar.set_postfix_str(
          f"loss {row['train_loss']:.3f}, validation F1"
          f" {row['validation_macro_f1']:.3f}"
        )
        writer = writer or _tensorboard(self.workdir)
        writer.write_scalars(step, {k: row[k] for k in _HISTORY[2:]})
        self._save(step, score=row["validation_macro_f1"])
        if stop_signal():
          return stop_signal()
    writer.flush()
    return 0

  def _must_stop(self, step: int, stop_signal) -> bool:
    if jax.process_count() > 1:  # all processes must stop after the same step
      return self.saved.reached_preemption(step)
    return bool(stop_signal())

  def _check_finite(self, step: int) -> None:
    """Raises UserError if a loss was not finite since training began."""
    bad_step = int(sharding.fetch(self.state.bad_step))
    if bad_step < 0:
      return
    self.saved.wait()
    kept = [s for s in self.saved.steps() if s <= bad_step]
    last_good = (
      f"the last good checkpoint is of step {kept[-1]}"
      if kept
      else "no checkpoint had been saved yet"
    )
    raise errors.UserError(
      f"the loss or its gradient was not finite at step {bad_step} (noticed at"
      f" {step}); {last_good}. Try a lower --config.optimizer.learning_rate,"
      " --config.optimizer.clip_norm=1, or --config.model.dtype=float32, in"
      " another --workdir"
    )

  def _finish_epoch(self, epoch: int, step: int) -> dict[str, float]:
    """Validates; returns the epoch's row of the history, which it joins."""
    self._check_finite(step)
    views, split = self.data.views, self.data.split
    trained = jax.tree.map(sharding.fetch, self.state.metrics).compute()
    chosen = views.of(split.validation)
    logits = self.forward(self.state.params, views.images, chosen)
    micrograph = views.micrograph[chosen]
    scored = evaluate.scores(
      logits, micrograph, views.labels, views.specimens, views.class_names
    )["micrograph"]
    row = {
      "epoch": epoch,
      "step": step,
      "learning_rate": float(self.schedule(step - 1)),
      "train_loss": float(trained["loss"]),
      "train_accuracy": float(trained["accuracy"]),
      "gradient_norm": float(trained["gradient_norm"]),
      "validation_loss": evaluate.cross_entropy(
        logits, views.labels[micrograph]
      ),
      "validation_accuracy": scored["accuracy"],
      "validation_macro_f1": scored["macro_f1"],
    }
    self.history.append(row)
    if jax.process_index() == 0:
      results.write_csv(self.workdir / "history.csv", _HISTORY, self.history)
    return row

  def _save(self, step: int, score: float | None) -> None:
    meta = {
      "config": settings.as_json(self.config),
      "class_names": list(self.data.views.class_names),
      "mean": self.data.mean,
      "std": self.data.std,
      "data_digest": self.data.views.digest,
      "history": self.history,
      "score": score,
      "wall_time_s": self._wall_time_s(),
      "versions": results.versions(),
    }
    self.saved.save(step, self.state.params, self.state.progress, meta, score)

  def _wall_time_s(self) -> float:
    return self.seconds_before + time.monotonic() - self.started

  def _evaluate(self) -> dict[str, Any]:
    """Returns what results.json holds, of the best checkpoint."""
    views, split = self.data.views, self.data.split
    step, meta = self.saved.best_meta()
    params = self.saved.restore_params(step, self.state.params, meta)
    scored = {}
    for name in ("validation", "test"):
      chosen = views.of(getattr(split, name))
      logits = self.forward(params, views.images, chosen)
      scored[name] = evaluate.scores(
        logits,
        views.micrograph[chosen],
        views.labels,
        views.specimens,
        views.class_names,
        resamples=self.config.evaluation.bootstrap_resamples,
      )
      if name == "test" and jax.process_index() == 0:
        self._write_predictions(logits, views.micrograph[chosen])
    train_counts = np.bincount(views.labels[split.train])
    majority = int(train_counts.argmax())
    return {
      **scored,
      "class_names": list(views.class_names),
      "majority_class": {
        "name": views.class_names[majority],
        "accuracy": float((views.labels[split.test] == majority).mean()),
      },
      "parameters": self.parameters,
      "epochs": self.config.train.epochs,
      "best_epoch": step // self.steps_per_epoch,
      "wall_time_s": self._wall_time_s(),
      "images_per_s": (
        self.trained_images / self.training_seconds
        if self.training_seconds
        else None
      ),
      "split": {
        "by": split.by,
        "train": len(split.train),
        "validation": len(split.validation),
        "test": len(split.test),
        "test_specimens": sorted({views.specimens[i] for i in split.test}),
        "warnings": list(split.warnings),
      },
      "skipped": [list(each) for each in views.skipped],
      "unmatched": list(views.unmatched),
      "device": f"{self.mesh.size} x {jax.devices()[0].device_kind}",
      "versions": results.versions(),
    }

  def _write_predictions(self, logits, micrograph) -> None:
    """Writes test_predictions.csv: one row for each test micrograph."""
    views = self.data.views
    members, group = np.unique(micrograph, return_inverse=True)
    p = metrics.mean_by_group(evaluate.probabilities(logits), group)
    results.write_csv(
      self.workdir / "test_predictions.csv",
      ["file", "specimen", "true", "predicted", *views.class_names],
      (
        {
          "file": views.files[m],
          "specimen": views.specimens[m],
          "true": views.class_names[views.labels[m]],
          "predicted": views.class_names[int(row.argmax())],
          **dict(zip(views.class_names, row.tolist(), strict=True)),
        }
        for m, row in zip(members, p, strict=True)
      ),
    )


def _tensorboard(workdir: pathlib.Path):
  """A clu writer of TensorBoard files; of nothing without TensorFlow."""
  from clu import metric_writers

  return metric_writers.create_default_writer(
    str(workdir / "tensorboard"),
    just_logging=jax.process_index() > 0,
    asynchronous=True,
  )
