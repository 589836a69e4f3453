"""What a network's scores are compared with: classifiers without a network.

Takes a data set and views of it, gives scores of the classes by the commonest
class ("majority"), by brightness and contrast alone ("grey", to detect a
shortcut) and by classical texture features ("texture"). Each is fitted to the
training views, and scored like a network.
"""

import concurrent.futures
import os
from collections.abc import Mapping

import numpy as np

from eanet_jax.data import dataset, view_facts
from eanet_jax.evaluation import metrics
from eanet_jax.runtime import console
from eanet_jax.workdir import results_json

_DISTANCES_PX = (1, 2, 4, 8)
_GREY_LEVELS = 32
# Haralick et al. 1973, as scikit-image computes them.
_PROPERTIES = (
  "contrast",
  "dissimilarity",
  "homogeneity",
  "energy",
  "correlation",
)
_RADII_PX = (1, 2, 3)
_TEXTURE_SIZE = len(_PROPERTIES) * len(_DISTANCES_PX) + sum(
  8 * radius + 2 for radius in _RADII_PX
)
# Raise the number whenever texture_features gives other values.
_TEXTURE_NAME = "texture-v2"
# Training an SVM takes the square of the images: of more, so many are used.
_MAX_SVM_IMAGES = 10_000
# Added to the variances of standardised features.
_LEAST_VARIANCE = 1e-4
# Score of a class without training images, a finite substitute for log 0.
_NEVER = -1e4
# How far above chance grey levels may score before there is a warning.
_MARGIN = 0.15


def logits(data: dataset.Dataset, chosen: np.ndarray) -> dict[str, np.ndarray]:
  """Returns "majority", "grey" and "texture": float64 (k, l) scores of views.

  The majority's are the logarithms of the classes' shares of the training
  micrographs, the others' the decision function of an SVM; of more than
  `results_json.MAX_SVM_CLASSES` classes, that of linear discriminants. If only
  one class has training images, all are the majority's.

  Args:
    data: views and split; the baselines are fitted to split.train.
    chosen: int (k,), which views.
  """
  views = data.views
  counts = np.bincount(
    views.labels[data.split.train], minlength=len(views.class_names)
  )
  shares = np.full(len(counts), _NEVER)
  np.log(counts / counts.sum(), out=shares, where=counts > 0)
  majority = np.tile(shares, (len(chosen), 1))
  if (counts > 0).sum() == 1:
    return dict.fromkeys(("majority", "grey", "texture"), majority)
  train = views.of(data.split.train)
  labels = data.view_labels[train]
  texture = view_facts.kept(
    views.images,
    _TEXTURE_NAME,
    _TEXTURE_SIZE,
    lambda: texture_features(views.images[..., 0]),
  )
  few = len(counts) <= results_json.MAX_SVM_CLASSES
  scores = _svm_scores if few else _discriminant_scores
  return {
    "majority": majority,
    "grey": scores(
      _grey_features(views.images, train),
      labels,
      _grey_features(views.images, chosen),
      len(counts),
    ),
    "texture": scores(texture[train], labels, texture[chosen], len(counts)),
  }


def _svm_scores(
  train: np.ndarray, labels: np.ndarray, features: np.ndarray, num_classes: int
) -> np.ndarray:
  """Returns float64 (k, l), highest for the class that an RBF SVM predicts.

  Args:
    train: float (t, f), the features to fit to.
    labels: int (t,), of at least two classes.
    features: float (k, f), the ones to score.
    num_classes: l.
  """
  from sklearn import pipeline, preprocessing, svm

  kept = _evenly_of_classes(labels, _MAX_SVM_IMAGES)
  model = pipeline.make_pipeline(
    preprocessing.StandardScaler(),
    # Ties are broken by the decision function: argmax and predict agree.
    svm.SVC(C=10, decision_function_shape="ovr", break_ties=True),
  ).fit(train[kept], labels[kept])
  found = model.decision_function(features)
  if found.ndim == 1:  # two classes: the signed distance from the boundary
    found = np.stack([-found / 2, found / 2], axis=-1)  # (k, 2)
  scores = np.full((len(features), num_classes), _NEVER)
  scores[:, model.classes_] = found
  return scores


