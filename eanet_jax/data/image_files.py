"""The pixels of one image file, whatever program wrote it.

Takes a BMP, TIFF, PNG or JPEG of any depth and colour mode. Gives its pixels
as one grey channel, in bands so that a large one need not be in memory at its
own depth, and its TIFF tags. Files are untrusted: the only exceptions are
MicrographError and those that `reason` turns into one.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import re
import stat
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from eanet_jax.data import (
  grey_pictures,
  grey_samples,
  micrograph_errors,
  png_depth,
  signatures,
  tiff_bands,
  tiff_colours,
  whole_pictures,
)
from eanet_jax.data import tiff_directories as td

MIN_SIDE_PX = 32

_BAND_PX = 2**20  # of a band, about
_WHOLE_PX = 2**24  # a picture with more pixels is taken in bands
_DESCRIPTION = 270  # tag number

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

MicrographError = micrograph_errors.MicrographError
TooLargeError = micrograph_errors.TooLargeError
# Each call yields all parts of a picture anew.
_Windows = Callable[[], Iterator[grey_samples.Window]]


@dataclasses.dataclass(frozen=True)
class Raw:
  """One grey channel as stored, before it is brought to 8 bits.

  Attributes:
    height: in rows, upright.
    width: in columns, upright.
    windows: yields all parts of the upright picture, each time anew.
    bits: of each number; None where words may hold fewer than they could.
    stored_bits: of each number in the file, where those were looked up.
    stated: the greatest level there can be, as the file says; None if not.
    inverted: whether 0 is white.
    tags: of a TIFF, by number: text, bytes or numbers.
    remarks: what a person should know of what was read.
  """

  height: int
  width: int
  windows: _Windows
  bits: int | None = 8
  stored_bits: int | None = None
  stated: int | None = None
  inverted: bool = False
  tags: dict = dataclasses.field(default_factory=dict)
  remarks: tuple[str, ...] = ()


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
    start = file.read(512)
    if start.startswith(td.MAGIC):
      return _decode_tiff(path, file)
    stated = png_depth.stated(file)
    file.seek(0)
    try:
      picture = Image.open(file, formats=whole_pictures.FORMATS)
    except Image.UnidentifiedImageError:
      raise MicrographError(signatures.reason(start, path)) from None
    return _decode_picture(file, picture, stated)


def check_size(width: int, height: int) -> None:
  """Raises MicrographError for a picture too small or too large to use."""
  check_not_small(width, height)
  limit = Image.MAX_IMAGE_PIXELS
  if limit and width * height > limit:
    raise TooLargeError(
      f"{width} x {height} pixels: more than the {limit} allowed"
    )


def check_not_small(width: int, height: int) -> None:
  """Raises MicrographError for a picture too small to use."""
  if min(width, height) < MIN_SIDE_PX:
    raise MicrographError(
      f"{width} x {height} pixels: at least {MIN_SIDE_PX} x {MIN_SIDE_PX} are"
      " needed"
    )


def reason(error: Exception) -> str:
  """Returns one line for people about an exception met while decoding."""
  if isinstance(error, OSError) and error.strerror:
    return error.strerror.lower()
  text = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
  if "arithmetic" in text:
    return "a rare kind of JPEG, of arithmetic codes: save it as PNG"
  if isinstance(error, EOFError) or re.search(
    "truncat|buffer|EOF|failed to read|data stream", text
  ):
    return f"truncated: {text}"
  return f"damaged: {text}"


def _decode_tiff(path: pathlib.Path, file: IO[bytes]) -> Raw:
  page, remarks = td.largest(file)
  width, height = page.number(td.WIDTH), page.number(td.HEIGHT)
  check_size(width, height)
  colours = tiff_colours.of(page)

  def windows() -> Iterator[grey_samples.Window]:
    with path.open("rb") as file:
      for y, samples in tiff_bands.bands(
        file, page, colours.channels, _BAND_PX
      ):
        yield colours.window(y, samples)

  if width * height <= _WHOLE_PX:
    windows = functools.partial(iter, list(windows()))
  raw = _upright((width, height), windows, page.number(td.ORIENTATION, 1))
  return dataclasses.replace(
    raw,
    bits=colours.bits,
    stored_bits=page.number(td.BITS, 1) if colours.bits else None,
    stated=_stated_by_tags(page),
    inverted=colours.inverted,
    tags=page.tags,
    remarks=(*remarks, *colours.remarks),
  )


def _stated_by_tags(page: td.Page) -> int | None:
  """Returns the greatest level that the microscope could have written."""
  description = page.tags.get(_DESCRIPTION, "")
  if isinstance(description, str):  # as OME writes it
    found = re.search(r'SignificantBits="(\d{1,2})"', description)
    if found:
      return (1 << int(found[1])) - 1
  stated = page.tags.get(td.MAX_SAMPLE)
  if not isinstance(stated, tuple) or not isinstance(max(stated), int):
    return None
  return max(stated)


def _decode_picture(
  file: IO[bytes], picture: ImageFile.ImageFile, stated: int | None
) -> Raw:
  """Returns the grey of what Pillow opened."""
  check_size(*picture.size)
  bits: int | None = 8
  if picture.format == "PNG" and png_depth.colour_is_deep(file):
    bits, windows = None, _deep_png(png_depth.deep_samples(file))
  else:
    whole_pictures.load(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
      bits, windows = None, functools.partial(_words, picture)
    else:
      has_alpha = grey_pictures.has_alpha(_cut(picture))
      windows = functools.partial(_grey, picture, has_alpha)
  orientation = None
  with contextlib.suppress(Exception):  # damaged EXIF says nothing of pixels
    orientation = picture.getexif().get(td.ORIENTATION)
  raw = _upright(picture.size, windows, orientation)
  return dataclasses.replace(raw, bits=bits, stated=stated)


def _grey(
  picture: Image.Image, has_alpha: bool
) -> Iterator[grey_samples.Window]:
  """Yields the grey of a picture of 8 bits."""
  for y, part in _cut(picture):
    yield grey_samples.Window(
      y, 0, np.asarray(grey_pictures.grey(part, has_alpha))
    )


def _words(picture: Image.Image) -> Iterator[grey_samples.Window]:
  """Yields a picture of deep grey; one level of it may be transparent."""
  transparent = picture.info.get("transparency")
  for y, part in _cut(picture):
    grey, alpha = np.asarray(part), None
    if isinstance(transparent, int):
      alpha = np.where(grey == transparent, 0, 0xFFFF).astype(np.uint16)
    yield grey_samples.Window(y, 0, grey, alpha)


def _deep_png(samples: np.ndarray) -> _Windows:
  """Returns the windows of 16 bits of grey or colours, maybe with alpha."""
  channels = samples.shape[2]
  colours = tiff_colours.Colours(
    channels=tuple(range(channels)),
    has_alpha=channels in (2, 4),
    grey=grey_samples.luma if channels > 2 else lambda c: c[:, :, 0],
    bits=None,
  )
  rows = max(1, _BAND_PX // samples.shape[1])

  def windows() -> Iterator[grey_samples.Window]:
    for y in range(0, len(samples), rows):
      yield colours.window(y, samples[y : y + rows])

  return windows


def _cut(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
  """Yields the bands of a picture in memory."""
  if picture.width * picture.height <= _WHOLE_PX:
    yield 0, picture
    return
  rows = max(1, _BAND_PX // picture.width)
  for y in range(0, picture.height, rows):
    end = min(y + rows, picture.height)
    yield y, picture.crop((0, y, picture.width, end))


def _upright(
  size: tuple[int, int], stored: _Windows, orientation: int | None
) -> Raw:
  """Returns the upright picture of windows as they are stored."""
  width, height = size
  swap, reverse_rows, reverse_columns = _TURNS.get(
    orientation or 1, (False,) * 3
  )
  if swap:
    height, width = width, height

  def turned(pixels: np.ndarray | None) -> np.ndarray | None:
    if pixels is None:
      return None
    pixels = pixels.T if swap else pixels
    pixels = pixels[::-1] if reverse_rows else pixels
    return pixels[:, ::-1] if reverse_columns else pixels

  def windows() -> Iterator[grey_samples.Window]:
    for each in stored():
      y, x = (each.x, each.y) if swap else (each.y, each.x)
      grey = turned(each.grey)
      assert grey is not None
      rows, columns = grey.shape
      yield grey_samples.Window(
        height - y - rows if reverse_rows else y,
        width - x - columns if reverse_columns else x,
        grey,
        turned(each.alpha),
        turned(each.brightest),
      )

  return Raw(height, width, windows)
