"""One microscope file becomes one clean grey image.

Takes a BMP, TIFF, PNG or JPEG as the microscope or an image program wrote it,
with whatever data bar, bit depth, palette and metadata it has. Gives the
specimen rows as uint8 and the pixel size where the file states it. Every file
that cannot be used ends as one MicrographError with a reason for people;
files are untrusted, their metadata too.
"""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from eanet_jax.data import (
  bar_and_scale,
  data_bar,
  grey_arrays,
  grey_levels,
  image_files,
  overlays,
)

MIN_SIDE_PX = image_files.MIN_SIDE_PX
MicrographError = image_files.MicrographError
# A picture that is enlarged more looks blurred beside others.
_FINE_ZOOM = 2.0


@dataclasses.dataclass(frozen=True)
class Told:
  """What the user says of a file and wants of it; they have the last word.

  Attributes:
    bar_rows: of the data bar; None to find them.
    um_per_px: micrometres that a pixel is wide; None to take what is stated.
    keep_overlays: whether what is drawn over the specimen stays to be seen.
    resample_um_per_px: how wide pixels shall be, micrometres; None as they are.
  """

  bar_rows: int | None = None
  um_per_px: float | None = None
  keep_overlays: bool = False
  resample_um_per_px: float | None = None


NOTHING_TOLD = Told()


@dataclasses.dataclass(frozen=True)
class Micrograph:
  """The specimen rows of one file, and how they were found.

  Attributes:
    image: uint8 (y, x), without the data bar.
    crop_rows: of the data bar, at the bottom.
    um_per_px: micrometres that a pixel of `image` is wide; None where nothing
      says.
    bar_from: what told crop_rows: "told", "tag", "sidecar", "looks", "none".
    um_from: what told um_per_px: "told", "tag", "sidecar" or "none".
    levels: how grey levels became 8 bits, in a few words for people.
    overlays: (y, x, height, width) of each box that is drawn over the specimen,
      as a scale bar is; unless they are kept, what is around them is mirrored
      into them.
    remarks: what a person should know of this file, a line each.
  """

  image: np.ndarray
  crop_rows: int
  um_per_px: float | None
  bar_from: str = "none"
  um_from: str = "none"
  levels: str = "8 bits"
  overlays: tuple[tuple[int, int, int, int], ...] = ()
  remarks: tuple[str, ...] = ()


def read(
  path: str | os.PathLike,
  told: Told = NOTHING_TOLD,
  *,
  keep_bar: bool = False,
) -> Micrograph:
  """Returns the file's micrograph; raises only MicrographError.

  It takes the time and the memory that the file asks for, and decoders may
  print: `file_readers.Readers` bounds what strange files cost.

  Args:
    path: the file.
    told: what the user says of it.
    keep_bar: whether `image` is the whole picture as it is in the file, to be
      looked at: with its data bar and overlays, not resampled.
  """
  path = pathlib.Path(path)
  with _one_reason():
    return _cleaned(image_files.decode(path), path, told, keep_bar)


def of_array(
  pixels: np.ndarray, name: str, told: Told = NOTHING_TOLD
) -> Micrograph:
  """Returns the micrograph of an array, as `read` does of a file with it.

  Args:
    pixels: see `grey_arrays.raw`.
    name: the array's, for errors.
    told: what the user says of it.

  Raises:
    UserError: it is no array of grey levels.
    MicrographError: it cannot be used.
  """
  raw = grey_arrays.raw(pixels, name)
  with _one_reason():
    return _cleaned(raw, None, told)


@contextlib.contextmanager
def _one_reason() -> Iterator[None]:
  """Turns whatever is raised inside into a MicrographError."""
  try:
    yield
  except MicrographError:
    raise
  except (MemoryError, Image.DecompressionBombError) as error:
    raise image_files.TooLargeError(f"too large: {error}") from error
  except Exception as error:
    # Decoders meet damaged bytes with nearly every type of exception.
    if "out of memory" in str(error):  # as Pillow's decoders say it
      raise image_files.TooLargeError(f"too large: {error}") from error
    raise MicrographError(image_files.reason(error)) from error


