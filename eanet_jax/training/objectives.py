"""What a network is trained for: to tell classes apart, or to pair views.

Takes a configuration, gives an `Objective`: how many outputs the network has,
which micrographs it is trained on, what a batch becomes, the loss of each
example, whether epochs are validated, and what is written at the end. The rest
of training is the same for every objective.
"""

from typing import Protocol

import jax
import ml_collections

from eanet_jax import errors
from eanet_jax.data import batching, dataset, splits
from eanet_jax.evaluation import run_results
from eanet_jax.training import (
  objective_classes,
  objective_discriminant,
  objective_pairs,
)
from eanet_jax.workdir import results_json

Array = jax.Array


class Objective(Protocol):
  """What the training step and the loop need; static and hashable."""

  @property
  def outputs(self) -> int:
    """Number of outputs that the network has."""
    ...

  @property
  def class_names(self) -> tuple[str, ...]:
    """In the order of the outputs; () if those are not classes."""
    ...

  @property
  def validates(self) -> bool:
    """Whether each epoch is scored on validation, and the best on test."""
    ...

  def arrange(self, split: splits.Split) -> splits.Split:
    """Returns the split as this objective uses it."""
    ...

  def prepare(self, batch: batching.Batch, key: Array) -> batching.Batch:
    """Returns what a batch becomes before it is augmented.

    Args:
      batch: uint8 images, with labels.
      key: a PRNG key for this alone.
    """
    ...

  def loss(self, outputs: Array, labels: Array) -> tuple[Array, Array]:
    """Returns the loss of each example (b,), and logits (b, l) for the labels.

    Args:
      outputs: float32 (b, outputs), the network's.
      labels: int32 (b,), of a prepared batch.
    """
    ...

  def results(
    self, trained: run_results.FinishedTraining
  ) -> results_json.Results | None:
    """Returns what results.json is to hold; may be None except in process 0.

    Writes the files that go with it to the workdir. All processes call it.
    """
    ...


_BY_NAME: dict[
  str, type[objective_classes.Classes] | type[objective_pairs.Pairs]
] = {
  "classes": objective_classes.Classes,
  "discriminant": objective_discriminant.Discriminant,
  "pairs": objective_pairs.Pairs,
}


def check(config: ml_collections.ConfigDict) -> None:
  """Raises UserError if fields of a configuration do not go together."""
  _BY_NAME[config.loss.objective].check(config)
  if config.dataset.view == "auto" and config.loss.objective != "discriminant":
    raise errors.UserError(
      "--config.dataset.view=auto compares views by what"
      " --config.loss.objective=discriminant makes of them, and this one is"
      f" {config.loss.objective}: choose whole or tiles"
    )


def choose(
  config: ml_collections.ConfigDict, data: dataset.Dataset
) -> Objective:
  """Returns the objective that a valid configuration names, for a data set."""
  return _BY_NAME[config.loss.objective].create(config, data)
