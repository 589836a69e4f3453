"""The samples of one strip or tile of a TIFF.

Takes its bytes and the tags of its page. It is decoded as the one strip of a
small TIFF whose few tags are written anew: so any segment is read as a picture
is, and no decoder sees what a vendor or a damaged disk wrote elsewhere. JPEG is
decoded by Pillow, all else by tifffile. What is too short raises EOFError.
"""

import dataclasses
import functools
import io
import struct
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from eanet_jax.data import jpeg_scans, tiff_samples, whole_pictures
from eanet_jax.data import tiff_directories as td

_FAX_FILLER = b"\xff" * 4096  # black, or what the row above has
_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))

_SHORT, _LONG, _UNDEFINED = 3, 4, 7  # types of a tag's values
_CODES = {_SHORT: "H", _LONG: "I", _UNDEFINED: "B"}
_Decode = Callable[[bytes], np.ndarray]


def decoders(
  page: td.Page, stored: tiff_samples.Samples, columns: int
) -> Callable[[int, bytes], np.ndarray]:
  """Returns what decodes a segment of so many rows.

  It gives samples (rows, columns, channels).

  Args:
    page: whose segments they are.
    stored: how its numbers are stored.
    columns: of a segment.
  """
  is_jpeg = stored.compression == tiff_samples.JPEG
  turned = page.number(td.FILL_ORDER, 1) == 2 and not is_jpeg
  make = _of_jpeg if is_jpeg else _of_others
  of_rows = functools.cache(functools.partial(make, page, stored, columns))

  def decode(rows: int, segment: bytes) -> np.ndarray:
    decoded = of_rows(rows)(segment.translate(_REVERSED) if turned else segment)
    return decoded.reshape(rows, columns, -1)

  return decode


def _of_jpeg(
  page: td.Page, stored: tiff_samples.Samples, columns: int, rows: int
) -> _Decode:
  tables = bytes(page.tags.get(td.JPEG_TABLES, b""))
  start = tables[:-2]
  start_of_own = 2 if tables else 0

  def pixels(segment: bytes) -> np.ndarray:
    header = _one_strip(page, stored, columns, rows, len(segment))
    picture = Image.open(io.BytesIO(header + segment), formats=("TIFF",))
    whole_pictures.load(picture)
    if picture.mode == "YCbCr":
      return np.asarray(picture.convert("RGB"))
    return np.asarray(picture)

  def decode(segment: bytes) -> np.ndarray:
    end = jpeg_scans.check(start + segment[start_of_own:])
    end += start_of_own - len(start)
    decoded = pixels(segment)
    if end > 0 and np.isin(decoded[-1, -1], (127, 128)).all():
      # What is missing is mid-grey, if nothing else is in its place.
      filled = pixels(jpeg_scans.with_filler(segment, end))
      _check_same(decoded, filled)
    return decoded

  return decode


def _of_others(
  page: td.Page, stored: tiff_samples.Samples, columns: int, rows: int
) -> _Decode:
  import tifffile  # late, as it is slow to import and for TIFFs alone

  as_words = stored.predictor == 2 and stored.kind == "f"
  if as_words:  # their differences are of the words that floats are stored in
    stored = dataclasses.replace(stored, kind="u")
  header = _one_strip(page, stored, columns, rows, 0)
  small = tifffile.TiffFile(io.BytesIO(header)).pages.first

  def decode(segment: bytes) -> np.ndarray:
    try:
      decoded = np.asarray(small.decode(segment, 0)[0])
    except tifffile.TiffFileError as error:
      raise EOFError("strips or tiles of the TIFF are too short") from error
    if stored.compression in tiff_samples.FAX:
      # What is missing is black or white, if nothing else is in its place.
      _check_same(
        decoded, np.asarray(small.decode(segment + _FAX_FILLER, 0)[0])
      )
    if as_words:
      return decoded.view(f"f{stored.bits // 8}")
    return decoded.view(np.uint8) if decoded.dtype == bool else decoded

  return decode


def _check_same(decoded: np.ndarray, filled: np.ndarray) -> None:
  """Raises EOFError if what follows a segment is seen in its pixels."""
  if not np.array_equal(decoded, filled):
    raise EOFError("strips or tiles of the TIFF are cut short")


def _one_strip(
  page: td.Page,
  stored: tiff_samples.Samples,
  columns: int,
  rows: int,
  size: int,
) -> bytes:
  """Returns a TIFF of one strip of so many bytes, which are to follow."""
  count = 1 if stored.apart else stored.count
  photometric = 1 if count == 1 else page.number(td.PHOTOMETRIC)
  if stored.compression != tiff_samples.JPEG:
    photometric = 1  # decoders leave the numbers as they are
  sample_format = {"u": 1, "i": 2, "f": 3}[stored.kind]
  entries: dict[int, tuple[int, Sequence[int]]] = {
    td.WIDTH: (_LONG, (columns,)),
    td.HEIGHT: (_LONG, (rows,)),
    td.BITS: (_SHORT, (stored.bits,) * count),
    td.COMPRESSION: (_SHORT, (stored.compression,)),
    td.PHOTOMETRIC: (_SHORT, (photometric,)),
    td.SAMPLES: (_SHORT, (count,)),
    td.ROWS_PER_STRIP: (_LONG, (rows,)),
    td.STRIP_BYTES: (_LONG, (size,)),
    td.PREDICTOR: (_SHORT, (stored.predictor,)),
    td.SAMPLE_FORMAT: (_SHORT, (sample_format,) * count),
  }
  if stored.compression == tiff_samples.JPEG:
    del entries[td.PREDICTOR]
    if td.JPEG_TABLES in page.tags:
      entries[td.JPEG_TABLES] = _UNDEFINED, bytes(page.tags[td.JPEG_TABLES])
    if photometric == tiff_samples.YCBCR:
      subsampling = [int(each) for each in page.numbers(td.SUBSAMPLING)]
      entries[td.SUBSAMPLING] = _SHORT, subsampling or (2, 2)
  if stored.compression in tiff_samples.FAX:
    del entries[td.PREDICTOR]
    for tag in (td.T4_OPTIONS, td.T6_OPTIONS):
      entries[tag] = _LONG, (page.number(tag, 0),)
  entries[td.STRIPS] = _LONG, (0,)
  at = len(_header(page.order, entries))  # as long without the offset
  entries[td.STRIPS] = _LONG, (at,)
  return _header(page.order, entries)


def _header(order: str, entries: dict[int, tuple[int, Sequence[int]]]) -> bytes:
  """Returns a TIFF's header and its one directory."""
  directory = struct.pack(f"{order}H", len(entries))
  beyond = b""  # values that do not fit an entry
  at = 8 + 2 + 12 * len(entries) + 4
  for tag, (kind, values) in sorted(entries.items()):
    packed = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
    directory += struct.pack(f"{order}HHI", tag, kind, len(values))
    if len(packed) > 4:
      directory += struct.pack(f"{order}I", at + len(beyond))
      beyond += packed + b"\0" * (len(packed) % 2)
    else:
      directory += packed.ljust(4, b"\0")
  magic = b"II*\0" if order == "<" else b"MM\0*"
  start = magic + struct.pack(f"{order}I", 8)
  return start + directory + struct.pack(f"{order}I", 0) + beyond
