"""What cleaning does to files: a line for each, and a picture of them all.

Takes image files, gives text and one PNG on which the rows that are cut off
are shaded, so that a person can see it before training on the result.
"""

import math
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eanet_jax import errors
from eanet_jax.data import file_limits, file_readers, micrographs, read_ahead
from eanet_jax.runtime import console, wording

_THUMB_PX = 240
_CAPTION_PX = 30
_COLUMNS = 6
_SHADE = np.array([214, 64, 48])  # over what is cut off


def inspect(
  files: Sequence[pathlib.Path],
  out: pathlib.Path,
  limits: file_limits.Limits,
  drawn: int = 60,
) -> int:
  """Prints a line for each file, draws the first `drawn`; returns failures.

  Args:
    files: image files.
    out: PNG to write.
    limits: of what reading a file may take.
    drawn: files to draw.

  Raises:
    UserError: `out` cannot be written.
  """
  thumbs: dict[int, Image.Image] = {}  # by the number of the file
  lines: list[str] = []
  failed = 0
  with file_readers.Readers(limits) as readers:

    def seen(item: tuple[int, pathlib.Path]) -> tuple[bool, str]:
      """Whether a file can be used, and what there is to say about it."""
      number, file = item
      try:
        micrograph = readers.read(file, keep_bar=True)
        text = _facts(micrograph)
      except micrographs.MicrographError as error:
        micrograph, text = None, str(error)
      if number < drawn:
        thumbs[number] = _thumb(micrograph, file.name, text)
      return micrograph is not None, text

    found = console.progress(
      read_ahead.in_order(seen, enumerate(files)),
      total=len(files),
      unit="file",
      leave=False,
    )
    for (_, file), (usable, text) in found:
      lines.append(f"{file}: {text}")
      failed += not usable
  for line in lines:
    print(wording.printable(line))
  _save([thumbs[number] for number in sorted(thumbs)], out)
  left_out = len(files) - len(thumbs)
  print(
    f"{len(files) - failed} files usable, {failed} not: {out}"
    + (f" (without the last {left_out})" if left_out else "")
  )
  return failed


def _facts(micrograph: micrographs.Micrograph) -> str:
  """What a micrograph that has its bar is after cleaning."""
  height, width = micrograph.image.shape
  crop_rows, scale = micrograph.crop_rows, micrograph.um_per_px
  return f"{width} x {height - crop_rows} px, {crop_rows} rows cut off, " + (
    "no scale" if scale is None else f"{scale:.4g} um/px"
  )


def _thumb(
  micrograph: micrographs.Micrograph | None, name: str, facts: str
) -> Image.Image:
  """A captioned thumbnail; grey and empty where there is no micrograph."""
  cell = Image.new("RGB", (_THUMB_PX, _THUMB_PX + _CAPTION_PX), "white")
  if micrograph is None:
    cell.paste((225, 225, 225), (0, 0, _THUMB_PX, _THUMB_PX))
  else:
    picture = Image.fromarray(micrograph.image)
    full_height = picture.height
    picture.thumbnail((_THUMB_PX, _THUMB_PX), Image.Resampling.BOX)
    pixels = np.repeat(np.asarray(picture)[..., None], 3, axis=2)
    rows = math.ceil(micrograph.crop_rows * len(pixels) / full_height)
    bar = pixels[len(pixels) - rows :]
    bar[:] = bar // 2 + _SHADE // 2
    cell.paste(Image.fromarray(pixels), (0, 0))
  draw = ImageDraw.Draw(cell)
  font = ImageFont.load_default(11)
  name = name.encode(errors="backslashreplace").decode()[-40:]
  draw.text((2, _THUMB_PX + 2), name, "black", font)
  draw.text((2, _THUMB_PX + 15), facts[:44], (110, 110, 110), font)
  return cell


def _save(thumbs: Sequence[Image.Image], out: pathlib.Path) -> None:
  columns = min(_COLUMNS, max(len(thumbs), 1))
  rows = max(math.ceil(len(thumbs) / columns), 1)
  width, height = _THUMB_PX + 8, _THUMB_PX + _CAPTION_PX + 8
  sheet = Image.new("RGB", (columns * width, rows * height), "white")
  for i, thumb in enumerate(thumbs):
    sheet.paste(thumb, (i % columns * width, i // columns * height))
  try:
    sheet.save(out, "PNG")
  except OSError as error:
    raise errors.UserError(
      f"cannot write --out={out}: {error.strerror or error}"
    ) from None
