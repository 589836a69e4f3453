"""One microscope file becomes one clean grey image.

Takes a BMP, TIFF, PNG or JPEG as the microscope or an image program wrote it,
with whatever data bar, bit depth, palette and metadata it has. Gives the
specimen rows as uint8 and the pixel size where the file states it. Every file
that cannot be used ends as one MicrographError with a reason for people;
files are untrusted, their metadata too.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable

import numpy as np
from PIL import Image

from eanet_jax.data import (
  data_bar,
  grey_levels,
  image_files,
  vendor_metadata,
)

SUFFIXES = frozenset({".bmp", ".tif", ".tiff", ".png", ".jpg", ".jpeg"})
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
    scale_option: how a user says um_per_px, for the error where nothing does.
  """

  bar_rows: int | None = None
  um_per_px: float | None = None
  keep_overlays: bool = False
  resample_um_per_px: float | None = None
  scale_option: str = "dataset.file_um_per_px"


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
      as a scale bar is; `image` does not show them unless they are kept.
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
    keep_bar: whether `image` has the rows of the data bar too and is not
      resampled, to be looked at.
  """
  path = pathlib.Path(path)
  try:
    raw = image_files.decode(path)
    stated = vendor_metadata.read(path, raw.tags, raw.height, raw.width)
    bar_rows, bar_from = stated.bar_rows, stated.bar_from
    if told.bar_rows is not None:
      bar_rows, bar_from = told.bar_rows, "told"
    image, crop_rows = _grey(raw, bar_rows, keep_bar)
  except MicrographError:
    raise
  except (MemoryError, Image.DecompressionBombError) as error:
    raise image_files.TooLargeError(f"too large: {error}") from error
  except Exception as error:
    # Decoders meet damaged bytes with nearly every type of exception.
    if "out of memory" in str(error):  # as Pillow's decoders say it
      raise image_files.TooLargeError(f"too large: {error}") from error
    raise MicrographError(image_files.reason(error)) from error
  rows = raw.height - crop_rows
  image_files.check_size(raw.width, rows)
  if image[:rows].min() == image[:rows].max():
    raise MicrographError(
      f"blank: all {rows} specimen rows have one grey level"
    )
  if bar_rows is None:
    bar_from = "looks" if crop_rows else "none"
  um_per_px, um_from = stated.um_per_px, stated.um_from
  if told.um_per_px is not None:
    um_per_px, um_from = told.um_per_px, "told"
  found = Micrograph(image, crop_rows, um_per_px, bar_from, um_from)
  return found if keep_bar else resampled(found, told)


def _grey(
  raw: image_files.Raw, bar_rows: int | None, keep_bar: bool
) -> tuple[np.ndarray, int]:
  """Returns the rows to keep as uint8, and how many are the data bar."""
  grey = grey_levels.to_uint8(raw)
  if bar_rows is None:
    bar_rows = data_bar.count_rows(grey)
  if keep_bar or not bar_rows:
    return grey, bar_rows
  rows = raw.height - bar_rows
  if raw.is_float:
    # The white of the bar must not set the full scale of the specimen.
    return grey_levels.to_uint8(raw.top(rows)), bar_rows
  return grey[:rows], bar_rows


def find(root: str | os.PathLike) -> list[pathlib.Path]:
  """Returns the image files below root, by POSIX relative path.

  Hidden names are skipped (macOS leaves `._x.tif` beside each x.tif). A link
  to a folder elsewhere is followed, one to a folder below root is not: the
  files there are listed once, under the names of their own folders. What
  cannot be read, a broken link or a closed folder, is listed too: read() says
  why.
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise MicrographError("not a folder")
  real_root = root.resolve()
  found = []
  entered = set()
  closed = lambda error: found.append(pathlib.Path(error.filename))
  for folder, names, files in os.walk(root, onerror=closed, followlinks=True):
    real = pathlib.Path(folder).resolve()
    own = real_root / pathlib.Path(folder).relative_to(root)
    if real in entered or (real != own and real.is_relative_to(real_root)):
      names.clear()
      continue
    entered.add(real)
    names[:] = sorted(n for n in names if not n.startswith("."))
    paths = [pathlib.Path(folder, f) for f in files if not f.startswith(".")]
    found += [p for p in paths if p.suffix.lower() in SUFFIXES]
  return sorted(found, key=lambda p: p.relative_to(root).as_posix())


def expand(paths: Iterable[str | os.PathLike]) -> list[pathlib.Path]:
  """Returns the files named, and the images of the folders named, in order.

  A folder without images stands for itself, so that it is reported.
  """
  found = []
  for path in map(pathlib.Path, paths):
    found += (find(path) or [path]) if _is_folder(path) else [path]
  return found


def _is_folder(path: pathlib.Path) -> bool:
  try:
    return path.is_dir()
  except OSError:  # read() says why
    return False


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
      f" {wanted:g} um/px: say it with {told.scale_option}"
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


def resize(image: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
  """Returns uint8 (height_px, width_px), antialiased when it gets smaller."""
  picture = Image.fromarray(image)
  return np.asarray(
    picture.resize((width_px, height_px), Image.Resampling.BILINEAR)
  )


def tiles(image: np.ndarray, tile_px: int) -> np.ndarray:
  """Returns uint8 (tiles, tile_px, tile_px): a centred grid, no overlap."""
  height, width = image.shape
  rows, columns = height // tile_px, width // tile_px
  if not rows or not columns:
    raise MicrographError(
      f"{width} x {height} pixels: too small for a tile of {tile_px}"
    )
  top = (height - rows * tile_px) // 2
  left = (width - columns * tile_px) // 2
  grid = image[top : top + rows * tile_px, left : left + columns * tile_px]
  grid = grid.reshape(rows, tile_px, columns, tile_px).swapaxes(1, 2)
  return grid.reshape(rows * columns, tile_px, tile_px)


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
