"""How often data bars and burnt-in boxes are found by their looks alone.

  python benchmarks/data_bars.py
  python benchmarks/data_bars.py --folder my_steels

Draws micrographs with the bars of five microscopes and with scale boxes,
resizes them and sends them through JPEG as image programs do, and prints how
many rows and boxes are found as Markdown tables. With --folder it counts what
is found in real files, which says how often specimens are mistaken for bars.
"""

import argparse
import collections
import io
import pathlib
import sys
import time
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eanet_jax.data import data_bar, image_folders, overlays
from eanet_jax.runtime import console

_WIDTH, _HEIGHT = 640, 480
_ZOOMS = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
_KERNELS = ("BOX", "BILINEAR", "BICUBIC", "LANCZOS")
_QUALITIES = (None, 95, 85, 70, 50)
# Bar rows may be off by this, and edges of a box.
_ROWS_OFF, _BOX_OFF = 2.5, 3


def _smooth(rng: np.random.Generator, px: float) -> np.ndarray:
  """float64 (y, x): smooth noise of unit deviation, its bumps px wide."""
  size = (max(3, round(_WIDTH / px)), max(3, round(_HEIGHT / px)))
  knots = rng.standard_normal(size[::-1]).astype(np.float32)
  picture = Image.fromarray(knots).resize(
    (_WIDTH, _HEIGHT), Image.Resampling.BICUBIC
  )
  field = np.asarray(picture, np.float64)
  return (field - field.mean()) / field.std()


def _laths(rng: np.random.Generator) -> np.ndarray:
  y, x = np.mgrid[:_HEIGHT, :_WIDTH]
  turn = _smooth(rng, 150)
  waves = np.sin(0.4 * x + 0.25 * y + 6 * turn) + 0.5 * _smooth(rng, 6)
  return 115 + 30 * waves + rng.normal(0, 14, waves.shape)


def _blurred(rng: np.random.Generator) -> np.ndarray:
  return 120 + 25 * _smooth(rng, 40) + 10 * _smooth(rng, 12)


def _dark(rng: np.random.Generator) -> np.ndarray:
  """Grains in a resin that is as black as a bar."""
  resin = rng.normal(14, 5, (_HEIGHT, _WIDTH))
  return np.where(_smooth(rng, 130) > 0.5, _laths(rng), resin)


def _bright(rng: np.random.Generator) -> np.ndarray:
  return 225 + 18 * _smooth(rng, 8) + rng.normal(0, 8, (_HEIGHT, _WIDTH))


def _void(rng: np.random.Generator) -> np.ndarray:
  """A black void touches the lower border."""
  y, x = np.mgrid[:_HEIGHT, :_WIDTH]
  edge = _HEIGHT * (0.86 + 0.05 * _smooth(rng, 90)[0] + 0.12 * np.sin(x / 130))
  return np.where(y > edge, rng.normal(6, 2.5, y.shape), _laths(rng))


def _flat_phase(rng: np.random.Generator) -> np.ndarray:
  """A phase of one grey level touches the lower border."""
  y, x = np.mgrid[:_HEIGHT, :_WIDTH]
  high = _HEIGHT * (0.15 + 0.04 * _smooth(rng, 60)[0])
  island = (y > _HEIGHT - high) & (np.abs(x - 300) < 160 + 0.3 * (y - 400))
  return np.where(island, rng.uniform(60, 200), _laths(rng))


SPECIMENS = {
  "laths": _laths,
  "blurred": _blurred,
  "dark": _dark,
  "bright": _bright,
  "void below": _void,
  "flat phase below": _flat_phase,
}


def specimen(name: str, rng: np.random.Generator) -> np.ndarray:
  """Returns uint8 (y, x) of one kind."""
  return np.clip(np.rint(SPECIMENS[name](rng)), 0, 255).astype(np.uint8)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
  return ImageFont.load_default(size)


