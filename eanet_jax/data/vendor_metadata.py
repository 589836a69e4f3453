"""What the microscope wrote beside the pixels: sizes of scan, bar and pixel.

Takes the TIFF tags of a file, the segments of a JPEG, the text file beside it.
Gives a statement for each source that says anything. All of it is untrusted:
each entry counts by itself, and one that is damaged or implausible counts as
absent. TIFF XResolution is a print resolution and never read.
"""

import dataclasses
import itertools
import math
import pathlib
import re
from collections.abc import Callable, Iterator

_MAX_CHARACTERS = 1 << 16
_MAX_HEADER_BYTES = 1 << 20
_MAX_SIDE_PX = 1 << 20
# FEI, Thermo and Phenom all write to any of these.
_FEI_TAGS = (34682, 34680, 34683)
_ZEISS_TAG = 34118
_TESCAN_TAG = 50431
_ZEISS_WIDTH_PX = 1024
_PLAUSIBLE_UM_PER_PX = (1e-6, 1e3)
_NUMBER = r"[-+]?\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?"
# A micro sign or a Greek mu, also where bytes of an unknown encoding were read
# as Latin-1.
_MICRO = {
  sign.encode(encoding, "replace").decode("latin-1")
  for sign in "\xb5\u03bc"
  for encoding in (
    *("utf-8", "gbk", "shift_jis", "euc_kr", "big5", "cp437", "mac_roman"),
  )
} - {"?"}
_UM = {
  **{"m": 1e6, "cm": 1e4, "mm": 1e3, "um": 1.0, "nm": 1e-3, "pm": 1e-6},
  **{"micron": 1.0, "microns": 1.0},
  **dict.fromkeys(("a", "\xe5", "\u212b", "angstrom"), 1e-4),
  **{f"{sign}m".lower(): 1.0 for sign in _MICRO | {"\xb5", "\u03bc"}},
}


@dataclasses.dataclass(frozen=True)
class Statement:
  """What one source says, None where it says nothing credible.

  Attributes:
    origin: where it stands: "tag" or "sidecar".
    width: of the scan, pixels.
    height: of the scan, pixels; without the bar if that is below the scan.
    bar_rows: of the data bar or strip.
    um_per_px: micrometres that a pixel of the scan is wide.
    field_um: micrometres that the scan as a whole is wide.
    bar_below: whether the bar is below the scan, not drawn over it.
  """

  origin: str
  width: int | None = None
  height: int | None = None
  bar_rows: int | None = None
  um_per_px: float | None = None
  field_um: float | None = None
  bar_below: bool = True


def read(path: pathlib.Path, tags: dict) -> list[Statement]:
  """Returns what is stated of the image file at path, the most credible first.

  Args:
    path: the image file.
    tags: number: value of the TIFF tags, none for other formats.
  """
  return [parse(origin, text) for origin, parse, text in _sources(path, tags)]


def _sources(
  path: pathlib.Path, tags: dict
) -> Iterator[tuple[str, Callable[[str, str], Statement], str]]:
  """Yields (origin, parser, text), the file's own tags first."""
  for code in (*_FEI_TAGS, _ZEISS_TAG, _TESCAN_TAG):
    value = tags.get(code)
    if isinstance(value, str):  # bytes that the decoder took for Latin-1
      value = value.encode("latin-1", "replace")
    if not isinstance(value, bytes):
      continue
    text = _decoded(value)
    if code in _FEI_TAGS:
      yield "tag", _phenom if "<FeiImage" in text else _fei, text
    else:
      yield "tag", _zeiss if code == _ZEISS_TAG else _tescan, text
  if text := _jpeg_xml(path):
    yield "tag", _phenom, text
  ending = path.suffix[1:]
  for stem in (path.stem, f"{path.stem}-{ending}"):
    if text := _sidecar(path, stem, ".hdr"):
      yield "sidecar", _tescan, text
  if text := _sidecar(path, path.stem, ".txt"):
    hitachi = "[semimagefile]" in text.lower()
    yield "sidecar", _hitachi if hitachi else _jeol, text


def _sidecar(path: pathlib.Path, stem: str, ending: str) -> str:
  """Returns the text of a small file, "" where there is none."""
  for name in (stem + ending, stem + ending.upper()):
    try:
      beside = path.with_name(name)
      if beside.is_file():
        with beside.open("rb") as file:
          return _decoded(file.read(_MAX_CHARACTERS))
    except (OSError, ValueError):
      continue
  return ""


