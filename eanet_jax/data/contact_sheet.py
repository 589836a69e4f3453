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
from eanet_jax.data import image_files, micrographs
from eanet_jax.runtime import console, wording

_THUMB_PX = 240
_CAPTION_PX = 30
_COLUMNS = 6
_SHADE = np.array([214, 64, 48])  # over what is cut off


def inspect(
  files: Sequence[pathlib.Path], out: pathlib.Path, limit: int = 60
) -> int:
  """Prints a line for each file, draws the first `limit`; returns failures.

  Args:
    files: image files.
    out: PNG to write.
    limit: files to draw.

  Raises:
    UserError: `out` cannot be written.
  """
  thumbs: list[Image.Image] = []
  lines: list[str] = []
  failed = 0
  for file in console.progress(files, unit="file", leave=False):
    try:
      micrograph = micrographs.read(file)
    except micrographs.MicrographError as error:
      lines.append(f"{file}: {error}")
      failed += 1
      if len(thumbs) < limit:
        thumbs.append(_thumb(None, 0, file.name, str(error)))
      continue
    height, width = micrograph.image.shape
    scale = micrograph.um_per_px
    facts = f"{width} x {height} px, {micrograph.crop_rows} rows cut off, " + (
      "no scale" if scale is None else f"{scale:.4g} um/px"
    )
    lines.append(f"{file}: {facts}")
    if len(thumbs) < limit:
      full = image_files.to_uint8(image_files.decode(file))
      thumbs.append(_thumb(full, micrograph.crop_rows, file.name, facts))
  for line in lines:
    print(wording.printable(line))
  _save(thumbs, out)
  left_out = len(files) - len(thumbs)
  print(
    f"{len(files) - failed} files usable, {failed} not: {out}"
    + (f" (without the last {left_out})" if left_out else "")
  )
  return failed


def _thumb(
  image: np.ndarray | None, crop_rows: int, name: str, facts: str
) -> Image.Image:
  """A captioned thumbnail; grey and empty where `image` is None."""
  cell = Image.new("RGB", (_THUMB_PX, _THUMB_PX + _CAPTION_PX), "white")
  if image is None:
    cell.paste((225, 225, 225), (0, 0, _THUMB_PX, _THUMB_PX))
  else:
    pixels = np.repeat(image[..., None], 3, axis=2)
    if crop_rows:
      bar = pixels[-crop_rows:]
      pixels = np.concatenate([pixels[:-crop_rows], bar // 2 + _SHADE // 2])
    picture = Image.fromarray(pixels.astype(np.uint8))
    picture.thumbnail((_THUMB_PX, _THUMB_PX), Image.Resampling.BOX)
    cell.paste(picture, (0, 0))
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
