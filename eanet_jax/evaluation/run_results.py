"""What a run's results say: scores, baselines, calibration, examples.

Takes a finished training, gives the contents of results.json and writes the
files that go with it. All processes of a job do the device work, the first does
the rest.
"""

import dataclasses
import functools
import pathlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import ml_collections
import numpy as np

from eanet_jax.data import dataset
from eanet_jax.evaluation import (
  answers,
  baselines,
  calibration,
  dataset_summary,
  example_images,
  knowledge,
  scoring,
)
from eanet_jax.explanation import attention_maps, contributions
from eanet_jax.inference import forward_pass, view_features
from eanet_jax.models import cost, networks, transfer
from eanet_jax.runtime import peers, pytrees, versions
from eanet_jax.workdir import (
  examples_npz,
  history_csv,
  predictions_csv,
  results_json,
  trained_on,
)

_QUICK_S = 0.1  # of a batch: then its speed is that of several

# Counting takes a second, and the networks of all folds are alike.
_gflop_per_image = functools.cache(cost.gflop_per_image)


@dataclasses.dataclass(frozen=True)
class FinishedTraining:
  """A training whose last epoch is done, and its best checkpoint.

  Attributes:
    config: the run's merged configuration.
    workdir: the run's folder.
    data: the data set that the run was trained and is tested on.
    forward: the network without dropout.
    variables: the network's, from the best checkpoint.
    mesh: devices that hold the variables.
    parameters: their number.
    best_epoch: the epoch of that checkpoint.
    history: a row for each epoch.
    images_per_s: the speed of training; None if there was none.
    wall_time_s: returns the seconds since the run began.
  """

  config: ml_collections.ConfigDict
  workdir: pathlib.Path
  data: dataset.Dataset
  forward: forward_pass.ForwardPass
  variables: pytrees.Variables
  mesh: jax.sharding.Mesh
  parameters: int
  best_epoch: int
  history: tuple[history_csv.Epoch, ...]
  images_per_s: float | None
  wall_time_s: Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Outputs:
  """What the network gives, on the host.

  Attributes:
    validation, test: answers for these splits; a cross-validation has no
      validation.
    calibration: of the test answers.
    examples: from the test split, see `example_images.choose`.
    attention: maps of examples["telling"], see `attention_maps`; or None.
    images_per_s: the speed of inference.
  """

  validation: answers.Answers | None
  test: answers.Answers
  calibration: results_json.Calibration
  examples: dict[str, list[results_json.Example]]
  attention: tuple[np.ndarray, list[str]] | None
  images_per_s: float


def of_classes(
  trained: FinishedTraining, left_out: answers.Answers | None = None
) -> results_json.RunResults | None:
  """Returns the results of a training on classes; None except in process 0.

  Writes predictions and examples to its workdir.

  Args:
    trained: the training.
    left_out: answers for what was trained on, by networks that had not seen
      its specimen; None to take the validation split's.
  """
  outputs = _run_network(trained, left_out)
  with peers.first_process_first():  # the others wait until it has written
    if jax.process_index() > 0:
      return None
    data, test = trained.data, outputs.test
    beside = {
      name: answers.Answers(data.views, test.chosen, logits)
      for name, logits in baselines.logits(data, test.chosen).items()
    }
    return of_outputs(
      trained,
      outputs,
      beside,
      _split_summary(trained.config, data),
      data.split.warnings,
      knowledge.of(
        trained.config,
        data.views,
        # By the validation split an epoch was chosen.
        np.union1d(data.split.train, data.split.validation),
        test,
        1.0,
        data.split.by,
      ),
    )


def of_pairs(trained: FinishedTraining) -> results_json.PretrainingResults:
  """Returns the results of a pre-training; no split is scored."""
  config, history = trained.config, trained.history
  return results_json.PretrainingResults(
    title=networks.title(config.model.to_dict()),
    pair_accuracy=history[-1].train_accuracy if history else None,
    views_in_a_batch=2 * config.train.batch_size,
    parameters=trained.parameters,
    epochs=config.train.epochs,
    wall_time_s=trained.wall_time_s(),
    images_per_s=trained.images_per_s,
    device=versions.device(),
    versions=versions.installed(),
  )


def _run_network(
  trained: FinishedTraining, left_out: answers.Answers | None
) -> Outputs:
  """What the network gives for the validation and test splits."""
  data, forward, variables = trained.data, trained.forward, trained.variables
  orientations = trained.config.evaluation.orientations
  seen = view_features.inputs(
    forward, variables, data.views.images, orientations
  )

  def answered(part: np.ndarray) -> answers.Answers:
    chosen = data.views.of(part)
    logits = forward(variables, seen, chosen, orientations)
    return answers.Answers(data.views, chosen, logits)

  test = answered(data.split.test)
  validation = left_out or answered(data.split.validation)
  examples = example_images.choose(test)
  return Outputs(
    validation=validation,
    test=test,
    calibration=calibration.summary(validation, test),
    examples=examples,
    attention=maps_of(
      trained, variables, [each["view"] for each in examples["telling"]]
    ),
    images_per_s=images_per_s(
      forward, variables, data.views.images, test.chosen, orientations
    ),
  )


