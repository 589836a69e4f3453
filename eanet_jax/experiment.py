"""The main job: build the data, train, evaluate the best, write the results.

Or pre-train, where there are no classes to evaluate.

Takes a configuration and a workdir, gives an exit code. Each part is a stage
of the package; this module joins them.
"""

import json
import pathlib
from typing import Any

import jax

from eanet_jax import (
  checkpoints,
  console,
  errors,
  evaluate,
  fields,
  fit,
  results,
  settings,
  sharding,
)
from eanet_jax.data import dataset
from eanet_jax.models import systems


def run(config: Any, workdir: str | pathlib.Path) -> int:
  """Runs or resumes the job of a workdir; returns the exit code.

  Args:
    config: merged ConfigDict, see configs/default.py.
    workdir: everything the run writes goes here.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked for it.
  """
  workdir = pathlib.Path(workdir).expanduser()
  fields.validate(config)
  result = finished(config, workdir)
  if result:
    console.say(f"{workdir} is finished; another --workdir starts a new run")
  else:
    data = dataset.load(config)
    for line in data.describe():
      console.say(line)
    result = train_and_evaluate(config, workdir, data)
  if jax.process_index() == 0:
    console.say(results.show(result, workdir))
  return 0


def finished(config: Any, workdir: pathlib.Path) -> dict[str, Any] | None:
  """Returns the results in a workdir, None if its run is not finished.

  Raises:
    UserError: the workdir holds a run of another configuration.
  """
  path = workdir / "config.json"
  if path.exists() and (workdir / checkpoints.FOLDER).is_dir():
    changed = settings.differences(
      json.loads(path.read_text()), settings.as_json(config)
    )
    if changed:
      raise errors.UserError(
        f"{workdir} holds a run of another configuration"
        f" ({'; '.join(changed)}): choose another --workdir, or the same fields"
        " to resume"
      )
  path = workdir / results.FILE
  return json.loads(path.read_text()) if path.exists() else None


def train_and_evaluate(
  config: Any,
  workdir: pathlib.Path,
  data: dataset.Dataset,
  bar: Any = None,
  label: str = "",
) -> dict[str, Any]:
  """Returns the results of a run, after writing all that is in its workdir.

  In a job of several processes all call this, and the first gets the results.

  Args:
    config: valid.
    workdir: new, or of this run to resume.
    data: of the configuration.
    bar: tqdm bar of several runs, told of every image trained on; None for one
      of this run alone.
    label: of the run, on the bar.

  Raises:
    UserError: anything the user can put right.
    Stopped: a signal asked for it.
  """
  devices = jax.device_count()
  if config.train.batch_size % devices:
    raise errors.UserError(
      f"--config.train.batch_size={config.train.batch_size} does not split over"
      f" {devices} devices: take a multiple of {devices}"
    )
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    with checkpoints.Checkpoints(workdir) as saved:
      training = fit.Fit(config, workdir, data, saved)
      if jax.process_index() == 0:
        training.write_overview()
      if bar is None:
        _announce(config, training)
        with console.progress(
          total=training.images,
          initial=training.images_done,
          unit="img",
          disable=jax.process_index() > 0,
        ) as own_bar:
          training.run(own_bar)
      else:
        bar.update(training.images_done)
        training.run(bar, label)
      if config.loss.objective == "pairs":
        return _sum_up(config, workdir, training)
      return _evaluate(config, workdir, data, saved, training)
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --workdir={workdir}: {error}"
    ) from None


def _announce(config: Any, training: fit.Fit) -> None:
  console.say(
    f"{systems.title(config.model.to_dict())}: {training.parameters:,}"
    f" parameters, on {jax.device_count()} x {jax.devices()[0].device_kind}"
  )


def _sum_up(config, workdir, training) -> dict[str, Any]:
  """Writes the results.json of a pre-training: there is nothing to score."""
  last = results.history(workdir)
  result = {
    "title": systems.title(config.model.to_dict()),
    "objective": config.loss.objective,
    "pair_accuracy": last["train_accuracy"][-1] if last else None,
    "views_in_a_batch": 2 * config.train.batch_size,
    "parameters": training.parameters,
    "epochs": config.train.epochs,
    "wall_time_s": training.wall_time_s,
    "images_per_s": training.images_per_s,
    "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
    "versions": results.versions(),
  }
  if jax.process_index() == 0:
    results.write_json(workdir / results.FILE, result)
  return result


def _evaluate(config, workdir, data, saved, training) -> dict[str, Any]:
  """Scores the best checkpoint and writes results.json and the report."""
  # SciPy and Matplotlib are not for the start of a run.
  from eanet_jax import assessment, report

  step, variables, _ = saved.restore_best(lambda _: training.state.variables)
  outputs = assessment.run_network(
    training.forward,
    variables,
    data,
    training.mesh,
    config.evaluation.orientations,
  )
  with sharding.first_process_first():  # the others wait for it to write
    if jax.process_index() > 0:
      return {}
    result = {
      **assessment.results_of(config, data, outputs, workdir),
      "parameters": training.parameters,
      "gflop_per_image": evaluate.gflop_per_image(
        training.forward.model, variables, config.dataset.image_px
      ),
      "epochs": config.train.epochs,
      "best_epoch": int(step) // training.steps_per_epoch,
      "wall_time_s": training.wall_time_s,
      "images_per_s": training.images_per_s,
    }
    results.write_json(workdir / results.FILE, result)
    report.write(workdir)
    return result
