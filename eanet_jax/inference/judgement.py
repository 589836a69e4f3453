"""From what a network found in the views of a picture to its prediction.

Takes logits and features, and what the workdir keeps of training: gives the
class with all that is said beside it.
"""

from collections.abc import Iterator, Mapping, Sequence

import jax
import numpy as np

from eanet_jax.inference import (
  confidence,
  forward_pass,
  neighbours,
  novelty,
  picture_views,
  predictions,
)
from eanet_jax.runtime import sharding
from eanet_jax.workdir import restore, trained_on

_NEAREST = 3  # training micrographs beside an answer


class Judgement:
  """What is known of a network's training, to judge its answers by.

  Attributes:
    confidence: what its answers are worth.
  """

  def __init__(
    self,
    network: restore.TrainedNetwork,
    kept: trained_on.TrainedOn | None,
    coverage: int | None,
    orientations: int,
  ):
    """Takes a restored network.

    Args:
      network: with its variables.
      kept: what its workdir keeps of the training; None if nothing.
      coverage: see `classify.Classifier.restore`.
      orientations: that are looked at.

    Raises:
      UserError: the coverage cannot be promised.
    """
    meta, self._kept = network.meta, kept
    self._class_names = meta.class_names
    self.confidence = confidence.Confidence.of(kept, meta.class_names, coverage)
    self._known = (
      {each.digest: each.file for each in kept.micrographs} if kept else {}
    )
    self._familiar: novelty.Familiar | None = None
    # How far is far was found with the mean over the usual orientations; of
    # images as they are, every single one would be foreign.
    usual = meta.config["evaluation"]["orientations"]
    if "familiar" in network.variables and orientations == usual:
      familiar = jax.tree.map(sharding.fetch, network.variables["familiar"])
      self._threshold = float(familiar.pop("threshold"))
      self._familiar = novelty.Familiar(**familiar)

  @property
  def knows_its_training(self) -> bool:
    """Whether it can tell of a file that it was trained on."""
    return self._kept is not None

  def novelties(self, features: np.ndarray | None) -> np.ndarray | None:
    """Returns float64 (v,) of features (v, f); None if it cannot tell."""
    if features is None or self._familiar is None:
      return None
    return self._familiar.distances(features) / self._threshold

  def judged(
    self,
    group: Sequence[tuple[str, picture_views.Seen]],
    logits: np.ndarray,
    features: np.ndarray | None,
    structure: Mapping[str, np.ndarray],
  ) -> Iterator[predictions.Prediction]:
    """Yields the prediction for each of a group of pictures.

    Args:
      group: their names and what was looked at of them, v views together.
      logits: (v, l) of the views.
      features: (v, f) of them; None of a network without.
      structure: (v,) by name, see `Prediction`.
    """
    end = 0
    for name, seen in group:
      own = slice(end, end := end + len(seen.views))
      of_own = None if features is None else features[own]
      of_views = {word: shares[own] for word, shares in structure.items()}
      yield self._prediction(name, seen, logits[own], of_own, of_views)

  def _prediction(
    self,
    name: str,
    seen: picture_views.Seen,
    logits: np.ndarray,
    features: np.ndarray | None,
    structure: Mapping[str, np.ndarray],
  ) -> predictions.Prediction:
    """Of one picture: what was found in its own views."""
    if seen.error:
      return predictions.Prediction(name, error=seen.error)
    mean = forward_pass.probabilities(logits).mean(0)
    best = int(mean.argmax())
    novelties = self.novelties(features)
    far = None if novelties is None else float(novelties.mean())
    verdict, reason = self.confidence.verdict(mean, far, seen.field_um)
    return predictions.Prediction(
      file=name,
      label=self._class_names[best],
      probability=float(mean[best]),
      probabilities=mean,
      logits=logits,
      novelty=far,
      set=self.confidence.set_of(mean),
      verdict=verdict,
      reason=reason,
      nearest=() if features is None else self._nearest(features),
      trained_on=self._known.get(trained_on.digest(seen.views), ""),
      novelties=novelties,
      structure=structure,
      **seen.of_file,
    )

  def _nearest(self, features: np.ndarray) -> tuple[predictions.Neighbour, ...]:
    """The training micrographs most like one, of features (v, f)."""
    kept = self._kept
    if kept is None or self._familiar is None or not len(kept.places):
      return ()
    one = np.zeros(len(features), int)
    place = neighbours.places(self._familiar, features, one)[0]
    found = neighbours.nearest(place, kept.places, _NEAREST)
    return tuple(
      predictions.Neighbour(
        kept.micrographs[i].file,
        kept.micrographs[i].label,
        kept.micrographs[i].specimen,
        distance / kept.typical,
      )
      for i, distance in zip(*(each.tolist() for each in found), strict=True)
    )
