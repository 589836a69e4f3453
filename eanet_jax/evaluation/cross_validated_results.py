"""What a cross-validation's results say: each specimen by one network.

Takes the networks of all folds, gives what goes with the one that is kept and
the contents of results.json. No answer that is scored is by a network that has
seen the specimen.
"""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from eanet_jax.data import splits, view_store
from eanet_jax.evaluation import (
  answers,
  baselines,
  example_images,
  knowledge,
  metrics,
  run_results,
  scoring,
)
from eanet_jax.inference import forward_pass, novelty, view_features
from eanet_jax.runtime import peers, pytrees, wording
from eanet_jax.workdir import results_json


@dataclasses.dataclass(frozen=True, eq=False)
class OutOfFold:
  """Answers of the folds' networks for what they were not trained on.

  Attributes:
    answered: of every view that is in some fold.
    folds: int (k,), the fold that each of these views is in.
    familiar: what the training images have in common, and the distance that
      few of those left out are beyond; {} of a network without features.
    places: float32 (m, d), where all micrographs lie in that; (0, 0) likewise.
    typical: see `trained_on.TrainedOn`.
  """

  answered: answers.Answers
  folds: np.ndarray
  familiar: dict[str, np.ndarray]
  places: np.ndarray
  typical: float


def answer(
  trained: run_results.FinishedTraining,
  networks: Sequence[pytrees.Variables],
  parts: Sequence[splits.Split],
) -> OutOfFold:
  """Returns what each network says of its own fold. All processes call it.

  Args:
    trained: what is kept, its data set with every micrograph.
    networks: the variables of each fold's network.
    parts: the split of each fold.
  """
  views, config = trained.data.views, trained.config
  seen = view_features.inputs(
    trained.forward,
    trained.variables,
    views.images,
    config.evaluation.orientations,
  )
  alone = forward_pass.ForwardPass(
    trained.forward.model,
    *trained.forward.levels,
    config.evaluation.batch_size,
    trained.mesh,
  )
  chosen = [views.of(split.test) for split in parts]
  logits = [
    alone(variables, seen, own, config.evaluation.orientations)
    for variables, own in zip(networks, chosen, strict=True)
  ]
  familiar, places, typical = {}, np.empty((0, 0), np.float32), 1.0
  if seen.ndim == 2:
    everything = novelty.fit(seen)
    familiar = {
      **dataclasses.asdict(everything),
      "threshold": np.float32(_threshold(views, seen, parts)),
    }
    places, typical = knowledge.placed(
      everything, seen, views, [(split.train, split.test) for split in parts]
    )
  return OutOfFold(
    answered=answers.Answers(
      views, np.concatenate(chosen), np.concatenate(logits)
    ),
    folds=np.repeat(np.arange(len(parts)), [len(own) for own in chosen]),
    familiar=familiar,
    places=places,
    typical=typical,
  )


def _threshold(
  views: view_store.Views, features: np.ndarray, parts: Sequence[splits.Split]
) -> float:
  """What makes an image foreign, by images that were left out."""
  distances = []
  for split in parts:
    own = views.of(split.test)
    groups = np.unique(views.micrograph[own], return_inverse=True)[1]
    found = novelty.fit(features[views.of(split.train)]).distances(
      features[own]
    )
    distances.append(metrics.mean_by_group(found[:, None], groups)[:, 0])
  return novelty.threshold(np.concatenate(distances))