def maps_of(
  trained: FinishedTraining,
  variables: pytrees.Variables,
  chosen: Sequence[int],
) -> tuple[np.ndarray, list[str]] | None:
  """Returns maps of attention, or of what speaks for a class, of some views.

  Args:
    trained: the training.
    variables: of its network, or of a fold's.
    chosen: which views.
  """
  data, model = trained.data, trained.forward.model
  shown = data.views.images[list(chosen)]
  levels = data.mean, data.std
  if not isinstance(model, transfer.Transfer):
    return attention_maps.attention_maps(
      model, variables, shown, *levels, trained.mesh
    )
  if not len(shown):
    return None
  orientations = trained.config.evaluation.orientations
  return contributions.for_and_against(
    *contributions.contributions(
      model, variables, shown, *levels, orientations, trained.mesh
    )
  )


def images_per_s(
  forward: forward_pass.ForwardPass,
  variables: pytrees.Variables,
  images: np.ndarray,
  chosen: np.ndarray,
  orientations: int,
) -> float:
  """Speed from host to host: of a batch, and if that is quick, of several."""
  size = forward.batch_size

  def seconds(some: np.ndarray) -> float:
    begun = time.monotonic()
    forward(variables, images, some, orientations)
    return time.monotonic() - begun

  one = np.resize(chosen, size)
  seconds(one)  # compiles
  took = seconds(one)
  if took > _QUICK_S:
    return size / took
  some = np.resize(chosen, min(4, -(-len(chosen) // size)) * size)
  return len(some) / statistics.median(seconds(some) for _ in range(3))


def of_outputs(
  trained: FinishedTraining,
  outputs: Outputs,
  beside: Mapping[str, answers.Answers],
  split: results_json.SplitSummary,
  warnings: Sequence[str],
  kept: trained_on.TrainedOn,
) -> results_json.RunResults:
  """Returns the results; writes predictions, examples and what is kept.

  Args:
    trained: the training.
    outputs: of the network.
    beside: answers of the baselines for the same views.
    split: what was trained on and tested.
    warnings: what a reader of the figures must know of that.
    kept: what predictions are worth, see `knowledge.of`.
  """
  config, data = trained.config, trained.data
  views, test = data.views, outputs.test
  resamples = config.evaluation.bootstrap_resamples
  for name, answered in {"": test, **beside}.items():
    _write_predictions(trained.workdir, answered, name)
  trained_on.write(trained.workdir, kept)
  of_baselines = {
    name: scoring.score(answered, resamples=resamples)
    for name, answered in beside.items()
  }
  shortcut = baselines.shortcut_warning(
    of_baselines["grey"]["micrograph"], len(views.class_names)
  )
  return results_json.RunResults(
    objective=config.loss.objective,
    name=config.model.name,
    title=networks.title(config.model.to_dict()),
    validation=scoring.score(outputs.validation, resamples=resamples)
    if outputs.validation
    else None,
    test=scoring.score(test, resamples=resamples),
    baselines=of_baselines,
    calibration=outputs.calibration,
    per_specimen=scoring.by_specimen(test),
    class_names=list(views.class_names),
    inference_images_per_s=outputs.images_per_s,
    split=split,
    warnings=[*warnings, *([shortcut] if shortcut else []), *data.remarks],
    skipped=[list(each) for each in views.skipped],
    unmatched=list(views.unmatched),
    dataset=dataset_summary.summary(config, data),
    examples=_write_examples(trained.workdir, outputs, views.images),
    device=versions.device(),
    versions=versions.installed(),
    parameters=trained.parameters,
    gflop_per_image=_gflop_per_image(
      trained.forward.model, config.dataset.image_px
    ),
    epochs=config.train.epochs,
    best_epoch=trained.best_epoch,
    wall_time_s=trained.wall_time_s(),
    images_per_s=trained.images_per_s,
  )


def _split_summary(
  config: ml_collections.ConfigDict, data: dataset.Dataset
) -> results_json.SplitSummary:
  split = data.split
  return {
    "by": split.by,
    "folds": config.split.folds,
    "fold": config.split.fold,
    "train": len(split.train),
    "validation": len(split.validation),
    "test": len(split.test),
    "test_specimens": sorted({data.views.specimens[i] for i in split.test}),
  }


def _write_examples(
  workdir: pathlib.Path, outputs: Outputs, images: np.ndarray
) -> results_json.Examples:
  """Writes examples.npz; returns the words that go with its arrays."""
  shown = [each for kind in outputs.examples.values() for each in kind]
  taken = sorted({each["view"] for each in shown})

  def placed(each: results_json.Example) -> results_json.Example:
    return {"image": taken.index(each["view"]), **each}

  mistakes, uncertain, telling = (
    [placed(each) for each in outputs.examples[kind]]
    for kind in ("mistakes", "uncertain", "telling")
  )
  maps, names = outputs.attention or (np.empty((0,) * 4, np.float32), [])
  examples_npz.write(
    workdir,
    examples_npz.ExampleArrays(example_images.thumbnails(images[taken]), maps),
  )
  return {
    "mistakes": mistakes,
    "uncertain": uncertain,
    "attention": {"maps": names, "examples": telling} if names else None,
  }


def _write_predictions(
  workdir: pathlib.Path, answered: answers.Answers, baseline: str = ""
) -> None:
  """Writes a row for each test micrograph, see `predictions_csv`."""
  predictions = predictions_csv.Predictions(
    answered.files,
    answered.specimens,
    answered.labels,
    answered.probabilities,
  )
  class_names = answered.views.class_names
  predictions_csv.write_test(workdir, predictions, class_names, baseline)
