"""Sets of classes that hold the true one as often as is promised.

Takes probabilities of micrographs that were left out of training, gives the
probability that a class must have to be in a set. What is promised is of the
next specimen: images of one specimen are near-copies, and a thousand of them
promise no more than one. NumPy only.
"""

import dataclasses

import numpy as np

# What may be promised, in per cent of micrographs of new specimens.
COVERAGES = tuple(range(50, 100))
_ROUNDING = 1e-9  # of sums of weights


@dataclasses.dataclass(frozen=True, eq=False)
class Sets:
  """Conformal prediction with the specimen as the unit of exchange.

  Attributes:
    least: float64 (l, len(COVERAGES)), the probability that a class must have
      to be in a set; 0 where nothing can be promised.
    specimens: int (l,), how many of each class were left out.
  """

  least: np.ndarray
  specimens: np.ndarray

  @property
  def most(self) -> int:
    """The highest of COVERAGES that can be promised; 0 if none can be."""
    return max((c for c in COVERAGES if self.promised(c)), default=0)

  def by_class(self, coverage: int) -> bool:
    """Whether it can be promised of each class, not of all in the mean."""
    return bool(self.specimens.min() >= needed(coverage))

  def promised(self, coverage: int) -> bool:
    """Whether a coverage in per cent can be promised."""
    # Of a class that was never left out nothing is known.
    tested = bool(self.specimens.min() >= 1)
    return tested and bool(self.specimens.sum() >= needed(coverage))

  def of(self, probabilities: np.ndarray, coverage: int) -> list[int]:
    """Returns the classes in the set of one micrograph, most probable first.

    The most probable one always is: a set without any would promise no more.

    Args:
      probabilities: float (l,).
      coverage: one of COVERAGES.
    """
    inside = self.inside(probabilities, coverage)
    inside[probabilities.argmax()] = True
    order = np.argsort(-probabilities, kind="stable")
    return order[inside[order]].tolist()

  def inside(self, probabilities: np.ndarray, coverage: int) -> np.ndarray:
    """Returns bool (l,): which classes are as probable as a true one is.

    Args: as `of` has them.
    """
    least: np.ndarray = self.least[:, COVERAGES.index(coverage)]
    return probabilities >= least


def needed(coverage: int) -> int:
  """Returns the n with n / (n + 1) at least `coverage` per cent.

  No method that knows nothing but n specimens can promise more of the next.
  """
  return -(-coverage // (100 - coverage))


def fit(
  probabilities: np.ndarray,
  labels: np.ndarray,
  units: np.ndarray,
) -> Sets:
  """Returns the sets that left-out micrographs allow to promise.

  A specimen weighs 1 / (n + 1), shared among its micrographs, and so does the
  specimen to come, which may be worse than all: the weighted quantile of Lee,
  Barber & Willett 2023 (Distribution-free inference with hierarchical data).
  Of each class by itself where each has specimens enough, else of all together.
  Exact for networks that saw none of these specimens; where each was left out
  of another network, it is cross-conformal (Vovk 2015) and nearly so.

  Args:
    probabilities: float (m, l).
    labels: int (m,).
    units: (m,), the specimen of each micrograph.
  """
  classes = probabilities.shape[1]
  true = probabilities[np.arange(len(labels)), labels]
  specimens = np.array(
    [len(np.unique(units[labels == i])) for i in range(classes)]
  )
  pooled = _least(true, units)
  by_class = np.zeros((classes, len(COVERAGES)))
  for i in range(classes):
    own = labels == i
    by_class[i] = _least(true[own], units[own])
  enough = np.array([specimens.min() >= needed(c) for c in COVERAGES])
  return Sets(np.where(enough, by_class, pooled), specimens)


def _least(true: np.ndarray, units: np.ndarray) -> np.ndarray:
  """Returns float64 (len(COVERAGES),): the probability at each coverage.

  Args:
    true: float (m,), of the true class.
    units: (m,).
  """
  if not len(true):
    return np.zeros(len(COVERAGES))
  names, unit, counts = np.unique(
    units, return_inverse=True, return_counts=True
  )
  order = np.argsort(-true, kind="stable")
  weights = 1 / ((len(names) + 1) * counts[unit[order]])
  covered = np.cumsum(weights)
  # Of what is as probable all is covered at once, if any is.
  places = np.searchsorted(
    covered, np.array(COVERAGES) / 100 - _ROUNDING, side="left"
  )
  found = np.append(true[order], 0.0)
  return found[places]