def _jpeg_xml(path: pathlib.Path) -> str:
  """Returns the XML in the segments before a JPEG's pixels, "" for none."""
  try:
    with path.open("rb") as file:
      if file.read(2) != b"\xff\xd8":
        return ""
      content = file.read(_MAX_HEADER_BYTES)
  except OSError:
    return ""
  y = 0
  while content[y : y + 1] == b"\xff" and content[y + 1 : y + 2] != b"\xda":
    end = y + 2 + int.from_bytes(content[y + 2 : y + 4])
    # Text as bytes, or each of its characters with a zero before or after.
    segment = content[y + 4 : end].replace(b"\0", b"")
    if (begin := segment.find(b"<FeiImage")) >= 0:
      return _decoded(segment[begin:])
    y = end
  return ""


def _decoded(content: bytes) -> str:
  """Returns text of any usual encoding; ASCII in it is right in all of them."""
  content = content[: 2 * _MAX_CHARACTERS]
  encoding = "latin-1"
  if content.startswith((b"\xff\xfe", b"\xfe\xff")):
    encoding = "utf-16"
  elif len(start := content[:1024]) > 16:
    # ASCII as UTF-16 has a zero in every other byte.
    for first, candidate in ((1, "utf-16-le"), (0, "utf-16-be")):
      zeros, others = start[first::2].count(0), start[1 - first :: 2].count(0)
      if zeros > 0.4 * len(start) and others < 0.1 * len(start):
        encoding = candidate
  if encoding == "latin-1":
    try:
      return content.decode("utf-8-sig")[:_MAX_CHARACTERS]
    except UnicodeDecodeError:
      pass
  return content.decode(encoding, errors="replace")[:_MAX_CHARACTERS]


def _number(text: str | None) -> float | None:
  """Returns a finite number, with a decimal point or comma."""
  if text is None or not re.fullmatch(_NUMBER, text.strip()[:40]):
    return None
  number = float(text.strip().replace(",", "."))
  return number if math.isfinite(number) else None


def _pixels(text: str | None) -> int | None:
  """Returns a number of pixels, 0 or more."""
  number = _number(text)
  if number is None or not 0 <= number <= _MAX_SIDE_PX or number % 1:
    return None
  return int(number)


def _side(text: str | None) -> int | None:
  return _pixels(text) or None


def _um(text: str | None, unit: str = "") -> float | None:
  """Returns a length in micrometres.

  Args:
    text: a number, and its unit if it has one.
    unit: of a number without one; then "" is nothing that can be understood.
  """
  found = re.fullmatch(rf"({_NUMBER})\s*(\S*)", (text or "").strip()[:60])
  if not found:
    return None
  number, um = _number(found[1]), _UM.get((found[2] or unit).lower())
  return None if number is None or um is None else number * um


def _plausible(um_per_px: float | None) -> float | None:
  low, high = _PLAUSIBLE_UM_PER_PX
  if um_per_px is None or not low <= um_per_px <= high:
    return None
  return um_per_px


def _length(um: float | None) -> float | None:
  """Returns the width of a field of view, None where it is none."""
  return None if um is None or um <= 0 else um


def _fields(text: str) -> dict[str, str]:
  """Returns {"section.key": value} of INI text, "key" before any section."""
  fields: dict[str, str] = {}
  section = ""
  for line in re.split(r"[\r\n\0]+", text):
    key, equals, value = line.partition("=")
    if not equals and (name := re.search(r"\[(.*)\]", line)):
      section = name[1].strip().lower() + "."
    elif equals and (words := re.findall(r"\w+", key)):
      # Only the last word: binary bytes precede the first key of Tescan's tag.
      name_of_value = (section + words[-1]).lower()
      fields.setdefault(name_of_value, value.strip())
  return fields


def _fei(origin: str, text: str) -> Statement:
  """FEI and Thermo append the bar below the scanned rows."""
  fields = _fields(text)
  um_per_px = field_um = None
  for section in _fei_sections(fields):
    length = lambda key, section=section: _um(
      fields.get(f"{section}.{key}"), "m"
    )
    um_per_px = um_per_px or _plausible(length("pixelwidth"))
    for key in ("horfieldsize", "hfw"):
      field_um = field_um or _length(length(key))
  return Statement(
    origin,
    _side(fields.get("image.resolutionx")),
    _side(fields.get("image.resolutiony")),
    _pixels(fields.get("privatefei.databarheight")),
    um_per_px,
    field_um,
  )


