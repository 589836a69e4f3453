"""A picture is decoded whole or not at all.

Takes a picture that Pillow opened. Where a file is short, decoders leave what
it does not have as it was in memory, or, those of JPEG, in mid-grey, and say
nothing. So a picture that ends like that is decoded a second time upon
something else: of a sound file it is the same.
"""

import io
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from eanet_jax.data import jpeg_scans

# Pillow's other decoders stay shut: a file called .png may be anything, and the
# decoder of EPS starts another program.
FORMATS = ("BMP", "PNG", "JPEG")
# A picture hardly ever ends in this level.
_UNLIKELY = 253
_COMPARED_ROWS = 256


def load(picture: ImageFile.ImageFile) -> None:
  """Decodes a picture; raises EOFError if its file has only a part of it."""
  file = picture.fp
  assert file is not None
  if picture.format in ("JPEG", "MPO"):
    return _load_jpeg(picture, file)
  corner = _load_upon(picture, _UNLIKELY)
  untouched = np.asarray(Image.new(picture.mode, (1, 1), _UNLIKELY)).ravel()[0]
  if untouched not in corner:
    return None
  # What the file does not have is left as it was in memory.
  file.seek(0)
  again = Image.open(file, formats=(picture.format or "",))
  if _load_upon(again, 0) != corner:
    raise EOFError("the last rows are missing")
  return None


def _load_upon(picture: ImageFile.ImageFile, level: int) -> list[float]:
  """Decodes a picture in memory that ends in `level`; returns the last pixels.

  They are those of the first channel in the last two rows and columns, of each
  of which an interlaced PNG has one in its last part.
  """
  width, height = getattr(picture, "_tile_size", picture.size)  # as stored
  below = Image.new(picture.mode, (width, height))
  corner = (width - 2, height - 2, width, height)
  below.paste(Image.new(picture.mode, (2, 2), level), corner)
  picture.im = below.im
  picture.load()
  return np.asarray(picture.crop(corner)).reshape(4, -1)[:, 0].tolist()


def _load_jpeg(picture: ImageFile.ImageFile, file: IO[bytes]) -> None:
  file.seek(0)
  data = file.read()
  last_scan_end = jpeg_scans.check(data)
  picture.load()
  last = picture.getpixel((picture.width - 1, picture.height - 1))
  in_mid_grey = np.isin(np.asarray(last), (127, 128)).all()
  # What the last scan of a progressive JPEG lacks is not grey, but blurred.
  if not last_scan_end or not (in_mid_grey or "progressive" in picture.info):
    return
  filled = io.BytesIO(jpeg_scans.with_filler(data, last_scan_end))
  again = Image.open(filled, formats=("JPEG",))
  for y in range(0, picture.height, _COMPARED_ROWS):
    part = (0, y, picture.width, min(y + _COMPARED_ROWS, picture.height))
    if picture.crop(part).tobytes() != again.crop(part).tobytes():
      raise EOFError("the JPEG's data ends before the picture does")
