"""A linear classifier of features, in closed form and calibrated.

Takes features, classes and specimens of training images, gives weights. How
strongly it is regularised, and how sure its probabilities are, is decided by
how it answers for specimens that it was not fitted to. All of it is float64, on
the host.
"""

import dataclasses

import jax
import numpy as np
from scipy import linalg

from eanet_jax.evaluation import calibration, metrics
from eanet_jax.models import transfer
from eanet_jax.runtime import console

# What is chosen among, for each set anew. How much less an image counts that is
# far off in all features of a block, see `transfer.equalise`.
POWERS = (0.0, 0.5, 1.0)
# Shares of the mean variance that are added to every direction.
SHRINKAGES = (0.03, 0.1, 0.3, 1.0)
_FOLDS = 5
# Of features with themselves, in a fit: for each power, in each fold and whole.
PRODUCTS = len(POWERS) * (_FOLDS + 1)
_LEAST_STD = 1e-6  # of a feature; one that never changes says nothing
# Logit of a class without training images, a finite substitute for log 0.
_NEVER = -1e4


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
  """A classifier of n examples of f features, l classes.

  Attributes:
    mean, std: float32 (f,), of the features; see `transfer.equalise`.
    power: the one of POWERS that was chosen, see there.
    kernel: float32 (f, l); logits are the equalised features @ kernel + bias.
    bias: float32 (l,).
    shrinkage: the one of SHRINKAGES that was chosen.
    logits: float64 (n, l), of each example by a classifier that was fitted
      without its specimen (or, where its class has one, its micrograph).
  """

  mean: np.ndarray
  std: np.ndarray
  power: float
  kernel: np.ndarray
  bias: np.ndarray
  shrinkage: float
  logits: np.ndarray


