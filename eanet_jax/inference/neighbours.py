"""The training micrographs that are most like a micrograph.

Takes places in the directions in which training images differ (`novelty`),
gives the nearest. NumPy only.
"""

import numpy as np

from eanet_jax.inference import novelty


def places(
  familiar: novelty.Familiar, features: np.ndarray, groups: np.ndarray
) -> np.ndarray:
  """Returns float32 (m, d): where micrographs lie, the mean over their views.

  Args:
    familiar: the directions.
    features: (k, f), of views.
    groups: int (k,), the micrograph of each view, 0..m-1.
  """
  found = familiar.places(features)
  total = np.zeros((groups.max(initial=-1) + 1, found.shape[1]))
  np.add.at(total, groups, found)
  return (total / np.bincount(groups)[:, None]).astype(np.float32)


def nearest(
  place: np.ndarray, others: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the nearest of `others` (m, d) to (d,), and how far they are.

  int (c,) and float64 (c,), the nearest first, c = min(count, m).
  """
  squares = ((others.astype(np.float64) - place) ** 2).sum(1)
  chosen = np.argsort(squares, kind="stable")[:count]
  return chosen, np.sqrt(squares[chosen])
