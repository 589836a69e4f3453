"""Answers for the views of a split, for their micrographs and specimens.

Takes logits of views, from a network or a baseline, gives probabilities of
tiles, micrographs and specimens. All code that scores, lists, draws or writes
answers finds out here which views belong together.
"""

import dataclasses
import functools

import numpy as np

from eanet_jax.data import known_specimens, view_store
from eanet_jax.evaluation import metrics
from eanet_jax.inference import forward_pass


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
  """Logits of some views of a data set, and what follows from them.

  k views of m micrographs of g specimens. A micrograph's probability is the
  mean over its views, a specimen's the mean over its micrographs.

  Attributes:
    views: all views of the data set.
    chosen: int (k,), which of them were answered.
    logits: float (k, l).
  """

  views: view_store.Views
  chosen: np.ndarray
  logits: np.ndarray

  @functools.cached_property
  def members(self) -> np.ndarray:
    """int (m,): the micrographs answered, as numbers in the data set."""
    return np.unique(self.views.micrograph[self.chosen])

  @functools.cached_property
  def groups(self) -> np.ndarray:
    """int (k,): which of the m micrographs each view is of."""
    return np.searchsorted(self.members, self.views.micrograph[self.chosen])

  @functools.cached_property
  def labels(self) -> np.ndarray:
    """int (m,): the true classes."""
    return self.views.labels[self.members]

  @functools.cached_property
  def specimens(self) -> np.ndarray:
    """str (m,): the specimen of each micrograph."""
    return np.asarray(self.views.specimens)[self.members]

  @functools.cached_property
  def files(self) -> np.ndarray:
    """str (m,): the file of each micrograph."""
    return np.asarray(self.views.files)[self.members]

  @functools.cached_property
  def tile_probabilities(self) -> np.ndarray:
    """float64 (k, l): of each view."""
    return forward_pass.probabilities(self.logits)

  @functools.cached_property
  def probabilities(self) -> np.ndarray:
    """float64 (m, l): of each micrograph."""
    return metrics.mean_by_group(self.tile_probabilities, self.groups)

  @functools.cached_property
  def predicted(self) -> np.ndarray:
    """int (m,): the most probable class of each micrograph."""
    return self.probabilities.argmax(-1)

  @functools.cached_property
  def specimen_groups(self) -> np.ndarray:
    """int (m,): which of the g specimens, by name, each micrograph is of."""
    return np.unique(self.specimens, return_inverse=True)[1]

  @functools.cached_property
  def specimen_labels(self) -> np.ndarray:
    """int (g,): the class of each specimen, in the order of their names."""
    _, first = np.unique(self.specimens, return_index=True)
    return self.labels[first]

  @functools.cached_property
  def specimen_probabilities(self) -> np.ndarray:
    """float64 (g, l): of each specimen, in the order of their names."""
    return metrics.mean_by_group(self.probabilities, self.specimen_groups)

  @property
  def has_tiles(self) -> bool:
    """Whether any micrograph has several views."""
    return len(self.members) < len(self.chosen)

  @functools.cached_property
  def units(self) -> np.ndarray:
    """int (m,): the unit that a bootstrap draws, for each micrograph.

    Its specimen; or itself, if no class of the data set has two specimens.
    """
    # Of the whole data set: a test split may have one specimen of each class.
    known = known_specimens.known(
      np.asarray(self.views.specimens), self.views.labels
    )
    return self.specimen_groups if known else self.members
