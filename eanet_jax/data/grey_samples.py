"""Samples of any colours become grey at their own depth."""

import dataclasses

import numpy as np

# The luma of ITU-R 601, of 2^16, as Pillow has it for 8 bits.
_LUMA = (19595, 38470, 7471)

_BEYOND_DETECTORS = 1e30


@dataclasses.dataclass(frozen=True)
class Window:
  """Part of a picture, which lies at y, x of it.

  Attributes:
    y: its first row.
    x: its first column.
    grey: numbers of any kind (rows, columns).
    alpha: (rows, columns) of how much is to be seen; None: all.
    brightest: (rows, columns), the greatest of the colours of each pixel.
  """

  y: int
  x: int
  grey: np.ndarray
  alpha: np.ndarray | None = None
  brightest: np.ndarray | None = None


def measured(grey: np.ndarray) -> np.ndarray:
  """Returns bool: which pixels are numbers that a detector could give.

  Not so are infinity, what is not a number, and the like of the greatest float,
  with which programs mark pixels without data.
  """
  if grey.dtype.kind != "f":
    return np.ones(grey.shape, bool)
  limit = min(_BEYOND_DETECTORS, float(np.finfo(grey.dtype).max))
  return np.abs(grey) <= limit


def luma(colours: np.ndarray) -> np.ndarray:
  """Returns the grey (rows, columns) of red, green and blue, of their dtype.

  Args:
    colours: (rows, columns, 3); equal ones give that grey exactly.
  """
  whole = colours.dtype.kind in "iu"
  short = colours.dtype in (np.uint8, np.uint16)
  grey = np.zeros(colours.shape[:2], np.uint32 if short else np.float64)
  for channel, weight in enumerate(_LUMA):
    grey += colours[:, :, channel].astype(grey.dtype) * weight
  if short:
    return ((grey + (1 << 15)) >> 16).astype(colours.dtype)
  grey /= 1 << 16
  return (np.rint(grey) if whole else grey).astype(colours.dtype)


def of_inks(inks: np.ndarray) -> np.ndarray:
  """Returns the grey of cyan, magenta, yellow and black, uint8 or uint16."""
  full = np.iinfo(inks.dtype).max
  paper = full - inks.astype(np.uint32)
  colours = (paper[:, :, :3] * paper[:, :, 3:] + full // 2) // full
  return luma(colours.astype(inks.dtype))
