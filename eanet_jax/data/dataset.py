"""The data set of one run: built if need be, split, and measured.

Takes the `dataset` and `split` groups of a configuration, gives a `Dataset`.
"""

import dataclasses
import functools

import ml_collections
import numpy as np

from eanet_jax.data import sources, splits, view_store
from eanet_jax.runtime import sharding, wording


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """What a network sees, which of it is for what, and its grey levels.

  Attributes:
    views: of all micrographs.
    split: of the micrographs.
    by_image: whether each image is standardised by its own grey levels.
  """

  views: view_store.Views
  split: splits.Split
  by_image: bool

  @functools.cached_property
  def _grey_levels(self) -> tuple[float, float]:
    return view_store.pixel_statistics(
      self.views.images, self.views.of(self.split.train)
    )

  @property
  def mean(self) -> float | None:
    """Of the training views' grey levels, 0 to 255; None `by_image`."""
    return None if self.by_image else self._grey_levels[0]

  @property
  def std(self) -> float | None:
    """Their standard deviation; None `by_image`."""
    return None if self.by_image else self._grey_levels[1]

  @property
  def view_labels(self) -> np.ndarray:
    """int32 (v,): the label of each view."""
    return self.views.labels[self.views.micrograph]

  def describe(self) -> list[str]:
    """Returns lines for people: sizes, what was left out.

    The split's warnings are not among them: they are about figures, and stand
    beside those.
    """
    views, split = self.views, self.split
    noun = "class" if len(views.class_names) == 1 else "classes"
    lines = [
      f"{wording.count(len(views.labels), 'micrograph')} of"
      f" {wording.count(len(set(views.specimens)), 'specimen')}:"
      f" {len(split.train)} to train on, {len(split.validation)} to validate,"
      f" {len(split.test)} to test; {noun} {', '.join(views.class_names)}"
    ]
    lines += [f"left out: {file}: {why}" for file, why in views.skipped]
    return lines + [f"left out: {line}" for line in views.unmatched]


def load(config: ml_collections.ConfigDict) -> Dataset:
  """Returns the data set of a configuration; process 0 builds it first.

  Raises:
    UserError: a source, path or split that cannot be used.
  """
  dataset, split = config.dataset, config.split
  source = sources.find(
    dataset.source,
    dataset.path,
    seed=dataset.seed,
    images_per_specimen=dataset.images_per_specimen,
  )
  with sharding.first_process_first():
    views = view_store.load(
      source,
      dataset.data_dir,
      view=dataset.view,
      image_px=dataset.image_px,
      tile_px=dataset.tile_px,
    )
  parts = splits.split(
    [views.class_names[label] for label in views.labels],
    views.specimens,
    by="none" if dataset.source == "unlabelled" else split.by,
    validate_by=split.validate_by,
    test_specimens=split.test_specimens,
    folds=split.folds,
    fold=split.fold,
    leave_one_out=split.leave_one_out,
    validation_fraction=split.validation_fraction,
    test_fraction=split.test_fraction,
    train_fraction=split.train_fraction,
    seed=split.seed,
  )
  return Dataset(views, parts, by_image=dataset.standardise == "image")
