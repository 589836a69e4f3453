"""What can be measured of a micrograph at a glance, and what is odd about it.

Takes the specimen rows as uint8, gives numbers, and remarks for people: of one
picture, and of one beside the others of its data set.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

_FEW_LEVELS = 24
_NEAR_BLACK, _NEAR_WHITE = 24, 231  # 99 % of the pixels are beyond
_SATURATED_SHARE = 0.05
_FOCUS_PX = 1024  # side of the middle in which focus is measured
# Fewer files do not say what is usual.
_FEWEST_COMPARED = 8
# A picture is blurred if it is so many times less sharp than the median, and
# beyond what the others differ by.
_BLUR_RATIO, _BLUR_SPREADS = 2.0, 4.0


@dataclasses.dataclass(frozen=True)
class Facts:
  """Numbers of one picture.

  Attributes:
    height, width: pixels.
    mean, std: of the grey levels, 0 to 255.
    levels: how many grey levels occur.
    low, high: the grey levels below and above which 1 % of the pixels are.
    saturated: share of the pixels that are white, 255.
  """

  height: int
  width: int
  mean: float
  std: float
  levels: int
  low: int
  high: int
  saturated: float


def measure(image: np.ndarray) -> Facts:
  """Returns the facts of a uint8 (y, x) picture."""
  counts = np.bincount(image.ravel(), minlength=256)
  grey = np.arange(256)
  mean = (counts @ grey) / image.size
  std = float(np.sqrt((counts @ (grey - mean) ** 2) / image.size))
  shares = counts.cumsum() / image.size
  height, width = image.shape
  return Facts(
    height=height,
    width=width,
    mean=float(mean),
    std=std,
    levels=int(np.count_nonzero(counts)),
    low=int(np.searchsorted(shares, 0.01)),
    high=int(np.searchsorted(shares, 0.99)),
    saturated=float(counts[255] / image.size),
  )


def sharpness(image: np.ndarray) -> float:
  """Returns how much of a picture's contrast is in details of 2 to 6 pixels.

  From 0 to 1, of the middle of a uint8 (y, x) picture.
  """
  height, width = image.shape
  top = max(0, (height - _FOCUS_PX) // 2)
  left = max(0, (width - _FOCUS_PX) // 2)
  picture = Image.fromarray(
    image[top : top + _FOCUS_PX, left : left + _FOCUS_PX]
  )
  # Single pixels are noise, which no lens blurs.
  fine, coarse = (
    np.asarray(picture.filter(ImageFilter.GaussianBlur(px)), np.float32)
    for px in (1, 3)
  )
  spread = float(fine.std())
  return min(1.0, float((fine - coarse).std()) / spread) if spread else 0.0


def remarks(facts: Facts) -> list[str]:
  """Returns what is odd about one picture by itself."""
  found = []
  if facts.high < _NEAR_BLACK:
    found.append("nearly black")
  elif facts.low > _NEAR_WHITE:
    found.append("nearly white")
  if facts.levels < _FEW_LEVELS:
    found.append(f"only {facts.levels} grey levels")
  if facts.saturated > _SATURATED_SHARE:
    found.append(f"saturated: {facts.saturated:.0%} of it is white")
  return found


def blurred(sharpness: Sequence[float]) -> list[bool]:
  """Returns which pictures are out of focus, compared with the others.

  Args:
    sharpness: of each.
  """
  if len(sharpness) < _FEWEST_COMPARED:
    return [False] * len(sharpness)
  logs = np.log(np.maximum(sharpness, 1e-3))
  median = np.median(logs)
  spread = np.median(np.abs(logs - median))
  off = max(np.log(_BLUR_RATIO), _BLUR_SPREADS * spread)
  return list(logs < median - off)
