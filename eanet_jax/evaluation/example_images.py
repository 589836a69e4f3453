"""The micrographs of a split that a reader should look at.

Takes answers, gives small images and the words that go with them.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from eanet_jax.evaluation import answers
from eanet_jax.workdir import results_json

_THUMB_PX = 160
_OF_EACH_KIND = 12


def choose(
  answered: answers.Answers,
) -> dict[str, list[results_json.Example]]:
  """Returns the micrographs worth a look.

  The view of each is the one most probably of the predicted class. Lists:
  "mistakes", the surest first; "uncertain", the least sure first; "telling",
  of each class the micrograph with the highest and the one with the lowest
  probability of the true class.
  """
  p, groups = answered.probabilities, answered.groups
  labels, predicted, sure = answered.labels, answered.predicted, p.max(1)
  for_predicted = answered.tile_probabilities[
    np.arange(len(groups)), predicted[groups]
  ]
  class_names = answered.views.class_names

  def describe(i: int) -> results_json.Example:
    own = np.flatnonzero(groups == i)
    return {
      "view": int(answered.chosen[own[for_predicted[own].argmax()]]),
      "file": answered.files[i].item(),
      "specimen": answered.specimens[i].item(),
      "true": class_names[labels[i]],
      "predicted": class_names[predicted[i]],
      "probability": float(sure[i]),
    }

  wrong = np.flatnonzero(predicted != labels)
  telling = []
  for label in np.unique(labels):
    own = np.flatnonzero(labels == label)
    own = own[np.argsort(-p[own, label], kind="stable")]
    telling += [own[0], own[-1]] if len(own) > 1 else [own[0]]
  order: dict[str, Iterable[int]] = {
    "mistakes": wrong[np.argsort(-sure[wrong], kind="stable")][:_OF_EACH_KIND],
    "uncertain": np.argsort(sure, kind="stable")[:_OF_EACH_KIND],
    "telling": telling[:_OF_EACH_KIND],
  }
  return {kind: [describe(int(i)) for i in of] for kind, of in order.items()}


def thumbnails(images: np.ndarray) -> np.ndarray:
  """Returns uint8 (k, t, t) small copies of images (k, y, x, 1), y = x."""
  side = min(images.shape[1], _THUMB_PX)
  small = [
    np.asarray(
      Image.fromarray(image[..., 0]).resize((side, side), Image.Resampling.BOX)
    )
    for image in images
  ]
  return np.asarray(small, np.uint8).reshape(len(images), side, side)
