"""What a network is trained for: to tell classes apart, or to pair views.

Takes a configuration, gives an `Objective`: how many outputs the network has,
which micrographs it is trained on, what a batch becomes, the loss of each
example, whether epochs are validated, and what is written at the end. The rest
of training is the same for every objective.
"""

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.data import batching, dataset, splits
from eanet_jax.evaluation import answers, run_results
from eanet_jax.inference import forward_pass, view_features
from eanet_jax.runtime import console, peers, pytrees
from eanet_jax.training import augment, discriminant, losses
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

  def start(
    self,
    variables: pytrees.Variables,
    data: dataset.Dataset,
    forward: forward_pass.ForwardPass,
  ) -> pytrees.Variables:
    """Returns the variables that training starts from, on the host or not.

    Args:
      variables: freshly initialised, or with the weights that were read.
      data: the run's data set, its split as this objective uses it.
      forward: of the network.
    """
    ...

  def results(
    self, trained: run_results.FinishedTraining
  ) -> results_json.Results | None:
    """Returns what results.json is to hold; may be None except in process 0.

    Writes the files that go with it to the workdir. All processes call it.
    """
    ...


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

  def start(
    self,
    variables: pytrees.Variables,
    data: dataset.Dataset,
    forward: forward_pass.ForwardPass,
  ) -> pytrees.Variables:
    """Returns the variables as they are."""
    del data, forward
    return variables

  def results(
    self, trained: run_results.FinishedTraining
  ) -> results_json.RunResults | None:
    """Returns the scores of the test split, and of baselines on it."""
    return run_results.of_classes(trained)


@dataclasses.dataclass(frozen=True)
class Discriminant(Classes):
  """Telling the class of an image, in closed form: see `discriminant.fit`.

  There are no epochs to choose from, so nothing is set aside to validate. In
  place of that stand the answers for each specimen by a classifier that was
  fitted without it.

  Attributes:
    orientations: that features are the mean of.
  """

  orientations: int = 1
  validates = False

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

  def start(
    self,
    variables: pytrees.Variables,
    data: dataset.Dataset,
    forward: forward_pass.ForwardPass,
  ) -> pytrees.Variables:
    """Returns the variables with what was fitted."""
    fitted = self._fit(variables, data, forward)
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
    # Features are at hand by now, and the fit takes seconds.
    fitted = self._fit(trained.variables, data, trained.forward)
    left_out = answers.Answers(
      data.views, data.views.of(data.split.train), fitted.logits
    )
    return run_results.of_classes(trained, left_out)

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


@dataclasses.dataclass(frozen=True)
class Pairs:
  """Telling which two views come from one image, without labels: NT-Xent.

  Attributes:
    temperature: what cosines are divided by, see `losses.pair_logits`.
    outputs: channels of a view's embedding.
  """

  temperature: float
  outputs: int
  class_names = ()
  validates = False

  @classmethod
  def check(cls, config: ml_collections.ConfigDict) -> None:
    """Raises UserError if other fields do not go with this objective."""
    model, image_px = config.model, config.dataset.image_px
    if model.name == "transfer":
      raise errors.UserError(
        "--config.loss.objective=pairs trains a network that others start from:"
        " --config.model.name=transfer is a trained one"
      )
    step_px = 2 * (model.patch_px if "patch_px" in model else 32)
    if "patch_px" not in model:
      if image_px < step_px:
        raise errors.UserError(
          f"--config.dataset.image_px={image_px} is too small: "
          "--config.loss.objective=pairs sees quarters of an image, and VGG"
          f" halves those five times: it must be {step_px} or more"
        )
    elif image_px % step_px or model.position_embedding:
      raise errors.UserError(
        "--config.loss.objective=pairs sees quarters of an image:"
        f" --config.dataset.image_px={image_px} must be a multiple of"
        f" {step_px} (two patches) and --config.model.position_embedding False"
      )

  @classmethod
  def create(
    cls, config: ml_collections.ConfigDict, data: dataset.Dataset
  ) -> "Pairs":
    """Returns the objective of a run; the data set makes no difference."""
    del data
    return cls(config.loss.temperature, config.loss.embedding_size)

  def arrange(self, split: splits.Split) -> splits.Split:
    """Returns the split with its validation micrographs moved to training.

    No label is used, and the test images are left out.
    """
    return dataclasses.replace(
      split,
      train=np.union1d(split.train, split.validation),
      validation=split.validation[:0],
    )

  def prepare(self, batch: batching.Batch, key: Array) -> batching.Batch:
    """Returns two places of each image, labelled by the other one's index."""
    b = len(batch["image"])
    return {
      "image": augment.two_places(batch["image"], key),
      "label": (jnp.arange(2 * b) + b) % (2 * b),
    }

  def loss(self, outputs: Array, labels: Array) -> tuple[Array, Array]:
    """Returns the cross-entropy of `losses.pair_logits`, and the logits."""
    logits = losses.pair_logits(outputs, self.temperature)
    return losses.focal_loss(logits, labels, gamma=0.0), logits

  def start(
    self,
    variables: pytrees.Variables,
    data: dataset.Dataset,
    forward: forward_pass.ForwardPass,
  ) -> pytrees.Variables:
    """Returns the variables as they are."""
    del data, forward
    return variables

  def results(
    self, trained: run_results.FinishedTraining
  ) -> results_json.PretrainingResults:
    """Returns how often pairs were found: there is nothing else to score."""
    return run_results.of_pairs(trained)


_BY_NAME: dict[str, type[Classes] | type[Pairs]] = {
  "classes": Classes,
  "pairs": Pairs,
  "discriminant": Discriminant,
}


def check(config: ml_collections.ConfigDict) -> None:
  """Raises UserError if fields of a configuration do not go together."""
  _BY_NAME[config.loss.objective].check(config)


def choose(
  config: ml_collections.ConfigDict, data: dataset.Dataset
) -> Objective:
  """Returns the objective that a valid configuration names, for a data set."""
  return _BY_NAME[config.loss.objective].create(config, data)
