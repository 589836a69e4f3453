"""Scores of a classifier from its count matrix, with intervals by bootstrap.

Takes class probabilities and labels, gives plain numbers. The (l, l) matrix of
counts, true class by predicted class, is the only state; every score derives
from it. NumPy only.
"""

import typing

import numpy as np

from eanet_jax.workdir import results_json

# The scores that tables show and that have an interval, in the tables' order.
HEADLINE: tuple[results_json.Headline, ...] = typing.get_args(
  results_json.Headline
)


def count_matrix(
  labels: np.ndarray, predicted: np.ndarray, num_classes: int
) -> np.ndarray:
  """Returns int64 (l, l): how often class i was predicted as class j."""
  cells = np.asarray(labels) * num_classes + np.asarray(predicted)
  counts = np.bincount(cells, minlength=num_classes**2)
  return counts.reshape(num_classes, num_classes)


def class_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
  """Returns precision, recall and F1 of each class: float64 (..., l).

  A ratio with denominator 0 is 0, as in scikit-learn with zero_division=0.

  Args:
    counts: int (..., l, l).
  """
  right = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
  predicted, support = counts.sum(-2), counts.sum(-1)
  return {
    "precision": right / np.maximum(predicted, 1),
    "recall": right / np.maximum(support, 1),
    "f1": 2 * right / np.maximum(predicted + support, 1),
  }


def headline(counts: np.ndarray) -> dict[str, np.ndarray]:
  """Returns the HEADLINE scores: float64 (...) of counts (..., l, l).

  Macro means are over the classes that occur, as examples or predictions;
  balanced accuracy is over those that have examples. Kappa is Cohen's; 0 if
  chance agreement is complete and it is not defined.
  """
  total = np.maximum(counts.sum((-2, -1)), 1)
  observed = np.trace(counts, axis1=-2, axis2=-1) / total
  support, predicted = counts.sum(-1), counts.sum(-2)
  by_chance = (support * predicted).sum(-1) / total.astype(np.float64) ** 2
  by_class = class_scores(counts)
  present = np.maximum((support > 0).sum(-1), 1)
  occurring = np.maximum((support + predicted > 0).sum(-1), 1)
  chance_left = np.where(by_chance < 1, 1 - by_chance, 1)
  return {
    "accuracy": observed,
    "balanced_accuracy": by_class["recall"].sum(-1) / present,
    "macro_precision": by_class["precision"].sum(-1) / occurring,
    "macro_recall": by_class["recall"].sum(-1) / occurring,
    "macro_f1": by_class["f1"].sum(-1) / occurring,
    "kappa": np.where(by_chance < 1, (observed - by_chance) / chance_left, 0),
  }


def mean_by_group(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
  """Returns float64 (g, ...): the mean of values (k, ...) in each group 0..g-1.

  Args:
    values: float (k, ...).
    groups: int (k,), every number from 0 to its maximum at least once.
  """
  sums = np.zeros((groups.max() + 1, *values.shape[1:]))
  np.add.at(sums, groups, values)
  counts = np.bincount(groups).reshape(-1, *[1] * (values.ndim - 1))
  return sums / counts


def summary(
  probabilities: np.ndarray,
  labels: np.ndarray,
  units: np.ndarray,
  class_names: tuple[str, ...],
  resamples: int,
) -> results_json.Scores:
  """Returns every score of one level as JSON values, with 95 % intervals.

  The interval is a percentile bootstrap over units, drawn with replacement: the
  rows of a unit are drawn together. A draw that misses a class is drawn again.
  With few units the interval is rough; if a class has one unit, it does not
  show how units of that class differ; if every class has one, there is none.

  Args:
    probabilities: float (k, l).
    labels: int (k,).
    units: (k,), which unit each row is of: specimens, or micrographs if
      specimens are not known.
    class_names: l names.
    resamples: bootstrap draws; 0 for no intervals.
  """
  num_classes = len(class_names)
  predicted = probabilities.argmax(-1)
  counts = count_matrix(labels, predicted, num_classes)
  by_class = class_scores(counts)
  top_two = np.argsort(-probabilities, axis=-1, kind="stable")[:, :2]
  scores = headline(counts)
  result: results_json.Scores = {
    "accuracy": float(scores["accuracy"]),
    "balanced_accuracy": float(scores["balanced_accuracy"]),
    "macro_precision": float(scores["macro_precision"]),
    "macro_recall": float(scores["macro_recall"]),
    "macro_f1": float(scores["macro_f1"]),
    "kappa": float(scores["kappa"]),
    "top2_accuracy": float((top_two == labels[:, None]).any(-1).mean()),
    "per_class": {
      name: {
        "precision": float(by_class["precision"][i]),
        "recall": float(by_class["recall"][i]),
        "f1": float(by_class["f1"][i]),
        "support": int(counts[i].sum()),
      }
      for i, name in enumerate(class_names)
    },
    "confusion_matrix": counts.tolist(),
    "examples": len(labels),
  }
  if resamples:
    interval = _intervals(labels, predicted, units, num_classes, resamples)
    if interval:
      result["interval_95"] = interval
  return result


def specimens_known(specimens: np.ndarray, labels: np.ndarray) -> bool:
  """Returns whether any class of a data set has two specimens.

  If none has, as in folders of images sorted only by class, a bootstrap draws
  micrographs: its intervals are for other images of the same specimens, and
  narrower than they would be for other specimens.

  Args:
    specimens: (m,), of each micrograph.
    labels: int (m,).
  """
  return len(np.unique(specimens)) > len(np.unique(labels))


def _intervals(
  labels: np.ndarray,
  predicted: np.ndarray,
  units: np.ndarray,
  num_classes: int,
  resamples: int,
) -> dict[str, list[float]] | None:
  """Intervals by name; None if every class has one unit."""
  names, units = np.unique(units, return_inverse=True)
  counts = np.zeros((len(names), num_classes, num_classes), np.int64)
  np.add.at(counts, (units, labels, predicted), 1)
  drawn = draw_units(counts, resamples)
  if drawn is None:
    return None
  scores = headline(np.einsum("rg,gij->rij", drawn, counts))
  return {name: interval(values) for name, values in scores.items()}


def draw_units(counts: np.ndarray, resamples: int) -> np.ndarray | None:
  """Returns int64 (r, g): how often each of g units is in each resample.

  A draw that misses a class is drawn again: a mean over fewer classes would be
  another score. None if every class has one unit.

  Args:
    counts: int (g, l, l), the count matrix of each unit.
    resamples: r.
  """
  of_class = counts.sum(-1) > 0  # (g, l)
  classes = of_class.any(0)
  if len(counts) == classes.sum():
    return None
  rng = np.random.default_rng(0)
  share = np.full(len(counts), 1 / len(counts))
  kept = np.empty((0, len(counts)), np.int64)
  while len(kept) < resamples:
    drawn = rng.multinomial(len(counts), share, resamples)
    complete = (drawn @ of_class > 0)[:, classes].all(-1)
    kept = np.concatenate([kept, drawn[complete]])
  return kept[:resamples]


def interval(values: np.ndarray) -> list[float]:
  """Returns the central 95 % of resampled values."""
  return [float(v) for v in np.quantile(values, [0.025, 0.975])]
