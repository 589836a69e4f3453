"""The main job: build the data, train, evaluate the best, write the results.

Takes a configuration and a workdir, gives an exit code. Each part is a stage
of the package; this module joins them.
"""

import json
import pathlib
from typing import Any

import jax
import numpy as np

from eanet_jax import (
  checkpoints,
  console,
  errors,
  evaluate,
  fit,
  metrics,
  results,
  settings,
)
from eanet_jax.data import dataset


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
    console.say(f"{workdir} is finished; another --workdir starts a new run")
    console.say(results.show(json.loads(finished.read_text()), workdir))
    return 0
  devices = jax.device_count()
  if config.train.batch_size % devices:
    raise errors.UserError(
      f"--config.train.batch_size={config.train.batch_size} does not split over"
      f" {devices} devices: take a multiple of {devices}"
    )
  data = dataset.load(config)
  for line in data.describe():
    console.say(line)
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    with checkpoints.Checkpoints(workdir) as saved:
      return _fit_and_evaluate(config, workdir, data, saved)
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --workdir={workdir}: {error}"
    ) from None


def _check_same_run(config: Any, workdir: pathlib.Path) -> None:
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


def _fit_and_evaluate(config, workdir, data, saved) -> int:
  training = fit.Fit(config, workdir, data, saved)
  if jax.process_index() == 0:
    training.write_overview()
  stopped_by = training.run()
  if stopped_by:
    console.say("stopped; the same command resumes where it stopped")
    return 128 + stopped_by
  result = _evaluate(config, workdir, data, saved, training)
  if jax.process_index() == 0:
    results.write_json(workdir / results.FILE, result)
  console.say(results.show(result, workdir))
  return 0


def _evaluate(config, workdir, data, saved, training) -> dict[str, Any]:
  """Scores the best checkpoint; returns what results.json holds."""
  views, split = data.views, data.split
  step, params, _ = saved.restore_best(lambda _: training.state.params)
  scores = {}
  for name in ("validation", "test"):
    chosen = views.of(getattr(split, name))
    logits = training.forward(params, views.images, chosen)
    scores[name] = evaluate.scores(
      logits,
      views,
      chosen,
      resamples=config.evaluation.bootstrap_resamples,
    )
  if jax.process_index() == 0:
    _write_predictions(workdir, views, chosen, logits)  # of the test split
  majority = int(np.bincount(views.labels[split.train]).argmax())
  return {
    **scores,
    "class_names": list(views.class_names),
    "majority_class": {
      "name": views.class_names[majority],
      "accuracy": float((views.labels[split.test] == majority).mean()),
    },
    "parameters": training.parameters,
    "epochs": config.train.epochs,
    "best_epoch": int(step) // training.steps_per_epoch,
    "wall_time_s": training.wall_time_s,
    "images_per_s": training.images_per_s,
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
    "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
    "versions": results.versions(),
  }


def _write_predictions(workdir, views, chosen, logits) -> None:
  """Writes test_predictions.csv: one row for each test micrograph."""
  members, group = np.unique(views.micrograph[chosen], return_inverse=True)
  p = metrics.mean_by_group(evaluate.probabilities(logits), group)
  results.write_csv(
    workdir / "test_predictions.csv",
    [
      "file",
      "specimen",
      "true",
      "predicted",
      *results.columns(views.class_names),
    ],
    (
      {
        "file": views.files[member],
        "specimen": views.specimens[member],
        "true": views.class_names[views.labels[member]],
        "predicted": views.class_names[int(row.argmax())],
        **results.by_column(views.class_names, row),
      }
      for member, row in zip(members, p, strict=True)
    ),
  )
