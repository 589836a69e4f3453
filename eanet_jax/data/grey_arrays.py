"""A grey picture that a program holds as an array, as if read from a file.

Takes a NumPy array, gives an `image_files.Raw`. What an array means is only
guessed where a file's is, so that what may be meant otherwise is refused.
"""

import numpy as np

from eanet_jax import errors
from eanet_jax.data import grey_samples, image_files

_KINDS = "uint8, uint16, or floats from 0 for black to 1 for white"


def raw(pixels: np.ndarray, name: str) -> image_files.Raw:
  """Returns the picture of an array, whose pixels are not copied.

  Args:
    pixels: (y, x), uint8; uint16, of which as many bits count as a PNG's would;
      or floats from 0 for black to 1 for white.
    name: the array's, for errors.

  Raises:
    UserError: it is no such array.
    MicrographError: it has too few pixels.
  """
  if isinstance(pixels, np.ma.MaskedArray):
    raise errors.UserError(
      f"{name} is a masked array, whose mask would be lost: fill it first"
    )
  if pixels.ndim != 2 or not pixels.size:
    raise errors.UserError(
      f"{name} has the shape {pixels.shape}: a grey picture has rows and"
      " columns, (y, x); make colours grey first, as Pillow's convert('L') does"
    )
  if pixels.dtype.kind == "f":
    return _of_floats(pixels, name)
  native = pixels.dtype.newbyteorder("=")
  if native not in (np.uint8, np.uint16):
    raise errors.UserError(
      f"{name} holds {pixels.dtype}: give {_KINDS}, so that it is plain what is"
      " black and what is white"
    )
  bits = 8 if native == np.uint8 else None
  return _raw(pixels.astype(native, copy=False), bits)


def _of_floats(pixels: np.ndarray, name: str) -> image_files.Raw:
  low, high = float(pixels.min()), float(pixels.max())
  if not np.isfinite([low, high]).all():
    raise errors.UserError(
      f"{name} has values that are no finite numbers: give {_KINDS}"
    )
  if low < 0 or high > 1:
    raise errors.UserError(
      f"{name} has floats from {low:.6g} to {high:.6g}: give {_KINDS}; divide"
      " by the greatest level that the detector can give"
    )
  levels = np.rint(pixels.astype(np.float64) * 255).astype(np.uint8)
  return _raw(levels, 8, "floats, taken as 0 for black and 1 for white")


def _raw(
  pixels: np.ndarray, bits: int | None, *remarks: str
) -> image_files.Raw:
  height, width = pixels.shape
  image_files.check_not_small(width, height)
  return image_files.Raw(
    height,
    width,
    lambda: iter([grey_samples.Window(0, 0, pixels)]),
    bits,
    remarks=remarks,
  )
