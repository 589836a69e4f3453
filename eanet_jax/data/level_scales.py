"""What scales grey levels of any depth to 8 bits.

Takes what is seen of an `image_files.Raw`, window by window. Gives the scale of
any of its upper rows, so that a data bar below them decides nothing.
"""

import dataclasses

import numpy as np

from eanet_jax.data import grey_samples, image_files
from eanet_jax.data.micrograph_errors import MicrographError

_WORD_BITS = (8, 10, 12, 14, 16)  # that cameras and detectors have
# Of 255, that a picture must keep for its stated depth to be believed.
MIN_LEVELS = 16
# A pixel is an outlier if it lies farther from these quantiles than they do
# from each other; where the specimen has one, the others set the scale.
QUANTILES = (0.001, 0.999)
_SAMPLED_PX = 2**18


class Seen:
  """What was seen of each row, so that it is known of any upper rows."""

  def __init__(self, raw: image_files.Raw):
    """Has seen nothing yet of `raw`."""
    self.dtype = np.dtype(np.uint8)
    self.low = np.full(raw.height, np.inf)
    self.high = np.full(raw.height, -np.inf)
    self.brightest = np.full(raw.height, -np.inf)  # of any colour
    self.not_measured = np.zeros(raw.height, np.int64)
    self.alpha_high: float | None = None  # of the greatest alpha, if any
    self._deep = raw.bits is None
    # A grid of pixels, whatever the windows are: for quantiles.
    self.stride = 1
    while raw.height * raw.width > _SAMPLED_PX * self.stride**2:
      self.stride += 1
    shape = -(-raw.height // self.stride), -(-raw.width // self.stride)
    self.sample = np.empty(shape if self._deep else (0, 0))

  def add(self, window: grey_samples.Window) -> None:
    """Looks at a window."""
    grey, y, x = window.grey, window.y, window.x
    bright = window.brightest
    self.dtype = grey.dtype
    if window.alpha is not None:
      # Not a number is no alpha; it does not count.
      high = float(np.fmax.reduce(window.alpha, axis=None))
      self.alpha_high = max(high, self.alpha_high or 0.0)
      shown = window.alpha > 0
      if self._deep and shown.any():  # what lies hidden is arbitrary
        grey = np.where(shown, grey, grey[shown][0])
        bright = None if bright is None else np.where(shown, bright, 0)
    if not self._deep:
      return
    rows = slice(y, y + len(grey))
    if grey.dtype.kind == "f":
      measured = grey_samples.measured(grey)
      self.not_measured[rows] += np.count_nonzero(~measured, axis=1)
      lows = grey.min(axis=1, where=measured, initial=np.inf)
      highs = grey.max(axis=1, where=measured, initial=-np.inf)
    else:
      lows, highs = grey.min(axis=1), grey.max(axis=1)
      brights = highs if bright is None else bright.max(axis=1)
      np.maximum(self.brightest[rows], brights, out=self.brightest[rows])
    np.minimum(self.low[rows], lows, out=self.low[rows])
    np.maximum(self.high[rows], highs, out=self.high[rows])
    s = self.stride
    part = grey[-y % s :: s, -x % s :: s]
    top, left = -(-y // s), -(-x // s)
    self.sample[top : top + part.shape[0], left : left + part.shape[1]] = part


@dataclasses.dataclass(frozen=True)
class Scale:
  """What brings grey levels to 0 to 255: so many bits, or else low and high.

  Attributes:
    name: for people.
    bits: of a full scale, 8 or more.
    low: becomes 0, as what is below.
    high: becomes 255, as what is above.
    opaque: the alpha of what is all to be seen; None if there is no alpha.
    left_open: whether no depth is stated.
    clipped: how many pixels are beyond `low` or `high`.
  """

  name: str
  bits: int | None = None
  low: float = 0.0
  high: float = 0.0
  opaque: float | None = None
  left_open: bool = False
  clipped: int = 0


def of(raw: image_files.Raw, seen: Seen, rows: int) -> Scale:
  """Returns the scale of the uppermost rows."""
  known = full(raw, seen, rows)
  if known is not None:
    return known
  low, high = seen.low[:rows].min(), seen.high[:rows].max()
  if low > high:
    raise MicrographError("no pixel is a finite number")
  clipped = 0
  sample = seen.sample[: -(-rows // seen.stride)]
  sample = sample[grey_samples.measured(sample)]
  first, last = np.quantile(sample, QUANTILES) if sample.size else (low, high)
  least, most = first - (last - first), last + (last - first)
  if first < last and (low < least or high > most):
    low, high, clipped = _inner_extremes(raw, rows, least, most)
  return Scale(
    f"{low:.6g} to {high:.6g}",
    low=low,
    high=high,
    opaque=_opaque(raw, seen),
    clipped=clipped,
  )


def full(raw: image_files.Raw, seen: Seen, rows: int) -> Scale | None:
  """Returns the scale of numbers that have a full one, None for others."""
  opaque = _opaque(raw, seen)
  if raw.bits is not None:
    stored = raw.stored_bits or raw.bits
    name = f"{stored} bits" if stored > 1 else "1 bit"
    return Scale(name, raw.bits, opaque=opaque)
  low, brightest = seen.low[:rows].min(), seen.brightest[:rows].max()
  if seen.dtype.kind == "f" or not 0 <= low <= brightest < 1 << 16:
    return None
  word = 8 * seen.dtype.itemsize
  high = int(brightest)
  stated = raw.stated or 0
  bits = stated.bit_length()
  # Some writers put the image's own maximum there; a full scale is 2^n - 1.
  if (
    high <= stated == (1 << bits) - 1
    and 8 <= bits <= 16
    and bits < word
    and high >> (bits - 8) >= MIN_LEVELS
  ):
    return Scale(f"{bits} of {word} bits, stated", bits, opaque=opaque)
  bits = min(_bits_of(high), word)
  if bits == word:
    return Scale(f"{bits} bits", bits, opaque=opaque)
  name = f"{bits} of {word} bits, by the brightest pixel"
  return Scale(name, bits, opaque=opaque, left_open=True)


def _bits_of(high: int) -> int:
  return next(bits for bits in _WORD_BITS if high < 1 << bits)


def _opaque(raw: image_files.Raw, seen: Seen) -> float | None:
  """Returns the alpha of what is all to be seen, None if there is no alpha.

  An alpha of 0 everywhere is a channel that the writer left unused.
  """
  high = seen.alpha_high
  if not high or not np.isfinite(high):
    return None
  if raw.bits is not None:
    return float((1 << raw.bits) - 1)
  if seen.dtype.kind == "f":
    return max(high, 1.0)
  # Something is opaque nearly always, and then it is 2^n - 1.
  level = int(high)
  if level & (level + 1) == 0 or level >= 1 << 16:
    return high
  return float((1 << min(_bits_of(level), 8 * seen.dtype.itemsize)) - 1)


def _inner_extremes(
  raw: image_files.Raw, rows: int, least: float, most: float
) -> tuple[float, float, int]:
  """Returns the extremes of what is inside, and how many pixels are not."""
  low, high = np.inf, -np.inf
  beyond = 0
  for window in raw.windows():
    grey = window.grey[: max(0, rows - window.y)]
    inside = (grey >= least) & (grey <= most)
    beyond += int(np.count_nonzero(~inside & grey_samples.measured(grey)))
    inner = grey[inside]
    if inner.size:
      low, high = min(low, float(inner.min())), max(high, float(inner.max()))
  return low, high, beyond
