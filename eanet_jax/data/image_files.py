"""The pixels of one image file, whatever program wrote it.

Takes a BMP, TIFF, PNG or JPEG of any depth and colour mode. Gives its pixels
as one grey channel (y, x), its TIFF tags, and the conversion to uint8. Files
are untrusted: the only exceptions are MicrographError and those that `reason`
turns into one.
"""

import contextlib
import dataclasses
import logging
import os
import pathlib
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from typing import IO

import numpy as np
from PIL import Image, ImageOps

MIN_SIDE_PX = 32

# Pillow's other decoders stay shut: a file called .png may be anything, and the
# decoder of EPS starts another program.
_FORMATS = ("BMP", "TIFF", "PNG", "JPEG")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_PAGES = 64

# TIFF tag numbers.
_PHOTOMETRIC, _MAX_SAMPLE, _SAMPLE_FORMAT = 262, 281, 339

_decoder_lock = threading.Lock()


class MicrographError(ValueError):
  """Why a file cannot be used, in one line without its path."""


@dataclasses.dataclass(frozen=True)
class Raw:
  """One grey channel as stored, before it is brought to 8 bits."""

  pixels: np.ndarray  # (y, x), uint8, wider integers or floats
  inverted: bool = False  # 0 is white
  tags: dict = dataclasses.field(default_factory=dict)  # TIFF tag: value


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
  with _quiet_decoders(), path.open("rb") as file:
    try:
      picture = Image.open(file, formats=_FORMATS)
    except Image.UnidentifiedImageError:
      file.seek(0)
      start = file.read(512)
      if not start.startswith(_TIFF_MAGIC):
        raise MicrographError(_not_an_image(start)) from None
      file.seek(0)
      return _decode_rare_tiff(file)
    return _decode_picture(picture)


def to_uint8(raw: Raw) -> np.ndarray:
  """Returns uint8 (y, x) with black 0 and white 255.

  Integers are scaled by a full scale, not by their own extremes, so that a
  dark image stays darker than its bright neighbour from the same detector.
  16-bit words hold 16 bits, unless the file says fewer (MaxSampleValue) or no
  pixel reaches 4096: then they are from a 12-bit camera, as a 16-bit image
  that dark would keep less than 16 of 255 levels. No guess is made between
  12 and 16 bits, nor below 12, where it would differ from image to image.
  Floats and 32-bit integers have no full scale: theirs are their extremes.
  """
  pixels = raw.pixels
  if pixels.dtype != np.uint8:
    low, high = pixels.min(), pixels.max()
    whole = pixels.dtype.kind in "iu" and pixels.dtype.itemsize > 1
    if whole and low >= 0 and high < 1 << 16:
      # Dropping low bits inverts both ways of widening, v * 256 and v * 257.
      pixels = pixels >> (_used_bits(raw.tags, int(high)) - 8)
    else:
      low, span = float(low), float(high) - float(low)
      if not np.isfinite(span):
        raise MicrographError("some pixels are not finite numbers")
      scale = 255 / span if span else 0
      pixels = np.rint((pixels.astype(np.float64) - low) * scale)
    pixels = pixels.astype(np.uint8)
  return 255 - pixels if raw.inverted else pixels


def check_size(width: int, height: int) -> None:
  """Raises MicrographError for a picture too small or too large to use."""
  if min(width, height) < MIN_SIDE_PX:
    raise MicrographError(
      f"{width} x {height} pixels: at least {MIN_SIDE_PX} x {MIN_SIDE_PX} are"
      " needed"
    )
  limit = Image.MAX_IMAGE_PIXELS
  if limit and width * height > limit:
    raise MicrographError(
      f"{width} x {height} pixels: more than the {limit} allowed"
    )


