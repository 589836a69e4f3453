"""Training on labels in one go: a linear classifier on a frozen trunk."""

import dataclasses

import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.data import dataset
from eanet_jax.evaluation import answers, run_results
from eanet_jax.inference import forward_pass, view_features
from eanet_jax.runtime import console, peers, pytrees
from eanet_jax.training import discriminant, objective_classes
from eanet_jax.workdir import results_json


@dataclasses.dataclass(frozen=True)
class Discriminant(objective_classes.Classes):
  """Telling the class of an image, in closed form: see `discriminant.fit`.

  There are no epochs to choose from, so nothing is set aside to validate. In
  place of that stand the answers for each specimen by a classifier that was
  fitted without it.

  Attributes:
    orientations: that features are the mean of.
  """

  orientations: int = 1
  validates = False
  # What was fitted, by the data set's digest: a run asks for it twice.
  _fitted: dict[str, discriminant.Fit] = dataclasses.field(
    default_factory=dict, init=False, repr=False, compare=False
  )

  @classmethod
  def check(cls, config: ml_collections.ConfigDict) -> None:
    """Raises UserError if other fields do not go with this objective."""
    super().check(config)
    if config.model.name != "transfer":
      raise errors.UserError(
        "--config.loss.objective=discriminant is for a trunk that is not"
        " trained: it needs --config.model.name=transfer"
      )
    if config.train.epochs:
      raise errors.UserError(
        f"--config.train.epochs={config.train.epochs} is for a network that is"
        " trained step by step: --config.loss.objective=discriminant is solved"
        " in one go, and needs 0"
      )
    if config.split.validate_by != "none":
      raise errors.UserError(
        f"--config.split.validate_by={config.split.validate_by} would set"
        " images aside to choose an epoch, and"
        " --config.loss.objective=discriminant has none: it needs none"
      )

  @classmethod
  def create(
    cls, config: ml_collections.ConfigDict, data: dataset.Dataset
  ) -> "Discriminant":
    """Returns the objective of a run on a data set."""
    return cls(
      class_names=data.views.class_names,
      gamma=0.0,
      orientations=config.evaluation.orientations,
    )

  def solve(
    self,
    variables: pytrees.Variables,
    data: dataset.Dataset,
    forward: forward_pass.ForwardPass,
  ) -> pytrees.Variables:
    """Returns the variables with what was fitted, on the host or not.

    It is all there is to training. All processes of a job call it together.

    Args:
      variables: as they are initialised, with the trunk's weights.
      data: the run's data set.
      forward: of the network.
    """
    fitted = self.fit(variables, data, forward)
    console.say(
      "chosen by training specimens that were left out in turn: shrinkage"
      f" {fitted.shrinkage:g}, power {fitted.power:g}"
    )
    found = {
      "params": {"head": {"kernel": fitted.kernel, "bias": fitted.bias}},
      "batch_stats": {
        "mean": fitted.mean,
        "std": fitted.std,
        "power": np.float32(fitted.power),
      },
    }
    return {**variables, **peers.of_first_process(found)}

  def results(
    self, trained: run_results.FinishedTraining
  ) -> results_json.RunResults | None:
    """Returns the scores of the test split, and of baselines on it."""
    data = trained.data
    fitted = self.fit(trained.variables, data, trained.forward)
    left_out = answers.Answers(
      data.views, data.views.of(data.split.train), fitted.logits
    )
    return run_results.of_classes(trained, left_out)

  def fit(
    self,
    variables: pytrees.Variables,
    data: dataset.Dataset,
    forward: forward_pass.ForwardPass,
  ) -> discriminant.Fit:
    """Returns what fits the training split; arguments as `solve` has them."""
    if data.digest not in self._fitted:
      self._fitted[data.digest] = self._fit(variables, data, forward)
    return self._fitted[data.digest]

  def _fit(
    self,
    variables: pytrees.Variables,
    data: dataset.Dataset,
    forward: forward_pass.ForwardPass,
  ) -> discriminant.Fit:
    views = data.views
    features = view_features.inputs(
      forward, variables, views.images, self.orientations
    )
    chosen = views.of(data.split.train)
    micrographs = views.micrograph[chosen]
    return discriminant.fit(
      features[chosen],
      views.labels[micrographs],
      np.asarray(views.specimens)[micrographs],
      micrographs,
      forward.model.sizes,
      len(views.class_names),
    )