def _cells(draw: ImageDraw.ImageDraw, rows: int, ink: int) -> None:
  """FEI, Thermo: an outline, and cells with a name over a value."""
  draw.rectangle((0, 0, _WIDTH - 1, rows - 1), outline=ink)
  names = ("HV", "curr", "mag", "HFW", "mode", "WD")
  values = ("5.00 kV", "6.3 pA", "2 500 x", "51.2 um", "SE", "4.0 mm")
  for i, (name, value) in enumerate(zip(names, values, strict=True)):
    left = 66 * i
    draw.line((left, 0, left, rows), fill=ink)
    draw.text((left + 5, 2), name, ink, _font(rows // 3))
    draw.text((left + 5, rows // 2), value, ink, _font(rows // 3))
  draw.line((398, rows // 2, _WIDTH, rows // 2), fill=ink)
  draw.line((430, rows // 4, 610, rows // 4), fill=ink, width=3)
  draw.text((500, rows // 2), "20 um", ink, _font(rows // 3))


def _panel(draw: ImageDraw.ImageDraw, rows: int, ink: int) -> None:
  """Zeiss: a scale bar at the left, columns of text."""
  draw.line((12, rows // 2, 92, rows // 2), fill=ink, width=2)
  draw.text((30, 3), "2 um", ink, _font(rows // 4))
  for left, words in ((120, "EHT =  5.00 kV"), (290, "Signal A = InLens")):
    draw.text((left, 2), words, ink, _font(rows // 4))
    draw.text((left, rows // 2), "WD =  3.9 mm", ink, _font(rows // 4))
  draw.text((460, rows // 4), "Mag =  50.00 K X", ink, _font(rows // 4))


def _grey_panel(draw: ImageDraw.ImageDraw, rows: int, ink: int) -> None:
  """Tescan: three lines of text, a scale bar and a cell with the maker."""
  for i, words in enumerate(("SEM HV: 20 kV", "View field: 51 um", "Date")):
    for left in (8, 170):
      draw.text((left, 2 + i * rows // 3), words, ink, _font(rows // 4))
  draw.line((330, rows // 3, 450, rows // 3), fill=ink, width=2)
  draw.line((330, rows // 4, 330, rows // 2), fill=ink)
  draw.line((450, rows // 4, 450, rows // 2), fill=ink)
  draw.rectangle((490, 0, _WIDTH, rows), fill=(ink + 128) // 2)
  draw.text((510, rows // 4), "LABORATORY", ink, _font(rows // 3))


def _strip(draw: ImageDraw.ImageDraw, rows: int, ink: int) -> None:
  """JEOL: one line of text and a scale bar."""
  draw.text(
    (8, 2), "X2,000  10um  15kV  WD10mm  SEI", ink, _font(rows * 2 // 3)
  )
  draw.rectangle((480, rows // 2, 600, rows // 2 + 2), fill=ink)


def _large_text(draw: ImageDraw.ImageDraw, rows: int, ink: int) -> None:
  """Hitachi: text nearly as high as the bar, ticks for a scale."""
  words = "S4800 5.0kV 8.6mm x20.0k SE(U)"
  draw.text((6, 2), words, ink, _font(rows - 8))
  for i in range(11):
    draw.line((570 + 6 * i, rows // 3, 570 + 6 * i, rows * 2 // 3), fill=ink)


# Of each microscope: what draws the bar, its rows, paper and ink in one
# polarity and the other, and the rows of its own below the panel.
BARS = {
  "FEI": (_cells, 42, ((0, 255), (255, 0)), 0),
  "Zeiss": (_panel, 44, ((243, 0), (20, 255)), 2),
  "Tescan": (_grey_panel, 54, ((60, 255), (190, 0)), 0),
  "JEOL": (_strip, 24, ((0, 255), (255, 0)), 0),
  "Hitachi": (_large_text, 34, ((0, 255), (235, 10)), 0),
}


def with_bar(grey: np.ndarray, name: str, inverse: bool) -> np.ndarray:
  """Returns uint8 (y, x) with the bar of a microscope; grey without one."""
  if name == "none":
    return grey
  draw, rows, polarities, below = BARS[name]
  paper, ink = polarities[inverse]
  picture = Image.new("L", (_WIDTH, rows - below), paper)
  draw(ImageDraw.Draw(picture), rows - below, ink)
  parts = [grey, np.asarray(picture)]
  if below:
    parts += [np.zeros((1, _WIDTH), np.uint8), grey[-1:]]
  return np.concatenate(parts)


def with_box(
  grey: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
  """Returns uint8 (y, x) with a scale box near a corner, and the box."""
  height, width = int(rng.integers(26, 60)), int(rng.integers(90, 190))
  y, x = (int(rng.integers(0, 40)) for _ in range(2))
  if rng.integers(2):
    y = _HEIGHT - height - y
  if rng.integers(2):
    x = _WIDTH - width - x
  paper, ink = ((255, 0), (0, 255))[rng.integers(2)]
  picture = Image.new("L", (width, height), paper)
  draw = ImageDraw.Draw(picture)
  draw.text((8, 3), "50 um", ink, _font(height // 2))
  draw.rectangle((8, height - 8, width - 9, height - 6), fill=ink)
  image = grey.copy()
  image[y : y + height, x : x + width] = np.asarray(picture)
  return image, (y, x, height, width)


def sent(
  image: np.ndarray, zoom: float, kernel: str, quality: int | None
) -> np.ndarray:
  """Returns uint8 (y, x) as an image program resizes and saves it."""
  picture = Image.fromarray(image)
  if zoom != 1:
    size = round(picture.width * zoom), round(picture.height * zoom)
    picture = picture.resize(size, Image.Resampling[kernel])
  if quality is None:
    return np.asarray(picture)
  file = io.BytesIO()
  picture.save(file, "JPEG", quality=quality)
  return np.asarray(Image.open(file))


def _way(
  rng: np.random.Generator, number: int
) -> tuple[float, str, int | None]:
  """Returns a zoom, a kernel and a JPEG quality; each third lacks one."""
  zoom = 1.0 if number % 3 == 0 else float(rng.choice(_ZOOMS))
  quality = None if number % 3 == 1 else _QUALITIES[rng.integers(5)]
  return zoom, str(rng.choice(_KERNELS)), quality


def bars(pictures: int) -> None:
  """Prints a row for each microscope, and one for pictures without a bar."""
  print(
    "| bar | pictures | within 2 rows | none, said | none, not said | wrong |"
    " ms |\n|---|---|---|---|---|---|---|"
  )
  rng = np.random.default_rng(0)
  for name in (*BARS, "none"):
    counts: collections.Counter[str] = collections.Counter()
    seconds = 0.0
    for i in range(pictures):
      kind = list(SPECIMENS)[i % len(SPECIMENS)]
      grey = specimen(kind, rng)
      zoom, kernel, quality = _way(rng, i // len(SPECIMENS))
      whole = with_bar(grey, name, bool(rng.integers(2)))
      image = sent(whole, zoom, kernel, quality)
      begun = time.process_time()
      found = data_bar.find(image)
      seconds += time.process_time() - begun
      rows = (len(whole) - len(grey)) * len(image) / len(whole)
      if abs(found.rows - rows) <= _ROWS_OFF:
        counts["right"] += 1
      elif found.rows:
        counts["wrong"] += 1
      else:
        counts["said" if found.doubtful else "not said"] += 1
    kinds = ("right", "said", "not said", "wrong")
    _print_row(name, pictures, [counts[each] for each in kinds], seconds)


def boxes(pictures: int) -> None:
  """Prints how many boxes are found, on each kind of specimen."""
  print(
    "\n| box on | pictures | found within 3 px | not found | wrong | false on"
    " none | ms |\n|---|---|---|---|---|---|---|"
  )
  rng = np.random.default_rng(1)
  for kind in SPECIMENS:
    counts: collections.Counter[str] = collections.Counter()
    seconds = 0.0
    for i in range(pictures):
      grey = specimen(kind, rng)
      whole, box = with_box(grey, rng)
      zoom, kernel, quality = _way(rng, i)
      image = sent(whole, zoom, kernel, quality)
      begun = time.process_time()
      found = overlays.find(image)
      seconds += time.process_time() - begun
      counts[_judged(found, [round(side * zoom) for side in box])] += 1
      counts["false"] += bool(overlays.find(sent(grey, zoom, kernel, quality)))
    kinds = ("right", "none", "wrong", "false")
    _print_row(kind, pictures, [counts[each] for each in kinds], seconds)


def _print_row(
  name: str, pictures: int, counts: Sequence[int], seconds: float
) -> None:
  """Prints the share of each count, and milliseconds a picture."""
  cells = [f"{count / pictures:.1%}" for count in counts]
  cells.append(f"{1000 * seconds / pictures:.1f}")
  print(f"| {name} | {pictures} | {' | '.join(cells)} |", flush=True)


def _judged(found: Sequence[Sequence[int]], box: Sequence[int]) -> str:
  """Returns "right", "none" or "wrong" for the boxes found."""
  if not found:
    return "none"
  corners = lambda y, x, height, width: np.array([y, x, y + height, x + width])
  off = [np.abs(corners(*each) - corners(*box)).max() for each in found]
  return "right" if len(found) == 1 and min(off) <= _BOX_OFF else "wrong"


def real(folder: pathlib.Path) -> None:
  """Prints what is found in the files of a folder."""
  with_rows = doubtful = with_boxes = 0
  files = image_folders.find(folder)
  for file in files:
    grey = np.asarray(Image.open(file).convert("L"))
    found = data_bar.find(grey)
    with_rows += found.rows > 0
    doubtful += found.doubtful
    with_boxes += bool(overlays.find(grey[: len(grey) - found.rows]))
  print(
    f"{folder}: {len(files)} files, {with_rows} with a bar, {doubtful} perhaps"
    f" with one, {with_boxes} with a box"
  )


def main(argv: Sequence[str]) -> int:
  """Parses the command line, prints the tables."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--pictures", type=int, default=360, help="of each row [360]"
  )
  parser.add_argument(
    "--folder", type=pathlib.Path, help="of real files, instead of drawings"
  )
  arguments = parser.parse_args(argv[1:])
  if arguments.folder:
    real(arguments.folder)
    return 0
  bars(arguments.pictures)
  boxes(arguments.pictures)
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