def reason(error: Exception) -> str:
  """Returns one line for people about an exception met while decoding."""
  if isinstance(error, OSError) and error.strerror:
    return error.strerror.lower()
  text = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
  if isinstance(error, Image.DecompressionBombError):
    return f"too large: {text}"
  if "imagecodecs" in text:  # what tifffile asks for
    return "a rare kind of compressed TIFF: save it uncompressed"
  if isinstance(error, EOFError) or re.search(
    "truncat|buffer|EOF|failed to read|data stream", text
  ):
    return f"truncated: {text}"
  return f"damaged: {text}"


@contextlib.contextmanager
def _quiet_decoders() -> Iterator[None]:
  """Keeps the decoders' warnings and log lines off the terminal.

  Both switches belong to the process, so one file is decoded at a time:
  two threads could restore each other's settings. What libtiff itself says
  about a damaged compressed TIFF goes straight to the process's stderr; to
  close that would silence other threads too.
  """
  loggers = [logging.getLogger(name) for name in ("PIL", "tifffile")]
  with _decoder_lock, warnings.catch_warnings():
    warnings.filterwarnings("ignore", module="PIL|tifffile")
    levels = [logger.level for logger in loggers]
    for logger in loggers:
      logger.setLevel(logging.CRITICAL + 1)
    try:
      yield
    finally:
      for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def _decode_picture(picture: Image.Image) -> Raw:
  _seek_largest_page(picture)
  check_size(*picture.size)
  tags = _tags(picture)
  picture.load()
  if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
    pixels = np.asarray(_upright(picture))
    if picture.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,)) == (1,):
      pixels = pixels.view(np.uint32)  # Pillow has no such mode
    return Raw(pixels, tags.get(_PHOTOMETRIC) == 0, tags)
  # Of these Pillow has already inverted those that need it.
  return Raw(np.asarray(_grey(_upright(picture))), False, tags)


def _decode_rare_tiff(file: IO[bytes]) -> Raw:
  """Returns what Pillow has no mode for: 64-bit floats and integers."""
  import tifffile  # late, as it is slow to import and hardly ever needed

  with tifffile.TiffFile(file) as tiff:
    try:
      page = tiff.pages.first
    except LookupError:
      raise MicrographError("damaged: a TIFF without a page") from None
    numbers = page.dtype is not None and page.dtype.kind in "iuf"
    if len(page.shape) != 2 or not numbers:
      raise MicrographError("a TIFF with an unknown kind of pixels")
    check_size(page.shape[1], page.shape[0])
    return Raw(page.asarray(), page.photometric == 0)


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


def _upright(picture: Image.Image) -> Image.Image:
  try:
    return ImageOps.exif_transpose(picture)
  except Exception:  # damaged EXIF says nothing about the pixels
    return picture


def _grey(picture: Image.Image) -> Image.Image:
  """Returns mode "L" with the luma weights of ITU-R 601.

  Transparent pixels turn black, the microscope's "no signal", because the
  colour hidden under them is arbitrary. An alpha of 0 everywhere is a channel
  that the writer left unused.
  """
  if picture.has_transparency_data:
    picture = picture.convert("RGBA")
    if picture.getchannel("A").getextrema() != (0, 0):
      black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
      picture = Image.alpha_composite(black, picture)
  if picture.mode not in ("1", "L", "P", "RGB"):
    picture = picture.convert("RGB")
  return picture.convert("L")


def _used_bits(tags: dict, high: int) -> int:
  """Returns how many bits of a 16-bit word carry grey levels."""
  stated = tags.get(_MAX_SAMPLE)
  if isinstance(stated, tuple) and stated:
    stated = stated[0]
  # Some writers put the image's own maximum there; a full scale is 2^n - 1.
  if isinstance(stated, int) and high <= stated < 1 << 16:
    bits = stated.bit_length()
    if bits >= 8 and stated == (1 << bits) - 1:
      return bits
  return 12 if high < 1 << 12 else 16


def _not_an_image(start: bytes) -> str:
  if re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", start):
    return "not an image, or damaged at its beginning"
  return "not an image (its contents are text)"
