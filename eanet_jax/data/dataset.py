"""The data set of one run: built if need be, split, and measured.

Takes the `dataset` and `split` groups of a configuration, gives a `Dataset`.
"""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Iterable, Sequence

import ml_collections
import numpy as np

from eanet_jax.data import (
  file_limits,
  known_specimens,
  micrographs,
  shortcuts,
  sources,
  split_copies,
  splits,
  view_store,
)
from eanet_jax.runtime import peers, wording

# Of files left out and of test specimens, before training.
_SHOWN = 5
_TESTED_SHOWN = 8
# A longer table has a row for each of so many classes, and one for the others.
_CLASSES_SHOWN = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """What a network sees, which of it is for what, and its grey levels.

  Attributes:
    views: of all micrographs.
    split: of the micrographs.
    by_image: whether each image is standardised by its own grey levels.
    remarks: lines on what the source's names and pictures were taken for.
    states_split: whether the source says what is for what.
  """

  views: view_store.Views
  split: splits.Split
  by_image: bool
  remarks: tuple[str, ...] = ()
  states_split: bool = False

  @functools.cached_property
  def _grey_levels(self) -> tuple[float, float]:
    return pixel_statistics(self.views.images, self.views.of(self.split.train))

  @property
  def mean(self) -> float | None:
    """Of the training views' grey levels, 0 to 255; None `by_image`."""
    return None if self.by_image else self._grey_levels[0]

  @property
  def std(self) -> float | None:
    """Their standard deviation; None `by_image`."""
    return None if self.by_image else self._grey_levels[1]

  @property
  def digest(self) -> str:
    """Hexadecimal; of all that a training depends on, names are no part of."""
    found = hashlib.sha256(self.views.digest.encode())
    for part in (self.split.train, self.split.validation, self.split.test):
      found.update(f"{len(part)} ".encode() + part.astype("<i8").tobytes())
    return found.hexdigest()

  @property
  def view_labels(self) -> np.ndarray:
    """int32 (v,): the label of each view."""
    return self.views.labels[self.views.micrograph]

  def describe(self, listed: str) -> list[str]:
    """Returns lines for people: what was found, its split, what was left out.

    The split's warnings are not among them: they are about figures, and stand
    beside those.

    Args:
      listed: where all that was left out is listed.
    """
    views, split = self.views, self.split
    of_specimens = ""
    if not known_specimens.known(views.specimens, views.labels):
      if len(views.class_names) > 1:
        of_specimens = " (specimens not known)"
    else:
      count = wording.count(len(set(views.specimens)), "specimen")
      of_specimens = f" of {count}"
    lines = [
      f"{wording.count(len(views.labels), 'micrograph')}{of_specimens}:"
      f" {len(split.train)} to train on, {len(split.validation)} to validate,"
      f" {len(split.test)} to test"
    ]
    if split.by == "user":
      lines[0] += ", as the folders or the table say"
    if len(views.class_names) > 1:
      lines += self._table()
    lines += [f"note: {remark}" for remark in self.remarks]
    left_out = [f"{file}: {why}" for file, why in views.skipped]
    left_out += views.unmatched
    shown = left_out if len(left_out) <= _SHOWN + 1 else left_out[:_SHOWN]
    lines += [f"left out: {each}" for each in shown]
    if len(shown) < len(left_out):
      lines.append(f"left out: {len(left_out) - len(shown)} more, see {listed}")
    return lines

  def _table(self) -> list[str]:
    """A row for each class: its specimens, images and their split.

    Of many classes, those with the fewest images; one row is of all others.
    """
    views, split = self.views, self.split
    parts = (split.train, split.validation, split.test)
    first = np.unique(views.specimens, return_index=True)[1]
    columns = {
      "specimens": views.labels[first],
      "images": views.labels,
      **{
        name: views.labels[part]
        for name, part in zip(("train", "validate", "test"), parts, strict=True)
      },
    }
    if not known_specimens.known(views.specimens, views.labels):
      del columns["specimens"]
    names = list(views.class_names)
    images = list(columns).index("images")
    counts = np.stack(
      [np.bincount(of, minlength=len(names)) for of in columns.values()], -1
    )  # (l, columns)
    if len(names) > _CLASSES_SHOWN + 1:
      order = np.argsort(counts[:, images], kind="stable")
      few, others = np.split(order, [_CLASSES_SHOWN])
      names = [*(names[i] for i in few), f"{len(others)} more"]
      counts = np.concatenate([counts[few], counts[others].sum(0)[None]])
    width = max(len("class"), *map(len, names))
    lines = [
      f"  {name:<{width}}" + "".join(f"{cell:>11}" for cell in cells)
      for name, cells in (("class", columns), *zip(names, counts, strict=True))
    ]
    if split.by in ("specimen", "user") and len(split.test):
      tested = sorted({views.specimens[i] for i in split.test})
      named = wording.listed(tested, _TESTED_SHOWN)
      lines.append(f"  test specimens, no image of them is trained on: {named}")
    return lines


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
    data_dir=dataset.data_dir,
    told=micrographs.Told(
      bar_rows=None if dataset.bar_rows < 0 else dataset.bar_rows,
      um_per_px=dataset.file_um_per_px or None,
      keep_overlays=dataset.overlays == "keep",
      resample_um_per_px=dataset.um_per_px or None,
    ),
  )
  with peers.first_process_first():
    views = view_store.load(
      source,
      dataset.data_dir,
      limits=file_limits.Limits(dataset.file_limit_gb, dataset.file_limit_s),
      view=dataset.view,
      image_px=dataset.image_px,
      tile_px=dataset.tile_px,
    )
  if not dataset.allow_duplicates and dataset.source != "unlabelled":
    split_copies.check_classes(views.files, views.labels, views.copies)
  remarks = [*source.remarks, *_of_files(views.remarks)]
  if views.copies:
    shown = split_copies.described(views.files, views.copies)
    remarks.append(f"the same picture: {shown}")
  remarks += shortcuts.remarks(views.class_names, views.labels, views.numbers)
  part_of = {entry.file: entry.part for entry in source.entries}
  parts = splits.split(
    [views.class_names[label] for label in views.labels],
    views.specimens,
    by="none" if dataset.source == "unlabelled" else split.by,
    validate_by=split.validate_by,
    test_specimens=split.test_specimens,
    folds=split.folds,
    fold=split.fold,
    leave_one_out=split.leave_one_out,
    cross_validate=split.cross_validate,
    validation_fraction=split.validation_fraction,
    test_fraction=split.test_fraction,
    train_fraction=split.train_fraction,
    seed=split.seed,
    stated=[part_of[file] for file in views.files],
    copies=views.copies,
  )
  return Dataset(
    views,
    parts,
    dataset.standardise == "image",
    tuple(remarks),
    any(entry.part for entry in source.entries),
  )


