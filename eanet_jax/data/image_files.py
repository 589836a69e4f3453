"""The pixels of one image file, whatever program wrote it.

Takes a BMP, TIFF, PNG or JPEG of any depth and colour mode. Gives its pixels
as one grey channel, in bands so that a large one need not be in memory at its
own depth, and its TIFF tags. Files are untrusted: the only exceptions are
MicrographError and those that `reason` turns into one.
"""

import contextlib
import dataclasses
import functools
import io
import os
import pathlib
import re
import stat
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from eanet_jax.data import grey_pictures, tiff_bands, whole_pictures

MIN_SIDE_PX = 32

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_PAGES = 64
_BAND_PX = 2**20  # of a band, about
_WHOLE_PX = 2**24  # a picture with more pixels is taken in bands

# TIFF tag numbers.
_WIDTH, _HEIGHT = 256, 257
_PHOTOMETRIC, _ORIENTATION, _SAMPLE_FORMAT = 262, 274, 339
# What brings a picture upright: whether rows and columns change places, and
# then whether rows and columns are reversed.
_TURNS = {
  2: (False, False, True),
  3: (False, True, True),
  4: (False, True, False),
  5: (True, False, False),
  6: (True, False, True),
  7: (True, True, True),
  8: (True, True, False),
}

# Bands of a picture: the first row and the picture of the rows from there.
_Pictures = Callable[[], Iterator[tuple[int, Image.Image]]]
_Bands = Callable[[], Iterator[tuple[int, np.ndarray]]]
Windows = Iterator[tuple[int, int, np.ndarray]]


class MicrographError(ValueError):
  """Why a file cannot be used, in one line without its path."""


class TooLargeError(MicrographError):
  """It takes more memory than there is, or than is allowed."""


@dataclasses.dataclass(frozen=True)
class Raw:
  """One grey channel as stored, before it is brought to 8 bits."""

  height: int
  width: int
  # Each call yields (y, x, pixels) of all windows anew: uint8, wider integers
  # or floats (rows, columns), which lie at y, x of the upright picture.
  windows: Callable[[], Windows]
  is_float: bool = False
  inverted: bool = False  # 0 is white
  tags: dict = dataclasses.field(default_factory=dict)  # TIFF tag: value

  def top(self, rows: int) -> "Raw":
    """Returns the uppermost rows alone."""

    def windows() -> Windows:
      for y, x, pixels in self.windows():
        if y < rows:
          yield y, x, pixels[: rows - y]

    return dataclasses.replace(self, height=rows, windows=windows)


def decode(path: pathlib.Path) -> Raw:
  """Returns the file's first page of the largest size.

  Orientation marks are obeyed, so that the bottom is where a person sees it.
  """
  status = path.stat()
  if stat.S_ISDIR(status.st_mode):
    os.scandir(path).close()  # or why that is not allowed
    raise MicrographError("a folder, not a file")
  if not stat.S_ISREG(status.st_mode):
    raise MicrographError("not a regular file")  # a pipe would wait for ever
  if not status.st_size:
    raise MicrographError("the file is empty")
  with path.open("rb") as file:
    try:
      picture = Image.open(file, formats=whole_pictures.FORMATS)
    except Image.UnidentifiedImageError:
      file.seek(0)
      start = file.read(512)
      if not start.startswith(_TIFF_MAGIC):
        raise MicrographError(_not_an_image(start)) from None
      file.seek(0)
      return _decode_rare_tiff(path, file)
    return _decode_picture(path, picture)


def check_size(width: int, height: int) -> None:
  """Raises MicrographError for a picture too small or too large to use."""
  if min(width, height) < MIN_SIDE_PX:
    raise MicrographError(
      f"{width} x {height} pixels: at least {MIN_SIDE_PX} x {MIN_SIDE_PX} are"
      " needed"
    )
  limit = Image.MAX_IMAGE_PIXELS
  if limit and width * height > limit:
    raise TooLargeError(
      f"{width} x {height} pixels: more than the {limit} allowed"
    )


def reason(error: Exception) -> str:
  """Returns one line for people about an exception met while decoding."""
  if isinstance(error, OSError) and error.strerror:
    return error.strerror.lower()
  text = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
  if "imagecodecs" in text:  # what tifffile asks for
    return "a rare kind of compressed TIFF: save it uncompressed"
  if "arithmetic" in text:
    return "a rare kind of JPEG, of arithmetic codes: save it as PNG"
  if isinstance(error, EOFError) or re.search(
    "truncat|buffer|EOF|failed to read|data stream", text
  ):
    return f"truncated: {text}"
  return f"damaged: {text}"


def _decode_picture(path: pathlib.Path, picture: ImageFile.ImageFile) -> Raw:
  _seek_largest_page(picture)
  check_size(*picture.size)
  tags = _tags(picture)
  if isinstance(picture, TiffImagePlugin.TiffImageFile) and tiff_bands.can_cut(
    tags
  ):
    large = picture.width * picture.height > _WHOLE_PX
    if large or tiff_bands.is_jpeg(tags):
      order = "<" if picture.tag_v2.prefix == b"II" else ">"
      pictures = functools.partial(_small_pictures, path, tags, order)
      size = tags[_WIDTH], tags[_HEIGHT]
      turn = tags.get(_ORIENTATION)
      return _raw(size, picture.mode, pictures, tags, turn)
  whole_pictures.load(picture)
  orientation = None
  with contextlib.suppress(Exception):  # damaged EXIF says nothing of pixels
    orientation = picture.getexif().get(_ORIENTATION)
  pictures = functools.partial(_cut, picture)
  return _raw(picture.size, picture.mode, pictures, tags, orientation)


