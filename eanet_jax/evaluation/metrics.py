"""Scores of a classifier from its tally, with intervals by bootstrap.

Takes class probabilities and labels, gives plain numbers. The tally, three
counts of each class, is the only state; every score derives from it, so that a
thousand classes take a thousand times three numbers and not a million. NumPy
only.
"""

import typing
from collections.abc import Sequence

import numpy as np

from eanet_jax.workdir import results_json

# The scores that tables show and that have an interval, in the tables' order.
HEADLINE: tuple[results_json.Headline, ...] = typing.get_args(
  results_json.Headline
)


# Fewer complete draws than this share, and units are drawn within each class.
_RARELY_COMPLETE = 0.01


class Tally(typing.NamedTuple):
  """Counts of each class: int64 (..., l).

  Attributes:
    right: how often it was predicted rightly.
    support: how many examples of it there are.
    predicted: how often it was predicted.
  """

  right: np.ndarray
  support: np.ndarray
  predicted: np.ndarray

  def resampled(self, drawn: np.ndarray) -> "Tally":
    """Returns the tallies (..., r, l) of resamples of g units.

    Args:
      drawn: int (r, g), how often each unit is in each resample; the tallies
        are (..., g, l).
    """
    # Products of floats are far faster, and exact up to 2^53.
    times = drawn.astype(np.float64)
    return Tally(*((times @ each).astype(np.int64) for each in self))


def tally(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> Tally:
  """Returns the tally of answers: int64 (l,)."""
  counted = (labels[labels == predicted], labels, predicted)
  return Tally(*(np.bincount(each, minlength=num_classes) for each in counted))


def tally_units(
  labels: np.ndarray,
  predicted: np.ndarray,
  units: np.ndarray,
  num_units: int,
  num_classes: int,
) -> Tally:
  """Returns the tally of each unit: int64 (g, l).

  Args:
    labels, predicted: int (k,).
    units: int (k,), which unit each row is of.
    num_units: g.
    num_classes: l.
  """
  first = units * num_classes  # as if each unit had classes of its own
  whole = tally(first + labels, first + predicted, num_units * num_classes)
  return Tally(*(each.reshape(num_units, num_classes) for each in whole))


def class_scores(counts: Tally) -> dict[str, np.ndarray]:
  """Returns precision, recall and F1 of each class: float64 (..., l).

  A ratio with denominator 0 is 0, as in scikit-learn with zero_division=0.
  """
  right, support, predicted = counts
  return {
    "precision": right / np.maximum(predicted, 1),
    "recall": right / np.maximum(support, 1),
    "f1": 2 * right / np.maximum(predicted + support, 1),
  }


def headline(counts: Tally) -> dict[str, np.ndarray]:
  """Returns the HEADLINE scores: float64 (...) of tallies (..., l).

  Macro means are over the classes that occur, as examples or predictions;
  balanced accuracy is over those that have examples. Kappa is Cohen's; 0 if
  chance agreement is complete and it is not defined.
  """
  right, support, predicted = counts
  total = np.maximum(support.sum(-1), 1)
  observed = right.sum(-1) / total
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
  counts = tally(labels, predicted, num_classes)
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
        "support": int(counts.support[i]),
      }
      for i, name in enumerate(class_names)
    },
    "confusion": _confusion(labels, predicted, class_names),
    "examples": len(labels),
  }
  if resamples:
    interval = _intervals(labels, predicted, units, num_classes, resamples)
    if interval:
      result["interval_95"] = interval
  return result


def _confusion(
  labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]
) -> results_json.Confusion:
  """How often which true class was predicted as which; only what occurs."""
  found: results_json.Confusion = {name: {} for name in class_names}
  cells, counts = np.unique(
    labels.astype(np.int64) * len(class_names) + predicted, return_counts=True
  )
  for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
    true, other = divmod(cell, len(class_names))
    found[class_names[true]][class_names[other]] = count
  return found


def _intervals(
  labels: np.ndarray,
  predicted: np.ndarray,
  units: np.ndarray,
  num_classes: int,
  resamples: int,
) -> dict[str, list[float]] | None:
  """Intervals by name; None if every class has one unit."""
  names, units = np.unique(units, return_inverse=True)
  counts = tally_units(labels, predicted, units, len(names), num_classes)
  drawn = draw_units(counts.support, resamples)
  if drawn is None:
    return None
  scores = headline(counts.resampled(drawn))
  return {name: interval(values) for name, values in scores.items()}


def draw_units(support: np.ndarray, resamples: int) -> np.ndarray | None:
  """Returns int64 (r, g): how often each of g units is in each resample.

  A draw that misses a class is drawn again: a mean over fewer classes would be
  another score. With many classes hardly any draw has them all: then as many
  units of each class are drawn as it has. None if every class has one unit, or
  if the classes of such draws have fewer than two on average.

  Args:
    support: int (g, l), the examples of each class in each unit, which is of
      one class.
    resamples: r.
  """
  of_class = support[:, support.any(0)] > 0  # (g, classes that occur)
  num_units, num_classes = of_class.shape
  if num_units == num_classes:
    return None
  rng = np.random.default_rng(0)
  share = np.full(num_units, 1 / num_units)

  def complete() -> np.ndarray:
    drawn = rng.multinomial(num_units, share, resamples)
    met = drawn.astype(np.float64) @ of_class > 0
    return drawn[met.all(-1)]

  kept = complete()
  if len(kept) < _RARELY_COMPLETE * resamples:
    return _draw_within_classes(of_class, resamples, rng)
  while len(kept) < resamples:
    kept = np.concatenate([kept, complete()])
  return kept[:resamples]


def _draw_within_classes(
  of_class: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray | None:
  """Draws of each class as many units as it has; see `draw_units`."""
  num_units, num_classes = of_class.shape
  if num_units < 2 * num_classes:
    return None  # most would be in every draw: no spread to see
  drawn = np.zeros((resamples, num_units), np.int64)
  classes = of_class.argmax(-1)
  for label in range(num_classes):
    own = np.flatnonzero(classes == label)
    share = np.full(len(own), 1 / len(own))
    drawn[:, own] = rng.multinomial(len(own), share, resamples)
  return drawn


def interval(values: np.ndarray) -> list[float]:
  """Returns the central 95 % of resampled values."""
  return [float(v) for v in np.quantile(values, [0.025, 0.975])]


def least_if_all_right(units: int) -> float:
  """Returns the share of right answers that so many right ones leave likely.

  With a smaller share, fewer than 5 of 100 such tests would have no mistake:
  0.05^(1/n), the one-sided bound of Clopper and Pearson (1934). A bootstrap
  says nothing there: all its draws are right.

  Args:
    units: n >= 1 independent ones, such as specimens.
  """
  return float(0.05 ** (1 / units))