def _evenly_of_classes(labels: np.ndarray, number: int) -> np.ndarray:
  """Returns sorted int (k,): all of the labels, or about `number` of them.

  Evenly of each class and over its specimens, whose images are together; at
  least one of a class.
  """
  if len(labels) <= number:
    return np.arange(len(labels))
  by_class = np.argsort(labels, kind="stable")
  evenly = by_class[np.linspace(0, len(labels) - 1, number).astype(int)]
  return np.union1d(evenly, np.unique(labels, return_index=True)[1])


def _discriminant_scores(
  train: np.ndarray, labels: np.ndarray, features: np.ndarray, num_classes: int
) -> np.ndarray:
  """Returns float64 (k, l): linear discriminant analysis of features.

  Normal distributions of one covariance, with classes as frequent as in
  training. scikit-learn's gives nothing where no class has two images. The
  arguments are those of `_svm_scores`.
  """
  classes, number, counts = np.unique(
    labels, return_inverse=True, return_counts=True
  )
  spread = train.std(0, dtype=np.float64)
  spread[spread == 0] = 1
  centre = train.mean(0, dtype=np.float64)
  train, features = (train - centre) / spread, (features - centre) / spread
  means = metrics.mean_by_group(train, number)  # (classes, f)
  within = train - means[number]
  covariance = within.T @ within / len(train)
  # Some features are sums of others, and a class may have a single image.
  covariance += _LEAST_VARIANCE * np.eye(len(covariance))
  weights = np.linalg.solve(covariance, means.T)  # (f, classes)
  scores = np.full((len(features), num_classes), _NEVER)
  scores[:, classes] = (
    features @ weights
    - (means.T * weights).sum(0) / 2
    + np.log(counts / counts.sum())
  )
  return scores


def _grey_features(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
  """Returns float64 (k, 2): mean and standard deviation of images[indices]."""
  return np.array([(images[i].mean(), images[i].std()) for i in indices])


def texture_features(images: np.ndarray) -> np.ndarray:
  """Returns float32 (v, f) texture features of images: uint8 (v, y, x).

  Grey-level co-occurrence properties, averaged over four directions: 5 at each
  of 4 distances. Then histograms of rotation-invariant uniform local binary
  patterns (Ojala et al. 2002) of 8 R points at radius R: 10, 18 and 26 bins.
  The former depend on brightness and contrast, the latter hardly.
  """
  found = np.empty((len(images), _TEXTURE_SIZE), np.float32)
  _texture(np.zeros((8, 8), np.uint8))  # imports, before threads race to
  # Threads, as scikit-image's loops release the GIL: an image of 256 px takes
  # 31 ms on 2 cores, 55 ms on one. An eighth holds the GIL, so 8 are enough.
  pool = concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1))
  try:
    rows = pool.map(lambda i: _texture(images[i]), range(len(images)))
    for i, row in enumerate(
      console.progress(
        rows,
        total=len(images),
        desc="texture features",
        unit="image",
        leave=False,
      )
    ):
      found[i] = row
  finally:  # so that an interrupt does not wait for the rest
    pool.shutdown(cancel_futures=True)
  return found


def _texture(image: np.ndarray) -> np.ndarray:
  """Returns float64 (f,) of one image, uint8 (y, x)."""
  from skimage import feature

  image = np.asarray(image)
  pairs = feature.graycomatrix(
    image // (256 // _GREY_LEVELS),
    _DISTANCES_PX,
    [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4],
    levels=_GREY_LEVELS,
    symmetric=True,
    normed=True,
  )
  parts = [feature.graycoprops(pairs, name).mean(1) for name in _PROPERTIES]
  for radius in _RADII_PX:
    points = 8 * radius
    codes = feature.local_binary_pattern(image, points, radius, "uniform")
    counts = np.bincount(codes.astype(np.int64).ravel(), minlength=points + 2)
    parts.append(counts / codes.size)
  return np.concatenate(parts)


def shortcut_warning(
  summary: results_json.Scores | Mapping[str, float], num_classes: int
) -> str:
  """Returns a warning if grey levels alone tell the classes apart, or "".

  Args:
    summary: `metrics.summary` of the "grey" scores.
    num_classes: l; by chance 1 / l of the answers are right.
  """
  score, chance = summary["balanced_accuracy"], 1 / num_classes
  if score - chance <= _MARGIN:
    return ""
  return (
    "brightness and contrast alone tell the classes apart with a balanced"
    f" accuracy of {score:.3f} (chance {chance:.3f}): a network may have learnt"
    " the microscope's settings rather than the steel"
  )