def kinds(said: Iterable[tuple[str, str]]) -> list[list[str]]:
  """Returns "remark (file)" of files, alike ones together, commonest first.

  Args:
    said: (file, remark); remarks that differ only in numbers are alike.
  """
  found: dict[str, list[str]] = {}
  for file, remark in said:
    kind = re.sub(r"\d[\d.,]*", "#", remark)
    found.setdefault(kind, []).append(f"{remark} ({file})")
  return sorted(found.values(), key=len, reverse=True)


def _of_files(remarks: Sequence[tuple[str, str]]) -> list[str]:
  """A line for each kind of remark on files, the commonest first."""
  lines = []
  for found in kinds(remarks):
    beside = f", and {wording.count(len(found) - 1, 'file')} like it"
    lines.append(found[0] + beside * (len(found) > 1))
  return lines


def pixel_statistics(
  images: np.ndarray, indices: np.ndarray
) -> tuple[float, float]:
  """Returns (mean, standard deviation) of the grey levels of these images.

  Args:
    images: uint8 (v, y, x, 1).
    indices: int (k,), which of them.
  """
  counts = np.zeros(256, np.int64)
  for i in indices:
    counts += np.bincount(images[i].ravel(), minlength=256)
  levels = np.arange(256)
  mean = (counts @ levels) / counts.sum()
  variance = (counts @ (levels - mean) ** 2) / counts.sum()
  return float(mean), max(float(np.sqrt(variance)), 1.0)
