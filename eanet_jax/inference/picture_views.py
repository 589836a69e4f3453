"""What a network looks at of a picture: views, cleaned and cut as in training.

Takes a file or an array and what is told of it, gives uint8 views and what it
alone decides of its prediction; or why there are none.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from eanet_jax import errors
from eanet_jax.data import (
  file_readers,
  image_folders,
  micrographs,
  picture_facts,
  read_ahead,
)

# A file, or the grey levels of a picture (y, x), see `Classifier.__call__`.
Picture = str | os.PathLike | np.ndarray
# What is known of all pictures of a call, or of some by name.
ToldOf = micrographs.Told | Mapping[str, micrographs.Told]
_COLOURS = 4  # of a picture (y, x, c), at most


@dataclasses.dataclass(frozen=True)
class Seen:
  """What the network sees of a picture: uint8 views (v, y, x, 1), or an error.

  Attributes:
    views: none if there is an error.
    field_um: how wide a view is, see `micrographs.field_um`.
    of_file: the fields of a `Prediction` that the picture alone decides.
  """

  views: np.ndarray
  field_um: float | None = None
  of_file: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  error: str = ""


def given(pictures: Picture | Iterable[Picture]) -> Iterator[Picture]:
  """Yields each picture, and those of folders.

  A folder without images stands for itself, so that reading says so.

  Args:
    pictures: files, folders that are searched to any depth, arrays (y, x), or a
      stack of them (n, y, x); or a single one.
  """
  if isinstance(pictures, str | os.PathLike):  # a str would give characters
    pictures = [pictures]
  if isinstance(pictures, np.ndarray) and not _is_stack(pictures):
    pictures = [pictures]  # of colours, rows would be taken for pictures
  for picture in pictures:
    if isinstance(picture, str | os.PathLike):
      yield from image_folders.expand([picture])
    else:
      yield picture


def _is_stack(array: np.ndarray) -> bool:
  return array.ndim == 3 and array.shape[-1] > _COLOURS


def named(pictures: Iterable[Picture]) -> Iterator[tuple[str, Picture]]:
  """Yields pictures with what they are called: a path, or "array 3", from 0.

  Raises:
    UserError: something is neither a path nor an array.
  """
  for i, picture in enumerate(pictures):
    if isinstance(picture, np.ndarray):
      yield f"array {i}", picture
    elif isinstance(picture, str | os.PathLike):
      yield str(picture), picture
    else:
      raise errors.UserError(
        f"picture {i} is a {type(picture).__name__}: give a path, or a NumPy"
        " array of its grey levels"
      )


class PictureViews:
  """Reads pictures as a trained network takes them, from any number of threads.

  Attributes:
    told: what is said of all, and how they are cleaned.
  """

  def __init__(
    self,
    dataset: Mapping[str, Any],
    readers: file_readers.Readers,
    told: micrographs.Told,
  ):
    """Takes the `dataset` group of the network's configuration.

    Args:
      dataset: see above.
      readers: of the files.
      told: what is said of all files.
    """
    self._dataset, self._readers = dataset, readers
    self.told = as_trained(told, dataset)

  def groups(
    self,
    pictures: Iterable[Picture],
    told: ToldOf | None,
    most_views: int,
    *,
    facts: bool = False,
  ) -> Iterator[list[tuple[str, Seen]]]:
    """Yields groups of pictures by name, reading ahead of who takes them.

    Each has twice as many views as the one before, from one on: the first
    answer comes at once, and devices are kept busy.

    Args:
      pictures: as many as there may be: a few are in memory at a time.
      told: in place of what is known of all that are read.
      most_views: of a group, about.
      facts: see `read`.

    Raises:
      UserError: see `read` and `named`.
    """

    def seen_in(each: tuple[str, Picture]) -> Seen:
      own = told.get(each[0]) if isinstance(told, Mapping) else told
      return self.read(*each, own, facts=facts)[1]

    waiting: list[tuple[str, Seen]] = []
    views, enough = 0, 1
    for (name, _), seen in read_ahead.in_order(
      seen_in, named(pictures), lambda seen: seen.views.nbytes
    ):
      waiting.append((name, seen))
      views += len(seen.views)
      if views >= enough:
        yield waiting
        waiting, views = [], 0
        enough = min(2 * enough, most_views)
    if waiting:
      yield waiting

  def read(
    self,
    name: str,
    picture: Picture,
    told: micrographs.Told | None = None,
    *,
    facts: bool = False,
  ) -> tuple[micrographs.Micrograph | None, Seen]:
    """Returns the cleaned micrograph and its views; None and why not.

    Args:
      name: see `named`.
      picture: a file, or an array.
      told: what is known of this one in place of what is of all.
      facts: whether brightness, contrast and size are measured.

    Raises:
      UserError: an array is not one of grey levels.
    """
    dataset = self._dataset
    side = dataset["image_px"]
    said = as_trained(told, dataset) if told else self.told
    try:
      if isinstance(picture, np.ndarray):
        micrograph = micrographs.of_array(picture, name, said)
      else:
        micrograph = self._readers.read(picture, said)
      views = micrographs.views(
        micrograph.image, dataset["view"], side, dataset["tile_px"]
      )
    except micrographs.MicrographError as error:
      nothing = np.empty((0, side, side, 1), np.uint8)
      return None, Seen(nothing, error=str(error))
    field_um = micrographs.field_um(
      micrograph.um_per_px,
      micrograph.image.size,
      dataset["view"],
      dataset["tile_px"],
    )
    corners = np.zeros((1, 2), np.int64)
    if dataset["view"] == "tiles":
      height, width = micrograph.image.shape
      corners = micrographs.corners(height, width, dataset["tile_px"])
    of_file = {
      "um_per_px": micrograph.um_per_px,
      "um_from": micrograph.um_from,
      "crop_rows": micrograph.crop_rows,
      "bar_from": micrograph.bar_from,
      "remarks": micrograph.remarks,
      "corners": corners,
      "facts": picture_facts.measure(micrograph.image) if facts else None,
    }
    return micrograph, Seen(views[..., None], field_um, of_file)


def as_trained(
  told: micrographs.Told, dataset: Mapping[str, Any]
) -> micrographs.Told:
  """Returns what is told of files, which are to be cleaned as in training.

  The microscope's bar is taken to be as tall as was said then. How wide the
  pixels were then says nothing about other files.
  """
  if told.bar_rows is None and dataset["bar_rows"] >= 0:
    told = dataclasses.replace(told, bar_rows=dataset["bar_rows"])
  return dataclasses.replace(
    told,
    keep_overlays=dataset["overlays"] == "keep",
    resample_um_per_px=dataset["um_per_px"] or None,
  )
