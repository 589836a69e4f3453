"""How systems that were tested on the same specimens stand to each other.

Takes the test predictions of runs over folds and seeds, gives pooled scores
with intervals and paired differences. NumPy only.
"""

import csv
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eanet_jax import metrics, results

SCORES = (*metrics.HEADLINE, "specimen_accuracy")


@dataclasses.dataclass(frozen=True)
class Predictions:
  """What one system said of the test micrographs of one run.

  Attributes:
    specimens: str (m,).
    labels: int (m,).
    probabilities: float64 (m, l).
  """

  specimens: np.ndarray
  labels: np.ndarray
  probabilities: np.ndarray


def read(path: pathlib.Path, class_names: Sequence[str]) -> Predictions:
  """Returns what `assessment.write_predictions` wrote."""
  with path.open(newline="", encoding="utf-8", errors="surrogateescape") as f:
    rows = list(csv.DictReader(f))
  columns = results.columns(class_names)
  return Predictions(
    specimens=np.asarray([row["specimen"] for row in rows]),
    labels=np.asarray([class_names.index(row["true"]) for row in rows]),
    probabilities=np.asarray(
      [[float(row[name]) for name in columns] for row in rows]
    ),
  )


@dataclasses.dataclass(frozen=True)
class Pooled:
  """A system's scores over all folds, and the same of each resample.

  Every micrograph is tested in one fold; a seed's predictions of all folds are
  scored together and the scores averaged over seeds.

  Attributes:
    scores: by name.
    by_fold: by name, one for each fold.
    resampled: by name, float64 (r,); None where there is nothing to resample.
  """

  scores: dict[str, float]
  by_fold: dict[str, list[float]]
  resampled: dict[str, np.ndarray] | None

  def as_json(self) -> dict[str, Any]:
    """Returns {score: {"mean", "interval_95", "folds"}}."""
    return {
      name: {
        "mean": self.scores[name],
        "interval_95": (
          metrics.interval(self.resampled[name]) if self.resampled else None
        ),
        "folds": self.by_fold.get(name, []),
      }
      for name in SCORES
    }

  def minus(self, reference: "Pooled") -> dict[str, Any]:
    """Returns {score: {"mean", "interval_95"}} of the paired difference.

    Both sides of a resample are of the same specimens, so that what is hard
    for every system does not widen the interval.
    """
    both = self.resampled and reference.resampled
    return {
      name: {
        "mean": self.scores[name] - reference.scores[name],
        "interval_95": (
          metrics.interval(self.resampled[name] - reference.resampled[name])
          if both
          else None
        ),
      }
      for name in SCORES
    }


def pool(
  runs: Mapping[tuple[int, int], Predictions], num_classes: int, resamples: int
) -> Pooled:
  """Returns the scores of one system.

  A resample draws specimens with replacement, and seeds where there are
  several: its spread is that of other specimens and other trainings. Systems
  tested on the same specimens get the same draws.

  Args:
    runs: by (fold, seed).
    num_classes: l.
    resamples: of the bootstrap; 0 for no intervals.
  """
  folds, seeds = (sorted({key[i] for key in runs}) for i in range(2))
  names = sorted({n for p in runs.values() for n in p.specimens.tolist()})
  counts = np.zeros((len(seeds), len(names), num_classes, num_classes), int)
  mean_p = np.zeros((len(seeds), len(names), num_classes))
  by_fold = {name: [0.0] * len(folds) for name in metrics.HEADLINE}
  for (fold, seed), found in runs.items():
    s, g = seeds.index(seed), np.searchsorted(names, found.specimens)
    predicted = found.probabilities.argmax(-1)
    np.add.at(counts[s], (g, found.labels, predicted), 1)
    np.add.at(mean_p[s], g, found.probabilities)
    own = metrics.headline(
      metrics.count_matrix(found.labels, predicted, num_classes)
    )
    for name, score in own.items():
      by_fold[name][folds.index(fold)] += float(score) / len(seeds)
  label = counts[0].sum(-1).argmax(-1)  # (g,)
  right = mean_p.argmax(-1) == label  # (s, g)
  everything = np.ones((1, len(names)), int)
  once = _scores(counts, right, everything, np.ones((1, len(seeds))))
  drawn = metrics.draw_specimens(counts[0], resamples) if resamples else None
  resampled = None
  if drawn is not None:
    draw_seeds = np.random.default_rng(1).multinomial
    share = np.full(len(seeds), 1 / len(seeds))
    resampled = _scores(
      counts, right, drawn, draw_seeds(len(seeds), share, len(drawn))
    )
  return Pooled({k: float(v[0]) for k, v in once.items()}, by_fold, resampled)


def _scores(counts, right, drawn, drawn_seeds) -> dict[str, np.ndarray]:
  """Scores (r,) of resamples: specimens (r, g), seeds (r, s)."""
  by_seed = metrics.headline(np.einsum("rg,sgij->rsij", drawn, counts))
  by_seed["specimen_accuracy"] = drawn @ right.T / drawn.sum(-1, keepdims=True)
  weights = drawn_seeds / drawn_seeds.sum(-1, keepdims=True)
  return {name: (v * weights).sum(-1) for name, v in by_seed.items()}
