"""How the numbers of a page of a TIFF are stored.

Takes the tags of a page. What no decoder here is known to read right is refused
by its name.
"""

import dataclasses

from eanet_jax.data import tiff_directories as td
from eanet_jax.data.micrograph_errors import MicrographError

NONE, JPEG = 1, 7
FAX = (2, 3, 4)
_PACKBITS = 32773
# Those with predictors, and what else each is called.
_GENERAL = {5: 5, 8: 8, 32946: 8, 34925: 34925, 50000: 50000, 34926: 50000}
_REFUSED = {
  6: "old-style JPEG",
  33003: "JPEG 2000",
  33005: "JPEG 2000",
  34712: "JPEG 2000",
  34887: "LERC",
  34892: "lossy JPEG",
  34927: "WebP",
  34933: "PNG",
  34934: "JPEG XR",
  50001: "WebP",
  50002: "JPEG XL",
  52546: "JPEG XL",
}
YCBCR = 6  # a photometric kind
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}  # by the tag SampleFormat
_MAX_SAMPLES = 64


@dataclasses.dataclass(frozen=True)
class Samples:
  """How the numbers of a page are stored.

  Attributes:
    count: of a pixel.
    bits: of each number.
    kind: "u", "i" or "f", for whole, signed and real numbers.
    apart: whether each has a plane of its own.
    compression: as tifffile calls it.
    predictor: 1 none, 2 differences, 3 those of the bytes of floats.
  """

  count: int
  bits: int
  kind: str
  apart: bool
  compression: int
  predictor: int


def of(page: td.Page) -> Samples:
  """Returns how the numbers are stored; raises MicrographError if unknown."""
  count = page.number(td.SAMPLES, 1)
  if not 0 < count <= _MAX_SAMPLES:
    raise MicrographError(f"a TIFF of {count} channels")
  bits = _one(page, td.BITS, 1, "bits")
  sample_format = _one(page, td.SAMPLE_FORMAT, 1, "kinds of numbers")
  if sample_format in (5, 6):
    raise MicrographError("a TIFF of complex numbers: save their magnitude")
  kind = _KINDS.get(sample_format, "")
  known = {
    "u": (*range(1, 33), 64),
    "i": (8, 16, 32, 64),
    "f": (16, 24, 32, 64),
  }
  if bits not in known.get(kind, ()):
    raise MicrographError(f"a TIFF of numbers of a rare kind ({bits} bits)")
  compression = page.number(td.COMPRESSION, NONE)
  if compression not in (NONE, JPEG, *FAX, _PACKBITS, *_GENERAL):
    name = _REFUSED.get(compression, f"a rare method ({compression})")
    raise MicrographError(
      f"a TIFF compressed by {name}: save it uncompressed, or by LZW or deflate"
    )
  if compression == JPEG and (bits, kind) != (8, "u"):
    raise MicrographError(f"a TIFF compressed by JPEG of {bits} bits")
  if compression in FAX and (bits, count) != (1, 1):
    raise MicrographError("damaged: fax codes of more than black and white")
  predictor = page.number(td.PREDICTOR, 1)
  if compression in (JPEG, *FAX):
    predictor = 1  # they have none of their own
  _check_predictor(predictor, compression, bits, kind)
  return Samples(
    count=count,
    bits=bits,
    kind=kind,
    apart=count > 1 and page.number(td.PLANES, 1) == 2,
    compression=_GENERAL.get(compression, compression),
    predictor=predictor,
  )


def _one(page: td.Page, tag: int, otherwise: int, what: str) -> int:
  """Returns the one value that all samples have."""
  values = set(page.numbers(tag)[: page.number(td.SAMPLES, 1)]) or {otherwise}
  if len(values) > 1:
    raise MicrographError(f"a TIFF whose channels have different {what}")
  return int(values.pop())


def _check_predictor(
  predictor: int, compression: int, bits: int, kind: str
) -> None:
  if predictor == 1:
    return
  if compression not in _GENERAL:
    # Some programs apply it nevertheless, and others do not.
    raise MicrographError("a TIFF with a predictor that its compression lacks")
  known = {2: bits in (8, 16, 32, 64), 3: kind == "f" and bits != 24}
  if not known.get(predictor, False):
    raise MicrographError(f"a TIFF with a rare predictor ({predictor})")
