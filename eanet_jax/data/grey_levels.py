"""Grey levels of any depth become 8 bits.

Takes an `image_files.Raw`, gives uint8. The levels of the specimen rows alone
decide how they are scaled; they are converted window by window, so that only
the result is in memory as a whole.
"""

import dataclasses

import numpy as np

from eanet_jax.data import grey_samples, image_files, level_scales


@dataclasses.dataclass(frozen=True)
class Result:
  """Grey levels of 8 bits.

  Attributes:
    image: uint8 (y, x) with black 0 and white 255, of all rows.
    levels: how they were scaled, in a few words.
    remarks: what the file left open, or what could not be shown.
  """

  image: np.ndarray
  levels: str
  remarks: tuple[str, ...]


class Levels:
  """The grey levels of a file, to be scaled by some of its rows."""

  def __init__(self, raw: image_files.Raw):
    """Decodes nothing yet."""
    self._raw = raw
    self._image = np.empty((raw.height, raw.width), np.uint8)
    self._scale: level_scales.Scale | None = None  # of all of the image
    self._seen: level_scales.Seen | None = None

  def to_uint8(self, rows: int) -> Result:
    """Returns all rows, scaled by the uppermost so many; the others may clip.

    Integers are scaled by a full scale, not by their own extremes, so that a
    dark image stays darker than its bright neighbour from the same detector:
    packed n bits by 2^n - 1; words by the depth that the file states where it
    fits, else by the smallest usual depth that holds the brightest pixel.
    Signed, longer and real numbers have no full scale: theirs are the extremes,
    but for outliers and what is not finite. The image is overwritten by the
    next call.

    Raises:
      MicrographError: no pixel of these rows is a finite number.
    """
    if self._seen is None:
      self._look(rows)
    assert self._seen is not None
    scale = level_scales.of(self._raw, self._seen, rows)
    if scale != self._scale:
      for window in self._raw.windows():
        _convert(window, scale, self._raw.inverted, self._image)
      self._scale = scale
    return Result(
      self._image,
      scale.name,
      _remarks(self._raw, self._seen, scale, rows),
    )

  def _look(self, rows: int) -> None:
    """Looks at all levels; converts them on the way as far as is known."""
    raw = self._raw
    self._seen = seen = level_scales.Seen(raw)
    scales = set()
    for window in raw.windows():
      seen.add(window)
      scale = level_scales.full(raw, seen, rows)
      scales.add(scale)
      if scale is not None:
        _convert(window, scale, raw.inverted, self._image)
    if len(scales) == 1:
      (self._scale,) = scales


def _convert(
  window: grey_samples.Window,
  scale: level_scales.Scale,
  inverted: bool,
  image: np.ndarray,
) -> None:
  """Writes a window into the image."""
  grey = window.grey
  target = image[window.y :, window.x :][: grey.shape[0], : grey.shape[1]]
  shown = None
  if window.alpha is not None and scale.opaque is not None:
    shown = np.clip(np.nan_to_num(window.alpha / scale.opaque), 0, 1)
  if scale.bits is None:
    factor = 255 / (scale.high - scale.low) if scale.high > scale.low else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
      levels = (grey.astype(np.float64) - scale.low) * factor
    levels = np.rint(np.clip(levels, 0, 255))
    levels = 255 - levels if inverted else levels
    levels = levels if shown is None else np.rint(levels * shown)
    target[:] = np.where(grey_samples.measured(grey), levels, 0)
    return
  full = (1 << scale.bits) - 1
  if grey.dtype.kind == "i" or np.iinfo(grey.dtype).max > full:
    grey = np.clip(grey, 0, min(full, np.iinfo(grey.dtype).max))
  if inverted:
    grey = full - grey
  if shown is not None:
    grey = np.rint(grey * shown).astype(np.uint32)
  # Dropping low bits inverts both ways of widening, v * 256 and v * 257.
  target[:] = grey if scale.bits == 8 else grey >> (scale.bits - 8)


def _remarks(
  raw: image_files.Raw,
  seen: level_scales.Seen,
  scale: level_scales.Scale,
  rows: int,
) -> tuple[str, ...]:
  remarks = []
  if scale.left_open:
    remarks.append(f"grey levels taken as {scale.name}: no depth is stated")
  elif scale.bits is not None and raw.bits is None:
    sample = seen.sample[: -(-rows // seen.stride)]
    bright = np.count_nonzero(
      sample >= level_scales.MIN_LEVELS << (scale.bits - 8)
    )
    if bright < (1 - level_scales.QUANTILES[1]) * sample.size:
      remarks.append(
        f"very dark: {scale.name}, of which fewer than 0.1 % of the pixels need"
        f" more than {scale.bits - 4}"
      )
  if scale.clipped:
    remarks.append(f"{scale.clipped} outlying pixels are clipped")
  if lost := int(seen.not_measured[:rows].sum()):
    remarks.append(f"{lost} pixels are not finite numbers: black")
  return tuple(remarks)
