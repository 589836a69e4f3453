"""What a network looks at of a file: its views, cleaned and cut as in training.

Takes a file and what is told of it, gives uint8 views and what the file alone
decides of its prediction; or why there are none.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from eanet_jax.data import file_readers, micrographs, picture_facts


@dataclasses.dataclass(frozen=True)
class Seen:
  """What the network sees of a file: uint8 views (v, y, x, 1), or an error.

  Attributes:
    views: none if there is an error.
    field_um: how wide a view is, see `micrographs.field_um`.
    of_file: the fields of a `Prediction` that the file alone decides.
  """

  views: np.ndarray
  field_um: float | None = None
  of_file: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  error: str = ""


class PictureViews:
  """Reads files as a trained network takes them, from any number of threads.

  Attributes:
    told: what is said of all files, and how they are cleaned.
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

  def read(
    self,
    path: str | os.PathLike,
    told: micrographs.Told | None = None,
    *,
    facts: bool = False,
  ) -> tuple[micrographs.Micrograph | None, Seen]:
    """Returns the cleaned micrograph and its views; None and why not.

    Args:
      path: the file.
      told: what is known of this file in place of what is of all.
      facts: whether brightness, contrast and size are measured.
    """
    dataset = self._dataset
    side = dataset["image_px"]
    said = as_trained(told, dataset) if told else self.told
    try:
      micrograph = self._readers.read(path, said)
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
