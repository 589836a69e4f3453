"""How unlike everything trained on an image is.

Takes features of training images, gives a distance of others from them: a
classifier names a class for any image, of anything. NumPy only.
"""

import dataclasses

import numpy as np

from eanet_jax.models import ensemble

# Of images like those trained on so many are taken for foreign.
FALSE_ALARMS = 0.05
_LEAST_STD = 1e-6  # of a feature that never changes
_LEAST_SHARE = 1e-9  # of a direction's variance in that of the first


@dataclasses.dataclass(frozen=True, eq=False)
class Familiar:
  """The directions in which training images differ, of f features.

  Attributes:
    mean, std: float32 (f,), of the training images.
    directions: float32 (DIRECTIONS, f), orthonormal rows, the principal
      components of the standardised features; zeros where there are fewer.
  """

  mean: np.ndarray
  std: np.ndarray
  directions: np.ndarray

  def distances(self, features: np.ndarray) -> np.ndarray:
    """Returns float64 (n,): how far features (n, f) are off these directions.

    The root of the mean square of what is left of the standardised features:
    the distance from feature space of Moghaddam & Pentland 1997.
    """
    scaled = self._scaled(features)
    inside = scaled @ self.directions.T
    left = (scaled**2).sum(1) - (inside**2).sum(1)
    return np.sqrt(np.maximum(left, 0) / scaled.shape[1])

  def places(self, features: np.ndarray) -> np.ndarray:
    """Returns float64 (n, DIRECTIONS): where features (n, f) lie along them."""
    return self._scaled(features) @ self.directions.T

  def _scaled(self, features: np.ndarray) -> np.ndarray:
    # In float64: how float32 products round depends on how many threads a BLAS
    # uses, and with some processors that showed.
    return ((features - self.mean) / self.std).astype(np.float64)


def fit(features: np.ndarray) -> Familiar:
  """Returns what features (n, f) of training images have in common."""
  from scipy import linalg  # prediction fits nothing, and starts without it

  mean = features.mean(0, dtype=np.float64)
  std = features.std(0, dtype=np.float64)
  std[std < _LEAST_STD] = 1.0
  scaled = (features - mean) / std
  n, f = scaled.shape
  # As many images lie in as many directions: one less, and none would be left.
  number = max(0, min(ensemble.DIRECTIONS, n - 2, f))
  directions = np.zeros((ensemble.DIRECTIONS, f), np.float32)
  if number:
    # The smaller of the two matrices of products has the same directions.
    products = scaled @ scaled.T if n < f else scaled.T @ scaled
    last = len(products) - 1
    squares, vectors = linalg.eigh(
      products, subset_by_index=(last + 1 - number, last), check_finite=False
    )
    # Not those in which nothing varies: copies of an image add none.
    varied = np.flatnonzero(squares > _LEAST_SHARE * squares[-1])[::-1]
    rows = vectors[:, varied].T
    if n < f:
      rows = rows @ scaled / np.sqrt(squares[varied])[:, None]
    directions[: len(rows)] = rows
  return Familiar(mean.astype(np.float32), std.astype(np.float32), directions)


def threshold(distances: np.ndarray) -> float:
  """Returns what FALSE_ALARMS of these distances (m,) are above.

  Args:
    distances: of micrographs whose specimens were not fitted to.
  """
  limit = np.quantile(distances, 1 - FALSE_ALARMS, method="higher")
  return max(float(limit), _LEAST_STD)  # it is divided by
