"""Training without labels: two quarters of an image are to be told together."""

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.data import batching, dataset, splits
from eanet_jax.evaluation import run_results
from eanet_jax.training import augment, losses
from eanet_jax.workdir import results_json

Array = jax.Array


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

  def results(
    self, trained: run_results.FinishedTraining
  ) -> results_json.PretrainingResults:
    """Returns how often pairs were found: there is nothing else to score."""
    return run_results.of_pairs(trained)