def _cleaned(
  raw: image_files.Raw,
  path: pathlib.Path | None,
  told: Told,
  keep_bar: bool = False,
) -> Micrograph:
  """Returns the micrograph of a decoded picture; `path` if it is a file's."""
  levels = grey_levels.Levels(raw)
  # Above the highest possible bar there is nothing but specimen.
  sure_rows = int(raw.height * (1 - data_bar.MAX_BAR_SHARE))
  found = bar_and_scale.find(
    path,
    raw.tags,
    levels.to_uint8(sure_rows).image,
    told.bar_rows,
    told.um_per_px,
  )
  rows = max(raw.height - found.bar_rows, 0)
  image_files.check_not_small(raw.width, rows)
  # The white of the bar must not set the full scale of the specimen.
  grey = levels.to_uint8(rows)
  specimen = grey.image[:rows]
  boxes = overlays.find(specimen)
  if not told.keep_overlays:
    specimen = overlays.hidden(specimen, boxes)
  if specimen.min() == specimen.max():
    raise MicrographError(
      f"blank: all {rows} specimen rows have one grey level"
    )
  micrograph = Micrograph(
    grey.image if keep_bar else specimen,
    found.bar_rows,
    found.um_per_px,
    found.bar_from,
    found.um_from,
    grey.levels,
    boxes,
    (*raw.remarks, *grey.remarks, *found.remarks),
  )
  return micrograph if keep_bar else resampled(micrograph, told)


def resampled(micrograph: Micrograph, told: Told) -> Micrograph:
  """Returns the micrograph with pixels as wide as is wanted.

  Raises:
    MicrographError: nothing says how wide they are, or it gets too small or
      too large.
  """
  wanted = told.resample_um_per_px
  if wanted is None:
    return micrograph
  if micrograph.um_per_px is None:
    raise MicrographError(
      "nothing says how wide its pixels are, so that it cannot be resampled to"
      f" {wanted:g} um/px: {bar_and_scale.SAY_SCALE}"
    )
  zoom = micrograph.um_per_px / wanted
  height, width = (round(side * zoom) for side in micrograph.image.shape)
  image_files.check_size(width, height)
  remarks = micrograph.remarks
  if zoom > _FINE_ZOOM:
    remarks += (f"enlarged {zoom:.3g} times, it shows nothing finer for that",)
  return dataclasses.replace(
    micrograph,
    image=resize(micrograph.image, height, width),
    um_per_px=wanted,
    remarks=remarks,
  )


def field_um(
  um_per_px: float | None, pixels: float, view: str, tile_px: int
) -> float | None:
  """Returns how wide what a network sees at once is, in micrometres.

  None where nothing says how wide a pixel is. A micrograph that is seen as a
  whole counts as a square one, as which it is seen.

  Args:
    um_per_px: of the micrograph.
    pixels: how many it has.
    view: "whole" or "tiles".
    tile_px: side of a tile.
  """
  if um_per_px is None:
    return None
  return um_per_px * (tile_px if view == "tiles" else pixels**0.5)


def resize(image: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
  """Returns uint8 (height_px, width_px), antialiased when it gets smaller."""
  picture = Image.fromarray(image)
  return np.asarray(
    picture.resize((width_px, height_px), Image.Resampling.BILINEAR)
  )


def tiles(image: np.ndarray, tile_px: int) -> np.ndarray:
  """Returns uint8 (tiles, tile_px, tile_px): a centred grid, no overlap."""
  top, left, rows, columns = tile_grid(image.shape, tile_px)
  grid = image[top : top + rows * tile_px, left : left + columns * tile_px]
  grid = grid.reshape(rows, tile_px, columns, tile_px).swapaxes(1, 2)
  return grid.reshape(rows * columns, tile_px, tile_px)


def tile_grid(
  shape: tuple[int, ...], tile_px: int
) -> tuple[int, int, int, int]:
  """Returns where tiles begin, and how many they are: y, x, rows, columns.

  Raises:
    MicrographError: not one tile fits into an image of the shape (y, x).
  """
  height, width = shape
  rows, columns = height // tile_px, width // tile_px
  if not rows or not columns:
    raise MicrographError(
      f"{width} x {height} pixels: too small for a tile of {tile_px}"
    )
  top = (height - rows * tile_px) // 2
  left = (width - columns * tile_px) // 2
  return top, left, rows, columns


def corners(height_px: int, width_px: int, tile_px: int) -> np.ndarray:
  """Returns int64 (tiles, 2): (top, left) of what `tiles` gives, in order."""
  top, left, rows, columns = tile_grid((height_px, width_px), tile_px)
  found = np.mgrid[:rows, :columns].reshape(2, -1).T * tile_px
  return found + np.array([top, left])


def views(
  image: np.ndarray, view: str, image_px: int, tile_px: int
) -> np.ndarray:
  """Returns uint8 (views, image_px, image_px), what the network looks at."""
  if view == "whole":
    return resize(image, image_px, image_px)[None]
  if view != "tiles":
    raise ValueError(f"view is {view!r}, not 'whole' or 'tiles'")
  cut = tiles(image, tile_px)
  if tile_px == image_px:
    return cut
  return np.stack([resize(tile, image_px, image_px) for tile in cut])