def results(
  trained: run_results.FinishedTraining,
  networks: Sequence[pytrees.Variables],
  parts: Sequence[splits.Split],
  found: OutOfFold,
  calibrated: results_json.Calibration,
) -> results_json.RunResults | None:
  """Returns the results of a cross-validation; None except in process 0.

  Writes predictions and examples to its workdir.

  Args:
    trained, networks, parts: as `answer` takes them.
    found: what `answer` gave.
    calibrated: what `calibration.of_folds` gave for that.
  """
  data, test = trained.data, found.answered
  examples = example_images.choose(test)
  telling = [each["view"] for each in examples["telling"]]
  fold_of = dict(zip(test.chosen.tolist(), found.folds.tolist(), strict=True))
  maps = [
    run_results.maps_of(trained, networks[fold_of[view]], [view])
    for view in telling
  ]
  drawn = [each for each in maps if each is not None]
  outputs = run_results.Outputs(
    validation=None,
    test=test,
    calibration=calibrated,
    examples=examples,
    attention=(np.concatenate([array for array, _ in drawn]), drawn[0][1])
    if drawn
    else None,
    images_per_s=run_results.images_per_s(
      trained.forward,
      trained.variables,
      data.views.images,
      test.chosen,
      trained.config.evaluation.orientations,
    ),
  )
  with peers.first_process_first():
    if jax.process_index() > 0:
      return None
    return run_results.of_outputs(
      trained,
      outputs,
      _beside(trained, parts),
      _split(trained, parts),
      _warnings(trained, parts),
      knowledge.of(
        trained.config,
        data.views,
        np.arange(len(data.views.labels)),
        test,
        _temperature(calibrated),
        parts[0].by,
        found.places,
        found.typical,
      ),
    )


def _temperature(calibrated: results_json.Calibration) -> float:
  """What logits are divided by at prediction."""
  return calibrated["temperature"] if calibrated["applied"] else 1.0


def _beside(
  trained: run_results.FinishedTraining, parts: Sequence[splits.Split]
) -> dict[str, answers.Answers]:
  """Answers of the baselines, fitted to the same folds."""
  data = trained.data
  chosen = [data.views.of(split.test) for split in parts]
  of_folds = [
    baselines.logits(dataclasses.replace(data, split=split), own)
    for split, own in zip(parts, chosen, strict=True)
  ]
  return {
    name: answers.Answers(
      data.views,
      np.concatenate(chosen),
      np.concatenate([each[name] for each in of_folds]),
    )
    for name in of_folds[0]
  }


def _split(
  trained: run_results.FinishedTraining, parts: Sequence[splits.Split]
) -> results_json.SplitSummary:
  specimens = trained.data.views.specimens
  return {
    "by": parts[0].by,
    "folds": len(parts),
    "fold": -1,
    "train": len(trained.data.views.labels),
    "validation": 0,
    "test": sum(len(split.test) for split in parts),
    "test_specimens": sorted(
      {specimens[i] for split in parts for i in split.test}
    ),
    "networks": len(parts),
  }


def _warnings(
  trained: run_results.FinishedTraining, parts: Sequence[splits.Split]
) -> list[str]:
  """What a reader of the figures must know."""
  views = trained.data.views
  if parts[0].by == "micrograph":
    return [splits.LEAKAGE]
  counts = {
    name: len(set(np.asarray(views.specimens)[views.labels == i].tolist()))
    for i, name in enumerate(views.class_names)
  }
  alone = [
    (
      name,
      "has one specimen and is not tested: whether a new specimen of it would"
      " be told is not known",
      "have one specimen each and are not tested: whether new specimens of"
      " them would be told is not known",
    )
    for name, count in counts.items()
    if count == 1
  ]
  several = {name: count for name, count in counts.items() if count > 1}
  return [*wording.of_classes(alone), *scoring.few_specimens(several)]


def completed(
  variables: pytrees.Variables,
  found: OutOfFold,
  calibrated: results_json.Calibration,
) -> pytrees.Variables:
  """Returns the variables of what is kept, with what stands beside them.

  Args:
    variables: of an `ensemble.Ensemble`.
    found, calibrated: as `results` takes them.
  """
  temperature = np.float32(_temperature(calibrated))
  variables = {**variables, "calibration": {"temperature": temperature}}
  if found.familiar:
    variables["familiar"] = found.familiar
  return variables
