"""What is answered for a file, and for views: values that nothing computes.

`classify.Classifier` gives them; tables, pages and programs take them.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from eanet_jax.data import micrographs, picture_facts


@dataclasses.dataclass(frozen=True)
class Neighbour:
  """A training micrograph that is like the one predicted.

  Attributes:
    file, label, specimen: as the data set names them.
    distance: 1 where half of the micrographs that were left out of training
      have one as near.
  """

  file: str
  label: str
  specimen: str
  distance: float


@dataclasses.dataclass(frozen=True)
class Prediction:
  """The network's answer for one file.

  Attributes:
    file: path as it was found; of an array its place, "array 3", from 0.
    label: the most probable class; "" if the file could not be used.
    probability: of `label`; None if the file could not be used.
    probabilities: float64 (l,), the mean over the views; None likewise.
    logits: float32 (views, l); None likewise.
    novelty: how unlike everything trained on, 1 where of images like those only
      5 % are beyond; None likewise, and of a network that cannot tell.
    set: classes of which one is the true one as often as is promised (see
      `Classifier.promise`), the most probable first; () if nothing can be.
    verdict: "known"; "unsure" where several classes are in the set, or the
      class is less probable than true ones are; "foreign" where novelty is
      above 1; "other magnification"; "" where the network cannot tell.
    reason: for a verdict other than "known".
    nearest: the training micrographs most like it, () of a network without
      features.
    trained_on: the training micrograph that it is, "" if it is none.
    um_per_px, um_from: how wide a pixel is and what told, as in
      `micrographs.Micrograph`.
    crop_rows, bar_from: rows of the data bar that were removed and what told.
    remarks: what a person should know of the file, a line each.
    error: why the file could not be used; "" if it could.
    novelties: float64 (views,), which `novelty` is the mean of; None likewise.
    corners: int64 (views, 2), the top and left pixel of each view in the
      specimen rows; None if the file could not be used.
    facts: of the specimen rows, where they were asked for.
    structure: float64 (views,) by what slots of a memory are called: the share
      of a view that they take up; {} where it was not asked for.
  """

  file: str
  label: str = ""
  probability: float | None = None
  probabilities: np.ndarray | None = None
  logits: np.ndarray | None = None
  novelty: float | None = None
  set: tuple[str, ...] = ()
  verdict: str = ""
  reason: str = ""
  nearest: tuple[Neighbour, ...] = ()
  trained_on: str = ""
  um_per_px: float | None = None
  um_from: str = ""
  crop_rows: int = 0
  bar_from: str = ""
  remarks: tuple[str, ...] = ()
  error: str = ""
  novelties: np.ndarray | None = None
  corners: np.ndarray | None = None
  facts: picture_facts.Facts | None = None
  structure: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


class ViewAnswers(NamedTuple):
  """The network's answers for views, for each by itself.

  Attributes:
    probabilities: float64 (v, l).
    novelties: float64 (v,); None of a network that cannot tell.
    features: float32 (v, f), which novelty is found from; None of a network
      without.
  """

  probabilities: np.ndarray
  novelties: np.ndarray | None
  features: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class Examined:
  """The answer for one file beside what it is the answer for.

  Attributes:
    prediction: as for any file.
    micrograph: cleaned; None if the file could not be used.
    views: uint8 (v, y, x, 1), what the network saw of it.
  """

  prediction: Prediction
  micrograph: micrographs.Micrograph | None
  views: np.ndarray