def _raw(
  size: tuple[int, int],
  mode: str,
  pictures: _Pictures,
  tags: dict,
  orientation: int | None,
) -> Raw:
  """Returns the grey channel of a picture that comes in bands."""
  if mode in ("I", "F") or mode.startswith("I;16"):
    # Pillow has no mode for unsigned 32 bits.
    unsigned = mode == "I" and tags.get(_SAMPLE_FORMAT, (1,)) == (1,)
    numbers = lambda each: np.asarray(each)
    if unsigned:
      numbers = lambda each: np.asarray(each).view(np.uint32)
    inverted = tags.get(_PHOTOMETRIC) == 0
  else:
    has_alpha = grey_pictures.has_alpha(pictures())
    numbers = lambda each: np.asarray(grey_pictures.grey(each, has_alpha))
    inverted = False  # Pillow has already inverted those that need it
  bands = lambda: ((y, numbers(each)) for y, each in pictures())
  raw = _upright(size, bands, orientation)
  return dataclasses.replace(
    raw, is_float=mode == "F", inverted=inverted, tags=tags
  )


def _decode_rare_tiff(path: pathlib.Path, file: IO[bytes]) -> Raw:
  """Returns what Pillow has no mode for: 64-bit floats and integers."""
  import tifffile  # late, as it is slow to import and hardly ever needed

  with tifffile.TiffFile(file) as tiff:
    try:
      page = tiff.pages.first
    except LookupError:
      raise MicrographError("damaged: a TIFF without a page") from None
    kind = page.dtype.kind if page.dtype is not None else ""
    if len(page.shape) != 2 or kind not in tuple("iuf"):
      raise MicrographError("a TIFF with an unknown kind of pixels")
    height, width = page.shape
    check_size(width, height)
    is_float, inverted = kind == "f", page.photometric == 0
    tags, order = {tag.code: tag.value for tag in page.tags}, tiff.byteorder

  def bands() -> Iterator[tuple[int, np.ndarray]]:
    with path.open("rb") as file:
      for y, small in tiff_bands.bands(file, tags, order, _BAND_PX):
        # Objects of tifffile refer to each other, so that they stay a while; a
        # file that is closed takes no memory meanwhile.
        with io.BytesIO(small) as part, tifffile.TiffFile(part) as tiff:
          yield y, tiff.pages.first.asarray()

  raw = _upright((width, height), bands, None)
  return dataclasses.replace(raw, is_float=is_float, inverted=inverted)


def _upright(
  size: tuple[int, int], bands: _Bands, orientation: int | None
) -> Raw:
  """Returns the upright picture of bands as they are stored."""
  width, height = size
  swap, reverse_rows, reverse_columns = _TURNS.get(
    orientation or 1, (False,) * 3
  )
  if swap:
    height, width = width, height

  def windows() -> Windows:
    for y, pixels in bands():
      x = 0
      if swap:
        y, x, pixels = x, y, pixels.T
      if reverse_rows:
        y, pixels = height - y - len(pixels), pixels[::-1]
      if reverse_columns:
        x, pixels = width - x - pixels.shape[1], pixels[:, ::-1]
      yield y, x, pixels

  return Raw(height, width, windows)


def _small_pictures(
  path: pathlib.Path, tags: dict, order: str
) -> Iterator[tuple[int, Image.Image]]:
  """Yields the bands of a large TIFF, a few of its rows decoded at a time."""
  with path.open("rb") as file:
    for y, small in tiff_bands.bands(file, tags, order, _BAND_PX):
      yield y, Image.open(io.BytesIO(small), formats=("TIFF",))


def _cut(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
  """Yields the bands of a picture in memory."""
  if picture.width * picture.height <= _WHOLE_PX:
    yield 0, picture
    return
  rows = max(1, _BAND_PX // picture.width)
  for y in range(0, picture.height, rows):
    end = min(y + rows, picture.height)
    yield y, picture.crop((0, y, picture.width, end))


def _seek_largest_page(picture: Image.Image) -> None:
  """Moves to the first of the largest pages; the others are thumbnails."""
  best, best_area = 0, picture.width * picture.height
  for page in range(1, _MAX_PAGES):
    try:
      picture.seek(page)
    except Exception:  # the last page, or the damaged next one
      break
    if picture.width * picture.height > best_area:
      best, best_area = page, picture.width * picture.height
  picture.seek(best)


def _tags(picture: Image.Image) -> dict:
  tags = {}
  stored = getattr(picture, "tag_v2", {})
  for code in stored:
    # A damaged tag is as good as none: the pixels may still be sound.
    with contextlib.suppress(Exception):
      tags[code] = stored[code]
  return tags


def _not_an_image(start: bytes) -> str:
  if re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", start):
    return "not an image, or damaged at its beginning"
  return "not an image (its contents are text)"
