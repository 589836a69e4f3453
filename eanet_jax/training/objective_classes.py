"""Training on labels: each step makes the true classes more likely."""

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.data import batching, dataset, splits
from eanet_jax.evaluation import run_results
from eanet_jax.training import losses
from eanet_jax.workdir import results_json

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Classes:
  """Telling the class of an image: the focal loss.

  Attributes:
    class_names: in the order of the outputs.
    gamma, label_smoothing: see `losses.focal_loss`.
    class_weights: one for each class, or () for none.
  """

  class_names: tuple[str, ...]
  gamma: float = 2.0
  label_smoothing: float = 0.0
  class_weights: tuple[float, ...] = ()
  validates = True

  @classmethod
  def check(cls, config: ml_collections.ConfigDict) -> None:
    """Raises UserError if other fields do not go with this objective."""
    if config.model.name == "transfer" and cls is Classes:
      raise errors.UserError(
        "--config.model.name=transfer is solved, not trained step by step: it"
        " needs --config.loss.objective=discriminant"
      )
    if config.split.validate_by == "none" and cls.validates:
      raise errors.UserError(
        "--config.split.validate_by=none leaves nothing to choose the best"
        " epoch by: take specimen or micrograph"
      )
    if config.dataset.source == "unlabelled":
      raise errors.UserError(
        "--config.dataset.source=unlabelled has no classes to learn: it is for"
        " configs/pretrain.py"
      )

  @classmethod
  def create(
    cls, config: ml_collections.ConfigDict, data: dataset.Dataset
  ) -> "Classes":
    """Returns the objective of a run on a data set."""
    weights = ()
    if config.loss.class_weights == "balanced":
      counts = np.bincount(data.view_labels[data.views.of(data.split.train)])
      weights = tuple((counts.sum() / (len(counts) * counts)).tolist())
    return cls(
      class_names=data.views.class_names,
      gamma=config.loss.gamma,
      label_smoothing=config.loss.label_smoothing,
      class_weights=weights,
    )

  @property
  def outputs(self) -> int:
    """One logit for each class."""
    return len(self.class_names)

  def arrange(self, split: splits.Split) -> splits.Split:
    """Returns the split as it is."""
    return split

  def prepare(self, batch: batching.Batch, key: Array) -> batching.Batch:
    """Returns the batch as it is."""
    del key
    return batch

  def loss(self, outputs: Array, labels: Array) -> tuple[Array, Array]:
    """Returns `losses.focal_loss`, and the outputs as logits."""
    weights = jnp.asarray(self.class_weights) if self.class_weights else None
    return losses.focal_loss(
      outputs, labels, self.gamma, weights, self.label_smoothing
    ), outputs

  def results(
    self, trained: run_results.FinishedTraining
  ) -> results_json.RunResults | None:
    """Returns the scores of the test split, and of baselines on it."""
    return run_results.of_classes(trained)
