"""Scores of answers at the level of tiles, of micrographs and of specimens.

Takes `answers.Answers`, gives JSON-ready numbers. NumPy only.
"""

from collections.abc import Mapping

import numpy as np

from eanet_jax.evaluation import answers, metrics
from eanet_jax.runtime import wording
from eanet_jax.workdir import results_json

_FEW_SPECIMENS = 5


def score(
  answered: answers.Answers, *, resamples: int = 0
) -> results_json.Levels:
  """Returns `metrics.summary` at each level of one split.

  "tile" is there only if a micrograph has several views.

  Args:
    answered: the answers for the split.
    resamples: bootstrap draws; 0 for no intervals.
  """
  groups, units = answered.groups, answered.units
  labels, of_specimens = answered.labels, answered.specimen_labels
  levels: dict[
    results_json.Level, tuple[np.ndarray, np.ndarray, np.ndarray]
  ] = {
    "tile": (answered.tile_probabilities, labels[groups], units[groups]),
    "micrograph": (answered.probabilities, labels, units),
    "specimen": (
      answered.specimen_probabilities,
      of_specimens,
      np.arange(len(of_specimens)),
    ),
  }
  if not answered.has_tiles:
    del levels["tile"]
  return {
    level: metrics.summary(*arrays, answered.views.class_names, resamples)
    for level, arrays in levels.items()
  }


def by_specimen(
  answered: answers.Answers,
) -> list[results_json.SpecimenScore]:
  """Returns the share of each specimen's micrographs classified correctly."""
  right = answered.predicted == answered.labels
  class_names = answered.views.class_names
  return [
    {
      "specimen": name,
      "class": class_names[answered.specimen_labels[i]],
      "micrographs": int(own.sum()),
      "accuracy": float(right[own].mean()),
    }
    for i, name in enumerate(np.unique(answered.specimens).tolist())
    for own in [answered.specimen_groups == i]
  ]


def few_specimens(counts: Mapping[str, int]) -> list[str]:
  """Returns what a reader must know of classes that few specimens test.

  Args:
    counts: of the specimens that were tested on, by class; of a class with none
      nothing is said.
  """
  return wording.of_classes(
    (
      name,
      f"is tested on {wording.count(count, 'specimen')}: its figures say little"
      " about the next one",
      "are tested on few specimens: their figures say little about the next"
      " one",
    )
    for name, count in sorted(counts.items())
    if 0 < count < _FEW_SPECIMENS
  )