def _fei_sections(fields: dict[str, str]) -> list[str]:
  """Returns the sections that may say the scale, the most credible first.

  A microscope of two beams has a section for each; where [Beam] does not name
  the one in use, neither is believed.
  """
  named = [fields.get(f"beam.{key}", "").lower() for key in ("scan", "beam")]
  both = {key.partition(".")[0] for key in fields}
  others = []
  for kind in ("scan", "beam"):
    found = [name for name in both if re.fullmatch(rf"\w+{kind}", name)]
    others += found if len(found) == 1 else []
  return ["scan", *filter(None, named)] + ([] if any(named) else others)


def _phenom(origin: str, text: str) -> Statement:
  """Phenom writes XML; a few elements are read, no entity is resolved."""

  def element(name: str) -> tuple[str | None, str]:
    found = re.search(rf"<{name}\b([^<>]*)>\s*([^<>]*?)\s*</{name}>", text)
    if not found:
      return None, ""
    unit = re.search(r"\bunit\s*=\s*[\"']([^\"']*)[\"']", found[1])
    return found[2], _unescaped(unit[1]) if unit else ""

  um_per_px = _plausible(_um(*element("pixelWidth")))
  if um_per_px is None:
    um_per_px = _plausible(_um(*element("pixelHeight")))
  rows, _ = element("databarHeight")
  return Statement(origin, None, None, _pixels(rows), um_per_px)


def _unescaped(text: str) -> str:
  """Returns text with the characters that XML writes as numbers."""

  def character(match: re.Match) -> str:
    code = int(match[2], 16 if match[1] else 10)
    return chr(code) if code < 0x110000 else ""

  return re.sub(r"&#(x?)([0-9a-fA-F]{1,6});", character, text)


def _zeiss(origin: str, text: str) -> Statement:
  """Zeiss draws the bar over the scan and states how wide a field it shows.

  The fourth line is metres per pixel of a scan 1024 wide, however wide this
  one is; so is "Pixel Size", and in some versions "Image Pixel Size".
  """
  lines = [line.strip() for line in re.split(r"[\r\n\0]+", text)]
  fields: dict[str, str] = {}
  for name, value in itertools.pairwise(lines):
    if name.startswith(("AP_", "DP_")):
      fields.setdefault(name, value.partition("=")[2].strip())
  store = re.fullmatch(
    r"(\d{1,6})\s*[*x]\s*(\d{1,6})", fields.get("DP_IMAGE_STORE", "")
  )
  width, height = map(_side, store.groups()) if store else (None, None)
  um = _plausible(_um(text.split()[3], "m")) if len(text.split()) > 3 else None
  if um is None and width == _ZEISS_WIDTH_PX:
    um = _plausible(_um(fields.get("AP_IMAGE_PIXEL_SIZE")))
  field_um = _length(_um(fields.get("AP_WIDTH")))
  if um is not None:
    field_um = um * _ZEISS_WIDTH_PX
  return Statement(origin, width, height, None, None, field_um, bar_below=False)


def _tescan(origin: str, text: str) -> Statement:
  # The tag has no section line and the .hdr file has [MAIN].
  fields: dict[str, str] = {}
  for key, value in _fields(text).items():
    fields.setdefault(key.split(".")[-1], value)
  um_per_px = _plausible(_um(fields.get("pixelsizex"), "m"))
  if um_per_px is None:
    um_per_px = _plausible(_um(fields.get("pixelsizey"), "m"))
  strip = _pixels(fields.get("imagestripsize"))
  return Statement(origin, None, None, strip or None, um_per_px)


def _hitachi(origin: str, text: str) -> Statement:
  """Hitachi draws the bar over the scan, or below it."""
  fields = _fields(text)
  size = re.fullmatch(
    r"(\d{1,6})\s*[xX*,]\s*(\d{1,6})", fields.get("semimagefile.datasize", "")
  )
  width, height = map(_side, size.groups()) if size else (None, None)
  um_per_px = _plausible(_um(fields.get("semimagefile.pixelsize"), "nm"))
  return Statement(origin, width, height, None, um_per_px, bar_below=False)


def _jeol(origin: str, text: str) -> Statement:
  """JEOL states a scale bar's pixels and what it stands for ("10um")."""
  fields: dict[str, str] = {}
  for line in text.splitlines():
    key, *values = line.split(None, 1) or [""]
    fields.setdefault(key.upper(), "".join(values).strip())
  size = fields.get("$CM_FULL_SIZE", "").split()
  width, height = map(_side, size) if len(size) == 2 else (None, None)
  marker_um = _um(fields.get("$$SM_MICRON_MARKER"))
  marker_px = _number(fields.get("$$SM_MICRON_BAR"))
  um_per_px = None
  if marker_um and marker_px:
    um_per_px = _plausible(marker_um / marker_px)
  return Statement(origin, width, height, None, um_per_px)