def fit(
  features: np.ndarray,
  labels: np.ndarray,
  specimens: np.ndarray,
  micrographs: np.ndarray,
  sizes: tuple[int, ...],
  num_classes: int,
) -> Fit:
  """Returns the linear discriminant of equalised features, with equal priors.

  Classes are normal distributions with a covariance in common (Fisher 1936),
  shrunk towards a multiple of the identity (Friedman 1989). Its logits are
  divided by the temperature that makes those of left-out specimens most likely.

  Args:
    features: float (n, f), of every view.
    labels: int (n,), below l; a class without any is never an answer.
    specimens: (n,), its specimen.
    micrographs: int (n,), which micrograph each is a view of.
    sizes: of the blocks of features that are equalised.
    num_classes: l.
  """
  present, classes = np.unique(labels, return_inverse=True)
  first, group = np.unique(micrographs, return_index=True, return_inverse=True)[
    1:
  ]
  folds = folds_by_specimen(classes[first], specimens[first])[group]
  scale, ways, logits = _ways(features, classes, sizes, features)
  turns = console.progress(
    range(folds.max() + 1),
    desc="leaving specimens out in turn",
    unit="fold",
    leave=False,
    disable=jax.process_index() > 0,
  )
  for fold in turns:
    out = folds == fold
    seen = features[~out], classes[~out], sizes
    logits[:, out] = _ways(*seen, features[out])[-1]
  scales, losses = zip(
    *(_calibrated(each, classes[first], group) for each in logits), strict=True
  )
  best = int(np.argmin(losses))
  kernel = np.zeros((features.shape[1], num_classes))
  bias, of_examples = (
    np.full(shape, _NEVER)
    for shape in (num_classes, (len(labels), num_classes))
  )
  kernel[:, present], bias[present] = (
    each / scales[best] for each in ways[best]
  )
  of_examples[:, present] = logits[best] / scales[best]
  return Fit(
    mean=scale.mean.astype(np.float32),
    std=scale.std.astype(np.float32),
    power=POWERS[best // len(SHRINKAGES)],
    kernel=kernel.astype(np.float32),
    bias=bias.astype(np.float32),
    shrinkage=SHRINKAGES[best % len(SHRINKAGES)],
    logits=of_examples,
  )


@dataclasses.dataclass(frozen=True, eq=False)
class _Scale:
  """`transfer.equalise` in float64, by training features."""

  mean: np.ndarray
  std: np.ndarray
  sizes: tuple[int, ...]

  @classmethod
  def of(cls, features: np.ndarray, sizes: tuple[int, ...]) -> "_Scale":
    std = features.std(0, dtype=np.float64)
    std[std < _LEAST_STD] = 1.0
    return cls(features.mean(0, dtype=np.float64), std, sizes)

  def __call__(self, features: np.ndarray, power: float) -> np.ndarray:
    """Returns float64 (n, f)."""
    scaled = (features - self.mean) / self.std
    for part in np.split(scaled, np.cumsum(self.sizes)[:-1], axis=1):
      mean = (part**2).mean(1, keepdims=True)
      # In place: each part is a view of what is returned.
      part /= np.maximum(mean, transfer.LEAST_SQUARE) ** (power / 2)
    return scaled


def folds_by_specimen(labels: np.ndarray, specimens: np.ndarray) -> np.ndarray:
  """Returns int (m,): the fold, of up to 5, that leaves a micrograph out.

  All of a specimen are in one fold, the largest specimens apart. Of a class
  with one specimen the micrographs are dealt out, for there is no other way,
  and a class's only micrograph is never left out: -1.

  Args:
    labels, specimens: (m,), of micrographs.
  """
  folds = np.full(len(labels), -1)
  units = []
  for label in np.unique(labels):
    own = np.flatnonzero(labels == label)
    names, number = np.unique(specimens[own], return_inverse=True)
    if len(own) > 1:
      units.append((own, number if len(names) > 1 else np.arange(len(own))))
  most = max((number.max() + 1 for _, number in units), default=0)
  total = np.zeros(min(_FOLDS, most))
  for own, number in units:
    of_class = np.zeros(len(total))
    sizes = np.bincount(number)
    for unit in np.argsort(-sizes, kind="stable"):
      fold = min(range(len(total)), key=lambda i: (of_class[i], total[i]))
      of_class[fold] += sizes[unit]
      total[fold] += sizes[unit]
      folds[own[number == unit]] = fold
  return folds


def _ways(
  features: np.ndarray,
  labels: np.ndarray,
  sizes: tuple[int, ...],
  asked: np.ndarray,
) -> tuple[_Scale, list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
  """Fits in every way there is to choose among, w of them.

  Returns:
    The scale, (kernel, bias) of each way, and float64 (w, k, l): the logits of
    each for the features (k, f) asked about.
  """
  scale = _Scale.of(features, sizes)
  ways, logits = [], []
  for power in POWERS:
    of_power = _fits(scale(features, power), labels)
    there = scale(asked, power)
    ways += of_power
    logits += [there @ kernel + bias for kernel, bias in of_power]
  return scale, ways, np.stack(logits)


def _fits(
  features: np.ndarray, labels: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Returns float64 (kernel (f, l), bias (l,)) for each of SHRINKAGES."""
  centre, spread = features.mean(0), features.std(0)
  spread[spread < _LEAST_STD] = 1.0
  x = (features - centre) / spread
  n, f = x.shape
  means = metrics.mean_by_group(x, labels)  # (l, f)
  within = x - means[labels]
  small = n < f  # then n x n equations are solved in place of f x f
  products = within @ within.T if small else within.T @ within
  mean_variance = max(float(np.trace(products)) / (n * f), _LEAST_STD)
  right = within @ means.T if small else means.T
  diagonal = np.diag_indices(len(products))
  own = products[diagonal]
  found = []
  for shrinkage in SHRINKAGES:
    ridge = n * shrinkage * mean_variance
    products[diagonal] = own + ridge
    factor = linalg.cho_factor(products, lower=True, check_finite=False)
    solved = linalg.cho_solve(factor, right, check_finite=False)
    if small:  # the matrix inversion lemma
      solved = (means.T - within.T @ solved) / ridge
    weights = n * solved  # (f, l)
    kernel = weights / spread[:, None]
    bias = -(means.T * weights).sum(0) / 2 - centre @ kernel
    found.append((kernel, bias))
  return found


def _calibrated(
  logits: np.ndarray, labels: np.ndarray, group: np.ndarray
) -> tuple[float, float]:
  """Returns a temperature for logits (n, l), and the mean -log p it gives.

  Args:
    logits: of views.
    labels: int (m,), of micrographs.
    group: int (n,), the micrograph of each view.
  """
  # Discriminants of many features are far too sure: that factor goes first.
  scale = max(float(logits.std()), np.finfo(np.float64).tiny)
  scale *= calibration.fit_temperature(logits / scale, labels, group)
  return scale, calibration.loss(logits / scale, labels, group)
