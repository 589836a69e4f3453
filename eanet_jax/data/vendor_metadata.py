"""What the microscope wrote beside the pixels: the scale and the data bar.

Takes the TIFF tags of a file and the text file beside it. Gives the rows of
the bar and the size of a pixel, each None where nothing credible is stated.
All of it is untrusted, and damaged or implausible entries count as absent.
TIFF XResolution is a print resolution and never read.
"""

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator

MAX_BAR_SHARE = 0.25

_MAX_CHARACTERS = 1 << 16
_FEI_TAGS = (34682, 34680)
_ZEISS_TAG = 34118
_TESCAN_TAG = 50431
_PLAUSIBLE_UM_PER_PX = (1e-6, 1e3)


@dataclasses.dataclass(frozen=True)
class Statement:
  """What one source says; um_per_px is of the pixels in the file now.

  What said it is "tag", "sidecar" or "none".
  """

  bar_rows: int | None = None
  um_per_px: float | None = None
  bar_from: str = "none"
  um_from: str = "none"


def read(path: pathlib.Path, tags: dict, height: int, width: int) -> Statement:
  """Returns what is known of the image file at path."""
  bar_rows = um_per_px = None
  bar_from = um_from = "none"
  for origin, parse, text in _sources(path, tags):
    stated = Statement()
    # Any word may stand where a number should; then it is no statement.
    with contextlib.suppress(ValueError, LookupError, ArithmeticError):
      stated = parse(text[:_MAX_CHARACTERS], height, width)
    if bar_rows is None:
      bar_rows = _plausible_rows(stated.bar_rows, height)
      bar_from = "none" if bar_rows is None else origin
    if um_per_px is None:
      um_per_px = _plausible_um(stated.um_per_px)
      um_from = "none" if um_per_px is None else origin
  return Statement(bar_rows, um_per_px, bar_from, um_from)


def _sources(
  path: pathlib.Path, tags: dict
) -> Iterator[tuple[str, Callable[[str, int, int], Statement], str]]:
  """Yields (origin, parser, text), the file's own tags first."""
  for code, parse in (
    *((code, _fei) for code in _FEI_TAGS),
    (_ZEISS_TAG, _zeiss),
    (_TESCAN_TAG, _tescan),
  ):
    if isinstance(text := tags.get(code), bytes):
      text = text.decode("latin-1")
    if isinstance(text, str):
      yield "tag", parse, text
  ending = path.suffix[1:]
  for name in (f"{path.stem}.hdr", f"{path.stem}-{ending}.hdr"):
    yield "sidecar", _tescan, _sidecar(path.with_name(name))
  for name in (f"{path.stem}.txt", f"{path.stem}.TXT"):
    text = _sidecar(path.with_name(name))
    parse = _hitachi if "[SemImageFile]" in text else _jeol
    yield "sidecar", parse, text


def _sidecar(path: pathlib.Path) -> str:
  """Returns the text of a small file, "" where there is none."""
  try:
    if not path.is_file():
      return ""
    with path.open("rb") as file:
      content = file.read(_MAX_CHARACTERS)
  except OSError:
    return ""
  wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
  return content.decode("utf-16" if wide else "latin-1", errors="replace")


def _fields(text: str) -> dict[str, str]:
  """Returns {"Section.Key": value} of INI text, "Key" before any section."""
  fields: dict[str, str] = {}
  section = ""
  for line in re.split(r"[\r\n\0]+", text):
    key, equals, value = line.partition("=")
    if line.strip().startswith("[") and not equals:
      section = line.strip().strip("[]") + "."
    elif words := re.findall(r"\w+", key):
      # Only the last word: binary bytes precede the first key of Tescan's tag.
      fields.setdefault(section + words[-1], value.strip())
  return fields


def _fei(text: str, height: int, width: int) -> Statement:
  """FEI and Thermo append the bar below the scanned rows."""
  fields = _fields(text)
  # An image program may have resized the file since.
  zoom = width / float(fields.get("Image.ResolutionX", width))
  um_per_px = None
  if "Scan.PixelWidth" in fields:
    um_per_px = float(fields["Scan.PixelWidth"]) * 1e6 / zoom
  bar_rows = None
  if "Image.ResolutionY" in fields:
    bar_rows = height - round(float(fields["Image.ResolutionY"]) * zoom)
  return Statement(bar_rows, um_per_px)


def _zeiss(text: str, height: int, width: int) -> Statement:
  """Zeiss states metres per pixel of a scan 1024 wide, in the fourth line."""
  return Statement(None, float(text.split()[3]) * 1024 / width * 1e6)


def _tescan(text: str, height: int, width: int) -> Statement:
  # The tag has no section line and the .hdr file has [MAIN].
  fields = {key.split(".")[-1]: v for key, v in _fields(text).items()}
  return Statement(
    int(fields.get("ImageStripSize", 0)) or None,
    float(fields["PixelSizeX"]) * 1e6,
  )


def _hitachi(text: str, height: int, width: int) -> Statement:
  fields = _fields(text)
  nm_per_px = float(fields["SemImageFile.PixelSize"])
  scan_width, _, _ = fields.get("SemImageFile.DataSize", "").partition("x")
  zoom = width / int(scan_width or width)
  return Statement(None, nm_per_px / 1000 / zoom)


def _jeol(text: str, height: int, width: int) -> Statement:
  """JEOL states a scale bar's pixels and what it stands for ("10um")."""
  fields: dict[str, str] = {}
  for line in text.splitlines():
    key, _, value = line.strip().partition(" ")
    fields.setdefault(key, value.strip())
  zoom = 1.0
  bar_rows = None
  if "$CM_FULL_SIZE" in fields:
    full_width, full_height = map(int, fields["$CM_FULL_SIZE"].split())
    zoom = width / full_width
    bar_rows = height - round(full_height * zoom)
  um_per_px = None
  # A micro sign comes in Latin-1, UTF-8 or Shift-JIS, here read as Latin-1.
  marker = re.fullmatch(
    r"([\d.]+)\s*(nm|mm|um|\xb5m|\xc2\xb5m|\x83\xcam)",
    fields.get("$$SM_MICRON_MARKER", ""),
  )
  if marker:
    um = float(marker[1]) * {"nm": 1e-3, "mm": 1e3}.get(marker[2], 1.0)
    um_per_px = um / float(fields["$$SM_MICRON_BAR"]) / zoom
  return Statement(bar_rows or None, um_per_px)


def _plausible_rows(bar_rows: int | None, height: int) -> int | None:
  if bar_rows is None or not 0 <= bar_rows <= height * MAX_BAR_SHARE:
    return None
  return bar_rows


def _plausible_um(um_per_px: float | None) -> float | None:
  low, high = _PLAUSIBLE_UM_PER_PX
  if um_per_px is None or not low <= um_per_px <= high:  # NaN fails too
    return None
  return um_per_px
