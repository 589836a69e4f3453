"""Scores of a classifier from its tally, with intervals by bootstrap.

Takes class probabilities and labels, gives plain numbers. A tally is all that a
score derives from: how often each class was right, was true and was predicted,
(3, l) whole numbers. It grows with the classes, where a matrix of counts grows
with their square. NumPy only.
"""

import typing
from collections.abc import Sequence

import numpy as np

from eanet_jax.workdir import results_json

# The scores that tables show and that have an interval, in the tables' order.
HEADLINE: tuple[results_json.Headline, ...] = typing.get_args(
  results_json.Headline
)

# Of the draws of a bootstrap; if fewer have every class, another is used.
_TOO_FEW = 0.01


def tally(
  labels: np.ndarray,
  predicted: np.ndarray,
  num_classes: int,
  units: np.ndarray | None = None,
) -> np.ndarray:
  """Returns int64 (3, l), how often each class was right, true and predicted.

  Args:
    labels: int (k,), the true classes.
    predicted: int (k,).
    num_classes: l.
    units: int (k,), 0..g-1: the tally of each unit by itself, (g, 3, l).
  """
  labels, predicted = np.asarray(labels), np.asarray(predicted)
  unit = np.zeros(len(labels), np.int64) if units is None else units
  found = np.zeros((int(unit.max(initial=0)) + 1, 3, num_classes), np.int64)
  np.add.at(found[:, 0], (unit, labels), labels == predicted)
  np.add.at(found[:, 1], (unit, labels), 1)
  np.add.at(found[:, 2], (unit, predicted), 1)
  return found[0] if units is None else found


def class_scores(tallies: np.ndarray) -> dict[str, np.ndarray]:
  """Returns precision, recall and F1 of each class: float64 (..., l).

  A ratio with denominator 0 is 0, as in scikit-learn with zero_division=0.

  Args:
    tallies: whole numbers (..., 3, l), see `tally`.
  """
  right, support, predicted = np.moveaxis(np.asarray(tallies, float), -2, 0)
  return {
    "precision": right / np.maximum(predicted, 1),
    "recall": right / np.maximum(support, 1),
    "f1": 2 * right / np.maximum(predicted + support, 1),
  }


def headline(tallies: np.ndarray) -> dict[str, np.ndarray]:
  """Returns the HEADLINE scores: float64 (...) of tallies (..., 3, l).

  Macro means are over the classes that occur, as examples or predictions;
  balanced accuracy is over those that have examples. Kappa is Cohen's; 0 if
  chance agreement is complete and it is not defined.
  """
  right, support, predicted = np.moveaxis(np.asarray(tallies, float), -2, 0)
  total = np.maximum(support.sum(-1), 1)
  observed = right.sum(-1) / total
  by_chance = (support * predicted).sum(-1) / total**2
  by_class = class_scores(tallies)
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


def confusion(
  labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]
) -> results_json.Confusion:
  """Returns {true class: {predicted class: how often}} of what occurred."""
  pairs, counts = np.unique(
    np.stack([labels, predicted], axis=-1), axis=0, return_counts=True
  )
  found: results_json.Confusion = {}
  for (true, called), count in zip(
    pairs.tolist(), counts.tolist(), strict=True
  ):
    found.setdefault(class_names[true], {})[class_names[called]] = count
  return found


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
  tallies = tally(labels, predicted, num_classes)
  by_class = class_scores(tallies)
  top_two = np.argsort(-probabilities, axis=-1, kind="stable")[:, :2]
  scores = headline(tallies)
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
        "support": int(tallies[1, i]),
      }
      for i, name in enumerate(class_names)
    },
    "confusion": confusion(labels, predicted, class_names),
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
  _, units = np.unique(units, return_inverse=True)
  tallies = tally(labels, predicted, num_classes, units)
  drawn = draw_units(tallies, resamples)
  if drawn is None:
    return None
  scores = headline(resampled(drawn, tallies))
  return {name: interval(values) for name, values in scores.items()}


def draw_units(tallies: np.ndarray, resamples: int) -> np.ndarray | None:
  """Returns int64 (r, g): how often each of g units is in each resample.

  A draw that misses a class is drawn again: a mean over fewer classes would be
  another score. Where that would be nearly every draw, because there are many
  classes of few units, as many units as a class has are drawn from each class
  by itself (a stratified bootstrap). None if every class has one unit.

  Args:
    tallies: int (g, 3, l), of each unit; a unit has examples of one class.
    resamples: r.
  """
  of_class = tallies[:, 1] > 0  # (g, l)
  classes = of_class.any(0)
  if len(tallies) == classes.sum():
    return None
  rng = np.random.default_rng(0)
  share = np.full(len(tallies), 1 / len(tallies))
  kept = np.empty((0, len(tallies)), np.int64)
  while len(kept) < resamples:
    drawn = rng.multinomial(len(tallies), share, resamples)
    # In float64, whose products are fast, and exact below 2^53.
    missing = drawn.astype(float) @ of_class == 0
    complete = ~missing[:, classes].any(-1)
    if complete.mean() < _TOO_FEW:
      return _draw_by_class(of_class.argmax(-1), resamples, rng)
    kept = np.concatenate([kept, drawn[complete]])
  return kept[:resamples]


def _draw_by_class(
  labels: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
  """As `draw_units`, stratified by the labels (g,) of the units."""
  drawn = np.empty((resamples, len(labels)), np.int64)
  for label in np.unique(labels):
    own = np.flatnonzero(labels == label)
    share = np.full(len(own), 1 / len(own))
    drawn[:, own] = rng.multinomial(len(own), share, resamples)
  return drawn


def resampled(drawn: np.ndarray, tallies: np.ndarray) -> np.ndarray:
  """Returns float64 (r, 3, l), the tally of each resample.

  Args:
    drawn: int (r, g), see `draw_units`.
    tallies: int (g, 3, l).
  """
  units, *rest = tallies.shape
  # In float64, whose products are fast, and exact below 2^53.
  flat = drawn.astype(float) @ tallies.reshape(units, -1)
  return flat.reshape(len(drawn), *rest)


def interval(values: np.ndarray) -> list[float]:
  """Returns the central 95 % of resampled values."""
  return [float(v) for v in np.quantile(values, [0.025, 0.975])]
