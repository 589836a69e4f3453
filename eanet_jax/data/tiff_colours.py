"""What the samples of a page of a TIFF mean, and their grey.

Takes the tags of a page. Gives which samples are needed and what makes grey of
them; a meaning that is unknown is refused by its name.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from eanet_jax.data import grey_samples, tiff_samples
from eanet_jax.data import tiff_directories as td
from eanet_jax.data.micrograph_errors import MicrographError
from eanet_jax.runtime import wording

_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _MASK, _INKS = range(6)
_REFUSED = {
  _MASK: "transparency alone",
  8: "CIELab colours",
  9: "ICCLab colours",
  10: "ITULab colours",
  32803: "raw data of a colour sensor",
  32844: "logarithmic luminance",
  32845: "logarithmic LogLuv colours",
  34892: "linear raw data",
}
_PREMULTIPLIED, _ALPHA = 1, 2  # by the tag ExtraSamples
# The YCbCr whose Y is the luma of ITU-R 601 from 0 to 255.
_LUMA_601 = (0.299, 0.587, 0.114)
_FULL_RANGE = (0, 255, 128, 255, 128, 255)


@dataclasses.dataclass(frozen=True)
class Colours:
  """What makes grey of the samples of a page.

  Attributes:
    channels: of each pixel that are needed, the alpha last.
    has_alpha: whether there is one.
    grey: makes (rows, columns) of (rows, columns, channels without alpha).
    bits: of the grey; None where a word may hold fewer than it could.
    wide: of each number that a sample of fewer than 8 bits may have, its number
      of 8 bits, in which colours can be mixed; None for other samples.
    inverted: whether 0 is white.
    remarks: what is not looked at.
  """

  channels: tuple[int, ...]
  has_alpha: bool
  grey: Callable[[np.ndarray], np.ndarray]
  bits: int | None
  inverted: bool = False
  remarks: tuple[str, ...] = ()
  wide: np.ndarray | None = None

  def window(self, y: int, samples: np.ndarray) -> grey_samples.Window:
    """Returns the grey of samples (rows, columns, channels) at row y."""
    if self.wide is not None:
      samples = self.wide[samples]
    alpha = samples[:, :, -1] if self.has_alpha else None
    colours = samples[:, :, :-1] if self.has_alpha else samples
    in_question = self.bits is None and colours.shape[2] == 3
    brightest = colours.max(axis=2) if in_question else None
    return grey_samples.Window(y, 0, self.grey(colours), alpha, brightest)


def of(page: td.Page) -> Colours:
  """Returns what a page's samples mean; raises MicrographError if unknown."""
  stored = tiff_samples.of(page)
  photometric = page.number(td.PHOTOMETRIC)
  if (
    photometric == tiff_samples.YCBCR
    and stored.compression == tiff_samples.JPEG
  ):
    if stored.apart:
      raise MicrographError("a TIFF of YCbCr colours in separate planes")
    photometric = _RGB  # as decoders give it
  packed = stored.kind == "u" and stored.bits not in (16, 32, 64)
  bits = stored.bits if packed else None
  grey: Callable[[np.ndarray], np.ndarray] = lambda colours: colours[:, :, 0]
  wide = None
  if packed and stored.bits < 8 and photometric != _PALETTE:
    numbers = np.arange(1 << stored.bits)
    wide, bits = np.rint(numbers * 255 / numbers[-1]).astype(np.uint8), 8
  used = needed = 1
  if photometric == _RGB:
    used = needed = 3
    grey = grey_samples.luma
  elif photometric == _PALETTE:
    table = _palette(page, stored)
    bits = 8 * table.dtype.itemsize
    grey = lambda colours: table[colours[:, :, 0]]
  elif photometric == _INKS:
    used = needed = 4
    grey = grey_samples.of_inks
    if page.number(td.INKS, 1) != 1 or stored.kind + str(stored.bits) not in (
      "u8",
      "u16",
    ):
      raise MicrographError("a TIFF of unusual printing inks")
    bits = stored.bits
  elif photometric == tiff_samples.YCBCR:
    needed = 3
    _check_luma(page, stored)
  elif photometric not in (_WHITE_IS_0, _BLACK_IS_0):
    name = _REFUSED.get(photometric, f"an unknown kind ({photometric})")
    raise MicrographError(f"a TIFF of {name}: save it as grey or RGB")
  if stored.count < needed:
    raise MicrographError(
      f"damaged: a TIFF of {needed} colours with {stored.count} channels"
    )
  alpha, unknown = _extra(page, stored.count, needed)
  if photometric == _WHITE_IS_0 and alpha == _PREMULTIPLIED:
    raise MicrographError("a TIFF with premultiplied alpha whose 0 is white")
  remarks: tuple[str, ...] = ()
  if unknown:
    channels = wording.count(unknown, "channel")
    remarks = (f"{channels} of unknown meaning: not looked at",)
  return Colours(
    # What is premultiplied lies on black already.
    channels=(*range(used), *((needed,) if alpha == _ALPHA else ())),
    has_alpha=alpha == _ALPHA,
    grey=grey,
    bits=bits,
    inverted=photometric == _WHITE_IS_0,
    remarks=remarks,
    wide=wide,
  )


def _extra(page: td.Page, count: int, needed: int) -> tuple[int, int]:
  """Returns the kind of alpha, 0 if none, and how many channels are unknown."""
  meanings = page.numbers(td.EXTRA_SAMPLES)
  if not meanings and (needed, count) == (3, 4):
    meanings = (_ALPHA,)  # as programs leave it out
  alpha = meanings[0] if meanings and count > needed else 0
  if alpha not in (_PREMULTIPLIED, _ALPHA):
    alpha = 0
  return alpha, count - needed - bool(alpha)


def _palette(page: td.Page, stored: tiff_samples.Samples) -> np.ndarray:
  """Returns the grey of each entry, uint8 or uint16."""
  if stored.kind != "u" or stored.bits > 16:
    raise MicrographError(f"damaged: a palette of {stored.bits} bits")
  entries = np.asarray(page.numbers(td.COLOURS))
  if entries.size != 3 << stored.bits:
    raise MicrographError("damaged: the palette of the TIFF is not whole")
  # Some writers put levels of 8 bits there.
  depth = np.uint8 if entries.max() < 256 else np.uint16
  colours = entries.astype(depth).reshape(3, 1, -1)
  return grey_samples.luma(np.moveaxis(colours, 0, 2))[0]


def _check_luma(page: td.Page, stored: tiff_samples.Samples) -> None:
  """Raises MicrographError unless the first sample is the luma as it is."""
  if tuple(page.numbers(td.SUBSAMPLING))[:2] != (1, 1):
    raise MicrographError(
      "a TIFF of subsampled YCbCr colours without JPEG: save it as RGB"
    )
  weights = page.numbers(td.LUMA) or _LUMA_601
  levels = page.numbers(td.BLACK_WHITE) or _FULL_RANGE
  if (
    (stored.kind, stored.bits) != ("u", 8)
    or not np.allclose(weights, _LUMA_601, atol=1e-3)
    or not np.allclose(levels, _FULL_RANGE)
  ):
    raise MicrographError("a TIFF of unusual YCbCr colours: save it as RGB")
