"""One picture of many micrographs, with what is cut off or hidden shaded."""

import math
import pathlib
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eanet_jax import errors
from eanet_jax.data import file_kinds, micrographs

_THUMB_PX = 240
_CAPTION_LINES, _LINE_PX, _LINE_CHARACTERS = 6, 13, 42
_GAP_PX = 8
_COLUMNS = 6
_SHADE = np.array([214, 64, 48])  # over what is cut off or hidden
_BLACK, _GREY, _RED = (0, 0, 0), (110, 110, 110), (176, 40, 24)


def thumbnail(micrograph: micrographs.Micrograph) -> Image.Image:
  """Returns a small picture of a micrograph that has its bar and boxes."""
  picture = Image.fromarray(micrograph.image)
  height = picture.height
  picture.thumbnail((_THUMB_PX, _THUMB_PX), Image.Resampling.BOX)
  zoom = picture.height / height
  pixels = np.repeat(np.asarray(picture)[..., None], 3, axis=2)
  boxes = [*micrograph.overlays]
  if rows := micrograph.crop_rows:
    boxes.append((height - rows, 0, rows, micrograph.image.shape[1]))
  for top, left, box_height, box_width in boxes:
    y, x = math.floor(top * zoom), math.floor(left * zoom)
    bottom = math.ceil((top + box_height) * zoom)
    right = math.ceil((left + box_width) * zoom)
    shaded = pixels[y:bottom, x:right]
    shaded[:] = shaded // 2 + _SHADE // 2
  return Image.fromarray(pixels)


def cell(
  file: pathlib.Path, thumb: Image.Image | None, said: str, remarks: str
) -> Image.Image:
  """Returns a thumbnail above its file's name and what is said of it.

  Args:
    file: its folder and name tell it from others, the end of a long one.
    thumb: None is a grey area, of a file that cannot be used.
    said: in grey.
    remarks: in red.
  """
  if thumb is None:
    thumb = Image.new("RGB", (_THUMB_PX, _THUMB_PX // 2), (225, 225, 225))
  name = "/".join(file.parts[-3:]).encode(errors="backslashreplace").decode()
  # What tells names apart is mostly at their end.
  lines = [(line, _BLACK) for line in _wrapped(name)[-2:]]
  lines += [(line, _GREY) for line in _wrapped(said)[:2]]
  lines += [(line, _RED) for line in _wrapped(remarks)]
  lines = lines[:_CAPTION_LINES]
  height = thumb.height + len(lines) * _LINE_PX + 4
  found = Image.new("RGB", (_THUMB_PX, height), "white")
  found.paste(thumb, (0, 0))
  draw, font = ImageDraw.Draw(found), ImageFont.load_default(11)
  for i, (line, colour) in enumerate(lines):
    draw.text((2, thumb.height + 2 + i * _LINE_PX), line, colour, font)
  return found


def _wrapped(text: str) -> list[str]:
  return textwrap.wrap(text, _LINE_CHARACTERS)


def save(cells: Sequence[Image.Image], out: pathlib.Path) -> None:
  """Writes a PNG of the cells.

  Raises:
    UserError: `out` cannot be written.
  """
  rows = [cells[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)]
  heights = [max(each.height for each in row) + _GAP_PX for row in rows]
  width = min(_COLUMNS, max(len(cells), 1)) * (_THUMB_PX + _GAP_PX)
  sheet = Image.new("RGB", (width, sum(heights) or _GAP_PX), "white")
  y = 0
  for row, height in zip(rows, heights, strict=True):
    for i, each in enumerate(row):
      sheet.paste(each, (i * (_THUMB_PX + _GAP_PX), y))
    y += height
  try:
    sheet.save(out, "PNG", pnginfo=file_kinds.own_mark())
  except OSError as error:
    raise errors.UserError(
      f"cannot write --out={out}: {error.strerror or error}"
    ) from None
