"""Grey levels of any depth become 8 bits.

Takes an `image_files.Raw`, gives uint8. The extremes of all levels decide how
they are scaled; they are converted window by window, so that only the result is
in memory as a whole.
"""

import dataclasses

import numpy as np

from eanet_jax.data import image_files

_MAX_SAMPLE = 281  # TIFF tag number


def to_uint8(raw: image_files.Raw) -> np.ndarray:
  """Returns uint8 (y, x) with black 0 and white 255.

  Integers are scaled by a full scale, not by their own extremes, so that a
  dark image stays darker than its bright neighbour from the same detector.
  16-bit words hold 16 bits, unless the file says fewer (MaxSampleValue) or no
  pixel reaches 4096: then they are from a 12-bit camera, as a 16-bit image
  that dark would keep less than 16 of 255 levels. No guess is made between
  12 and 16 bits, nor below 12, where it would differ from image to image.
  Floats and 32-bit integers have no full scale: theirs are their extremes.
  """
  grey = np.empty((raw.height, raw.width), np.uint8)
  scale, outdated = None, False
  lows: list[np.number] = []
  highs: list[np.number] = []
  for y, x, pixels in raw.windows():
    if pixels.dtype != np.uint8:
      lows.append(pixels.min())
      highs.append(pixels.max())
      known = _scale(pixels.dtype, np.min(lows), np.max(highs), raw.tags)
      outdated |= scale is not None and scale != known
      scale = known
    _convert(pixels, scale, raw.inverted, grey, y, x)
  if outdated:  # some windows were converted before the extremes were known
    for y, x, pixels in raw.windows():
      _convert(pixels, scale, raw.inverted, grey, y, x)
  return grey


@dataclasses.dataclass(frozen=True)
class _Scale:
  """What brings grey levels to 0 to 255: a shift, or else low and factor."""

  shift: int | None
  low: float = 0.0
  factor: float = 0.0


def _scale(
  dtype: np.dtype, low: np.number, high: np.number, tags: dict
) -> _Scale:
  """Returns the scale of a picture with these extremes."""
  whole = dtype.kind in "iu" and dtype.itemsize > 1
  if whole and low >= 0 and high < 1 << 16:
    # Dropping low bits inverts both ways of widening, v * 256 and v * 257.
    return _Scale(_used_bits(tags, int(high)) - 8)
  span = float(high) - float(low)
  if not np.isfinite(span):
    raise image_files.MicrographError("some pixels are not finite numbers")
  return _Scale(None, float(low), 255 / span if span else 0.0)


def _convert(
  pixels: np.ndarray,
  scale: _Scale | None,
  inverted: bool,
  grey: np.ndarray,
  y: int,
  x: int,
) -> None:
  """Writes pixels into `grey` at y, x; they have 8 bits if scale is None."""
  if scale is not None and scale.shift is not None:
    pixels = pixels >> scale.shift
  elif scale is not None:
    levels = pixels.astype(np.float64) - scale.low
    pixels = np.rint(levels * scale.factor)
  rows, columns = pixels.shape
  window = grey[y : y + rows, x : x + columns]
  window[:] = pixels.astype(np.uint8)
  if inverted:
    np.subtract(255, window, out=window)


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
