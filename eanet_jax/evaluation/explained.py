"""One picture, classified and explained: which places speak for which class.

Takes a `Classifier` and a file or an array, gives its prediction and maps over
the micrograph.
"""

import dataclasses

import numpy as np

from eanet_jax.data import micrographs
from eanet_jax.explanation import contributions
from eanet_jax.inference import classify, picture_views, predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Explained:
  """What the classifier says of a file, and from what.

  Attributes:
    prediction: as `eanet predict` has it.
    image: uint8 (y, x), the cleaned micrograph.
    um_per_px: of `image`; None if unknown.
    maps: float32 (l, gy, gx), what each place adds to the logit of each class.
    constants: float32 (l,), what no place adds.
    extent: y, x, height and width in `image` of what the maps are over. Tiles
      leave a margin, which the network has not seen.
    views: how many the network looked at. Of tiles, maps are divided by it:
      sums over places are means over tiles.
  """

  prediction: predictions.Prediction
  image: np.ndarray
  um_per_px: float | None
  maps: np.ndarray
  constants: np.ndarray
  extent: tuple[int, int, int, int]
  views: int

  @property
  def logits(self) -> np.ndarray:
    """Returns float32 (l,): the sums over all places, and the constants."""
    return self.maps.sum(axis=(1, 2)) + self.constants

  def named(self, label: int | None = None) -> tuple[int, int]:
    """Returns a class and its rival, the most probable other one.

    Args:
      label: the class; None for the most probable.
    """
    p = self.prediction.probabilities
    assert p is not None
    label = int(p.argmax()) if label is None else label
    others = np.where(np.arange(len(p)) == label, -1, p)
    return label, int(others.argmax())


def explain(
  classifier: classify.Classifier, path: picture_views.Picture
) -> Explained | predictions.Prediction:
  """Returns a picture explained, or the prediction that says why it is not.

  Args:
    classifier: what is to be explained.
    path: a file, or an array as `Classifier.__call__` takes it.

  Raises:
    UserError: an array is not one of grey levels.
  """
  found = classifier.examine(path)
  if found.micrograph is None:
    return found.prediction
  model, variables, meta = classifier.network
  of_views, constants = contributions.contributions(
    model,
    variables,
    found.views,
    meta.mean,
    meta.std,
    meta.config["evaluation"]["orientations"],
    classifier.mesh,
  )
  image, dataset = found.micrograph.image, meta.config["dataset"]
  height, width = image.shape
  extent, columns = (0, 0, height, width), 1
  if dataset["view"] == "tiles":
    side = dataset["tile_px"]
    top, left, rows, columns = micrographs.tile_grid(image.shape, side)
    extent = (top, left, rows * side, columns * side)
  return Explained(
    found.prediction,
    image,
    found.micrograph.um_per_px,
    contributions.over_micrograph(of_views, columns),
    constants,
    extent,
    len(found.views),
  )
