"""How systems compare if they were tested on the same specimens.

Takes the test predictions of runs over folds and seeds, gives pooled scores
with intervals and paired differences. NumPy only.
"""

import collections
import dataclasses
from collections.abc import Mapping

import numpy as np

from eanet_jax.data import known_specimens
from eanet_jax.evaluation import metrics
from eanet_jax.workdir import comparison_json, predictions_csv

SCORES = (*metrics.HEADLINE, "specimen_accuracy")


@dataclasses.dataclass(frozen=True)
class Pooled:
  """A system's scores over all folds, and those of each resample.

  Every micrograph is tested in one fold; a seed's predictions of all folds are
  scored together, and the scores are averaged over seeds.

  Attributes:
    scores: by name.
    by_fold: by name, one for each fold.
    unit: what a resample draws, "specimen" or "micrograph".
    resampled: by name, float64 (r,); lacks scores that cannot be resampled.
  """

  scores: dict[str, float]
  by_fold: dict[str, list[float]]
  unit: str
  resampled: dict[str, np.ndarray]

  def as_json(self) -> comparison_json.Estimates:
    """Returns {score: {"mean", "interval_95", "folds"}}."""
    return {
      name: {
        "mean": self.scores[name],
        "interval_95": (
          metrics.interval(self.resampled[name])
          if name in self.resampled
          else None
        ),
        "folds": self.by_fold.get(name, []),
      }
      for name in SCORES
    }

  def minus(self, reference: "Pooled") -> comparison_json.Estimates:
    """Returns {score: {"mean", "interval_95"}} of the paired difference.

    A resample draws the same specimens for both, so that what is hard for every
    system does not widen the interval.
    """
    both = self.resampled.keys() & reference.resampled.keys()
    return {
      name: {
        "mean": self.scores[name] - reference.scores[name],
        "interval_95": (
          metrics.interval(self.resampled[name] - reference.resampled[name])
          if name in both
          else None
        ),
      }
      for name in SCORES
    }


def pool(
  runs: Mapping[tuple[int, int], predictions_csv.Predictions],
  num_classes: int,
  resamples: int,
) -> Pooled:
  """Returns the scores of one system.

  A resample draws specimens with replacement, and seeds if there are several:
  its spread is that of other specimens and other trainings. Systems tested on
  the same specimens get the same draws. If no class has two specimens, it draws
  micrographs, see `known_specimens.known`.

  Args:
    runs: test predictions by (fold, seed).
    num_classes: l.
    resamples: bootstrap draws; 0 for no intervals.
  """
  folds, seeds = (sorted({key[i] for key in runs}) for i in range(2))
  joined = {
    name: np.concatenate([getattr(found, name) for found in runs.values()])
    for name in ("files", "specimens", "labels")
  }
  known = known_specimens.known(joined["specimens"], joined["labels"])
  specimens, files = np.unique(joined["specimens"]), np.unique(joined["files"])
  units = specimens if known else files
  counts = metrics.Tally(
    *np.zeros((3, len(seeds), len(units), num_classes), np.int64)
  )
  sum_p = np.zeros((len(seeds), len(specimens), num_classes))
  label = np.zeros(len(specimens), int)
  by_fold: dict[str, list[float]] = {
    name: [0.0] * len(folds) for name in metrics.HEADLINE
  }
  runs_of = collections.Counter(fold for fold, _ in runs)
  for (fold, seed), found in runs.items():
    s, g = seeds.index(seed), np.searchsorted(specimens, found.specimens)
    u = g if known else np.searchsorted(files, found.files)
    predicted = found.probabilities.argmax(-1)
    own = metrics.tally_units(
      found.labels, predicted, u, len(units), num_classes
    )
    for total, more in zip(counts, own, strict=True):
      total[s] += more
    np.add.at(sum_p[s], g, found.probabilities)
    label[g] = found.labels
    of_run = metrics.headline(
      metrics.tally(found.labels, predicted, num_classes)
    )
    for name, score in of_run.items():
      by_fold[name][folds.index(fold)] += float(score) / runs_of[fold]
  right = sum_p.argmax(-1) == label  # (s, g)
  once = np.ones((1, len(units)), int), np.ones((1, len(seeds)))
  scores = {k: float(v[0]) for k, v in _scores(counts, *once).items()}
  scores["specimen_accuracy"] = float(right.mean())
  drawn = (
    metrics.draw_units(counts.support[0], resamples) if resamples else None
  )
  resampled: dict[str, np.ndarray] = {}
  if drawn is not None:
    draw_seeds = np.random.default_rng(1).multinomial
    share = np.full(len(seeds), 1 / len(seeds))
    drawn_seeds = draw_seeds(len(seeds), share, len(drawn))
    resampled = _scores(counts, drawn, drawn_seeds)
    if known:
      each = drawn @ right.T / drawn.sum(-1, keepdims=True)  # (r, s)
      resampled["specimen_accuracy"] = _mean_over_seeds(each, drawn_seeds)
  unit = "specimen" if known else "micrograph"
  return Pooled(scores, by_fold, unit, resampled)


def _scores(
  counts: metrics.Tally, drawn: np.ndarray, drawn_seeds: np.ndarray
) -> dict[str, np.ndarray]:
  """Scores (r,) of resamples: units (r, g), seeds (r, s)."""
  by_seed = metrics.headline(counts.resampled(drawn))  # (s, r) each
  return {k: _mean_over_seeds(v.T, drawn_seeds) for k, v in by_seed.items()}


def _mean_over_seeds(
  by_seed: np.ndarray, drawn_seeds: np.ndarray
) -> np.ndarray:
  """Means (r,) of scores (r, s) over the seeds drawn (r, s)."""
  weights = drawn_seeds / drawn_seeds.sum(-1, keepdims=True)
  return (by_seed * weights).sum(-1)
