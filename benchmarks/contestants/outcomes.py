"""What a system answered in one round of a real set, and what it cost."""

import dataclasses
import pathlib
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What a system answered in one round, and what it cost.

  Attributes:
    predictions: of test tiles or micrographs.
    parameters: trained ones; None without a network.
    megabytes: of all the network's weights.
    seconds: of training and testing.
  """

  predictions: Any
  parameters: int | None = None
  megabytes: float | None = None
  seconds: float | None = None


def of_run(
  results: Any, workdir: pathlib.Path, level: str
) -> dict[str, Outcome]:
  """Returns the outcome of a run's network ("") and of its texture baseline."""
  from eanet_jax.workdir import predictions_csv

  found = {}
  for name, levels in (
    ("", results.test),
    ("texture", results.baselines["texture"]),
  ):
    if level == "tile":
      predictions = of_tiles(levels, results)
    else:
      predictions = predictions_csv.read_test(
        workdir, results.class_names, name
      )
    found[name] = Outcome(predictions)
  found[""] = dataclasses.replace(
    found[""],
    parameters=results.parameters,
    megabytes=megabytes_of(workdir),
    seconds=results.wall_time_s,
  )
  return found


def megabytes_of(workdir: pathlib.Path) -> float:
  """Returns 1e6 bytes of the weights of a run's network, of every kind."""
  import jax

  from eanet_jax.runtime import sharding
  from eanet_jax.workdir import restore

  variables = restore.restore(workdir, sharding.data_mesh()).variables
  return sum(leaf.nbytes for leaf in jax.tree.leaves(variables)) / 1e6


def of_tiles(levels: Any, results: Any) -> Any:
  """Returns the tiles of a round's one specimen as `Predictions`."""
  from eanet_jax.reporting import confusions
  from eanet_jax.workdir import predictions_csv

  (specimen,) = results.split["test_specimens"]
  confusion = confusions.matrix(
    levels["tile"]["confusion"], results.class_names
  )
  labels = np.repeat(np.arange(len(confusion)), confusion.sum(1))
  predicted = np.concatenate(
    [np.repeat(np.arange(len(row)), row) for row in confusion]
  )
  return predictions_csv.Predictions(
    files=np.array([f"{specimen}:{i}" for i in range(len(labels))]),
    specimens=np.full(len(labels), specimen),
    labels=labels,
    probabilities=np.eye(len(confusion))[predicted],
  )


def predictions_of(
  views: Any, test: np.ndarray, probabilities: np.ndarray, level: str
) -> Any:
  """Returns `Predictions` of tiles or files, of those of views (t, l)."""
  from eanet_jax.evaluation import answers
  from eanet_jax.workdir import predictions_csv

  logits = np.log(np.maximum(probabilities, 1e-30))
  answered = answers.Answers(views, test, logits)
  if level == "tile":
    return predictions_csv.Predictions(
      np.array([f"{answered.specimens[0]}:{i}" for i in range(len(test))]),
      answered.specimens[answered.groups],
      answered.labels[answered.groups],
      answered.tile_probabilities,
    )
  return predictions_csv.Predictions(
    answered.files,
    answered.specimens,
    answered.labels,
    answered.probabilities,
  )
