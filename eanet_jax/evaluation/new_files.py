"""What a trained network says of files whose classes are known.

Takes predictions and true classes one after another, gives what
`eanet evaluate` reports. Scores are those of `scoring`.
"""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from eanet_jax.data import picture_facts, view_store
from eanet_jax.evaluation import answers, scoring
from eanet_jax.inference import predictions
from eanet_jax.workdir import evaluation_json, results_json

_RESAMPLES = 1000  # bootstrap draws of an interval


@dataclasses.dataclass
class _Part:
  """Answers for micrographs of known classes; a list entry for each."""

  files: list[str] = dataclasses.field(default_factory=list)
  specimens: list[str] = dataclasses.field(default_factory=list)
  labels: list[int] = dataclasses.field(default_factory=list)
  logits: list[np.ndarray] = dataclasses.field(default_factory=list)

  def answers(self, class_names: Sequence[str]) -> answers.Answers:
    """The same as evaluation has it of a data set."""
    counts = [len(each) for each in self.logits]
    views = view_store.Views(
      images=np.empty((sum(counts), 0, 0, 1), np.uint8),  # nobody looks at them
      micrograph=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
      labels=np.asarray(self.labels, np.int32),
      specimens=tuple(self.specimens),
      files=tuple(self.files),
      class_names=tuple(class_names),
      skipped=(),
      unmatched=(),
      digest="",
    )
    return answers.Answers(
      views, np.arange(sum(counts)), np.concatenate(self.logits)
    )


class Tested:
  """All that was found of the files so far.

  Attributes:
    unusable: [file, reason] of those that could not be used.
    novelties: of micrographs of known classes.
    facts: of all micrographs, as `drift.numbers` takes them.
  """

  def __init__(self, class_names: Sequence[str]):
    """Takes the classes that the network knows."""
    self._names = list(class_names)
    self._unseen, self._trained_on = _Part(), _Part()
    self._unknown: collections.Counter[str] = collections.Counter()
    self._foreign: collections.Counter[str] = collections.Counter()
    self._can_tell = False
    self.unusable: list[list[str]] = []
    self.novelties: list[float] = []
    self.facts: list[tuple[picture_facts.Facts, float | None]] = []

  def add(
    self,
    prediction: predictions.Prediction,
    true: str,
    specimen: str,
    *,
    trained_on: bool,
  ) -> None:
    """Counts a file.

    Args:
      prediction: of the file.
      true: its class, one that the network knows or another.
      specimen: that it is of.
      trained_on: whether it is known to be of what was trained on.
    """
    if prediction.logits is None:
      self.unusable.append([prediction.file, prediction.error])
      return
    if prediction.facts is not None:
      self.facts.append((prediction.facts, prediction.um_per_px))
    self._can_tell = self._can_tell or prediction.novelty is not None
    if true not in self._names:
      self._unknown[true] += 1
      self._foreign[true] += prediction.verdict == "foreign"
      return
    if prediction.novelty is not None:
      self.novelties.append(prediction.novelty)
    part = self._trained_on if trained_on else self._unseen
    part.files.append(prediction.file)
    part.specimens.append(specimen)
    part.labels.append(self._names.index(true))
    part.logits.append(prediction.logits)

  def scores(self) -> results_json.Levels | None:
    """Returns the scores of what was not trained on; None of nothing."""
    return _scores(self._unseen, self._names)

  def scores_of_trained_on(self) -> results_json.Levels | None:
    """Returns the scores of what was trained on; None of nothing."""
    return _scores(self._trained_on, self._names)

  def by_specimen(self) -> list[results_json.SpecimenScore]:
    """Returns the share of each unseen specimen's files that are right."""
    if not self._unseen.files:
      return []
    return scoring.by_specimen(self._unseen.answers(self._names))

  def few_specimens(self) -> list[str]:
    """Returns what a reader must know of classes that few specimens test."""
    return scoring.few_specimens(
      collections.Counter(each["class"] for each in self.by_specimen())
    )

  def unknown_classes(self) -> list[evaluation_json.UnknownClass]:
    """Returns the classes that the network does not know, by name."""
    return [
      {
        "class": name,
        "micrographs": count,
        "foreign": self._foreign[name] if self._can_tell else None,
      }
      for name, count in sorted(self._unknown.items())
    ]


def _scores(
  part: _Part, class_names: Sequence[str]
) -> results_json.Levels | None:
  if not part.files:
    return None
  return scoring.score(part.answers(class_names), resamples=_RESAMPLES)
