"""How far a classifier's probabilities can be trusted, and a T to mend them.

Takes logits and labels of validation and test micrographs, gives a temperature
and the reliability before and after. NumPy and SciPy only.
"""

import numpy as np
from scipy import optimize, special

from eanet_jax.evaluation import answers, metrics
from eanet_jax.inference import forward_pass
from eanet_jax.workdir import results_json

_HIGHEST = 20.0
_LOWEST = 1 / _HIGHEST
_INSIDE = 1.01  # the search ends near a bound, not on it
# Odd, and the range symmetric in log T, so that T = 1 is one of the points.
_GRID_POINTS = 61


def reliability(
  probabilities: np.ndarray, labels: np.ndarray, bins: int = 10
) -> results_json.Reliability:
  """Returns the expected calibration error and its bins as JSON values.

  "ece" is Eq. 3 of Guo et al. 2017; "bins" are of equal width over the top
  probability, low <= p < high, and the last includes p = 1. Confidence and
  accuracy are means over the rows of a bin, None if it has none.

  Args:
    probabilities: float (k, l).
    labels: int (k,).
    bins: their number.
  """
  top = probabilities.max(-1)
  right = probabilities.argmax(-1) == labels
  edges = np.arange(bins + 1) / bins
  place = np.digitize(top, edges[1:-1])
  rows: list[results_json.Bin] = []
  error = 0.0
  for i in range(bins):
    inside = place == i
    count = int(inside.sum())
    confidence = float(top[inside].mean()) if count else None
    accuracy = float(right[inside].mean()) if count else None
    if confidence is not None and accuracy is not None:
      error += count / len(labels) * abs(accuracy - confidence)
    rows.append(
      {
        "low": float(edges[i]),
        "high": float(edges[i + 1]),
        "count": count,
        "confidence": confidence,
        "accuracy": accuracy,
      }
    )
  return {"ece": error, "bins": rows}


def fit_temperature(
  logits: np.ndarray, labels: np.ndarray, group: np.ndarray
) -> float:
  """Returns the T, 0.05 to 20, with the least mean -log p of the true classes.

  A micrograph's p is the mean over its views of softmax(logits / T): with one
  view each, temperature scaling as in Guo et al. 2017. Never worse than T = 1.
  If every view is right, however narrowly, it is the lower bound.

  Args:
    logits: float (k, l), of views.
    labels: int (m,), of micrographs.
    group: int (k,), the micrograph of each view, 0..m-1.
  """
  logits = np.asarray(logits, np.float64)

  def of(log_t: float) -> float:
    return loss(logits / np.exp(log_t), labels, group)

  # With several views there may be several minima: the grid finds the valley.
  edge = np.log(_HIGHEST)
  grid = np.linspace(-edge, edge, _GRID_POINTS)
  losses = [of(log_t) for log_t in grid]
  best = int(np.argmin(losses))
  valley = grid[max(best - 1, 0)], grid[min(best + 1, _GRID_POINTS - 1)]
  found = optimize.minimize_scalar(of, bounds=valley, method="bounded")
  log_t = found.x if found.fun < losses[best] else grid[best]
  return float(np.clip(np.exp(log_t), _LOWEST, _HIGHEST))


def loss(logits: np.ndarray, labels: np.ndarray, group: np.ndarray) -> float:
  """Returns the mean -log p of the true classes of micrographs.

  Args: as `fit_temperature` has them.
  """
  truth = labels[group][:, None]  # (k, 1)
  log_p = special.log_softmax(logits, axis=-1)
  log_p = np.take_along_axis(log_p, truth, axis=-1)[:, 0]  # (k,)
  # The mean over views in logarithms: p itself underflows at a small T.
  peak = np.full(len(labels), -np.inf)
  np.maximum.at(peak, group, log_p)
  mean = metrics.mean_by_group(np.exp(log_p - peak[group]), group)
  return float(-(peak + np.log(mean)).mean())


def summary(
  validation: answers.Answers, test: answers.Answers
) -> results_json.Calibration:
  """Returns T of the validation micrographs and what it does to the test ones.

  "temperature" is `fit_temperature`; "before" and "after" are the `reliability`
  of the test micrographs without and with it.
  """
  temperature = fit_temperature(
    validation.logits, validation.labels, validation.groups
  )

  def of_test(t: float) -> results_json.Reliability:
    p = forward_pass.probabilities(np.asarray(test.logits, np.float64) / t)
    return reliability(metrics.mean_by_group(p, test.groups), test.labels)

  return {
    "temperature": temperature,
    "before": of_test(1.0),
    "after": of_test(temperature),
  }


def of_folds(
  answered: answers.Answers, folds: np.ndarray
) -> results_json.Calibration:
  """Returns T of answers by networks that were trained without them.

  "after" and the second of "losses" are nested: each fold's answers by the T of
  the other folds. T is applied only if that is better, if T is not at a bound
  of its search, and if some answer is wrong: else "reason" says which of these.

  Args:
    answered: for the views of all folds.
    folds: int (k,), the fold of each view.
  """
  labels, groups = answered.labels, answered.groups
  logits = np.asarray(answered.logits, np.float64)
  temperature = fit_temperature(logits, labels, groups)
  nested = np.empty_like(logits)
  for fold in np.unique(folds):
    others = folds != fold
    kept, of_kept = np.unique(groups[others], return_inverse=True)
    t = fit_temperature(logits[others], labels[kept], of_kept)
    nested[~others] = logits[~others] / t
  losses = [loss(each, labels, groups) for each in (logits, nested)]
  wrong = int((answered.predicted != labels).sum())
  reason = ""
  if not wrong:
    reason = "every answer is right, so that none says how sure to be"
  elif not _LOWEST * _INSIDE < temperature < _HIGHEST / _INSIDE:
    reason = "it is at a bound of its search"
  elif losses[1] >= losses[0]:
    reason = "that of the other folds does not make a fold's answers better"

  def of(each: np.ndarray) -> results_json.Reliability:
    p = metrics.mean_by_group(forward_pass.probabilities(each), groups)
    return reliability(p, labels)

  return {
    "temperature": temperature,
    "before": of(logits),
    "after": of(nested),
    "losses": losses,
    "applied": not reason,
    "reason": reason,
  }
