"""Pictures of what the places of a micrograph add to a logit.

Takes an explained file, gives panels of pixels, and a figure of them. Red adds,
blue takes away; the stronger, the less of the micrograph shows through.
"""

import dataclasses
import io
import math
import pathlib
import typing

import matplotlib
import matplotlib.figure
import matplotlib.style
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eanet_jax.reporting import figures

if typing.TYPE_CHECKING:  # a page needs no JAX
  from eanet_jax.evaluation import explained

_LONGEST_PX = 640  # side of a panel
_FOR, _AGAINST = np.array([205, 30, 30.0]), np.array([10, 90, 200.0])
_OPAQUE = 0.75  # of the strongest places
# So grey a micrograph that both colours show on all of it.
_DARKEST, _RANGE = 55, 0.6
_PERCENTILE = 99  # of the places, that are not of the full colour


@dataclasses.dataclass(frozen=True, eq=False)
class Panels:
  """A micrograph and maps over it, on one scale.

  Attributes:
    micrograph: uint8 (y, x, 3), with a scale bar if the scale is known.
    lead: the class against its rival.
    alone: the class's own logit.
    full: what the full colour stands for, where the micrograph, if it were all
      like that place, would have so much more or less.
  """

  micrograph: np.ndarray
  lead: np.ndarray
  alone: np.ndarray
  full: float


def panels(of: "explained.Explained", label: int, rival: int) -> Panels:
  """Returns the panels of a file, for a class and its rival."""
  places = of.maps[0].size
  alone = of.maps[label] * places
  lead = alone - of.maps[rival] * places
  strength = np.abs(np.stack([lead, alone]))
  full = float(np.percentile(strength, _PERCENTILE)) or 1.0
  picture = Image.fromarray(of.image)
  zoom = min(1.0, _LONGEST_PX / max(picture.size))
  width, height = (max(1, round(side * zoom)) for side in picture.size)
  picture = picture.resize((width, height), Image.Resampling.BOX)
  grey = np.asarray(picture, np.float32)
  plain = np.repeat(grey[..., None], 3, axis=2)

  def drawn(heat: np.ndarray | None) -> np.ndarray:
    if heat is None:
      pixels = plain
    else:
      pixels = blend(grey, _over(grey.shape, heat, of.extent, zoom) / full)
    shown = Image.fromarray(pixels.round().astype(np.uint8))
    if of.um_per_px is not None:
      _draw_scale_bar(shown, of.um_per_px / zoom)
    return np.asarray(shown)

  return Panels(drawn(None), drawn(lead), drawn(alone), full)


def blend(grey: np.ndarray, strength: np.ndarray) -> np.ndarray:
  """Returns float32 (y, x, 3): colours over grey levels (y, x).

  Args:
    grey: 0 to 255.
    strength: (y, x), from -1, all blue, to 1, all red; NaN is no colour.
  """
  base = (_DARKEST + _RANGE * grey)[..., None]
  strength = np.clip(np.nan_to_num(strength), -1, 1)[..., None]
  colour = np.where(strength > 0, _FOR, _AGAINST)
  return (base + _OPAQUE * np.abs(strength) * (colour - base)).astype("f4")


def _over(
  shape: tuple[int, ...],
  heat: np.ndarray,
  extent: tuple[int, int, int, int],
  zoom: float,
) -> np.ndarray:
  """A map (gy, gx) where it belongs in a picture (y, x); NaN elsewhere."""
  top, left, height, width = extent
  y0, x0, y1, x1 = (
    round(each * zoom) for each in (top, left, top + height, left + width)
  )
  y1, x1 = min(max(y1, y0 + 1), shape[0]), min(max(x1, x0 + 1), shape[1])
  smooth = Image.fromarray(heat.astype(np.float32)).resize(
    (x1 - x0, y1 - y0), Image.Resampling.BILINEAR
  )
  whole = np.full(shape, np.nan, np.float32)
  whole[y0:y1, x0:x1] = np.asarray(smooth)
  return whole


def bar_length(width_um: float) -> tuple[float, str]:
  """Returns a round length below a quarter of a width, and how it is said."""
  most = width_um / 4
  power = 10.0 ** math.floor(math.log10(most))
  length = max(each * power for each in (1, 2, 5) if each * power <= most)
  units = (("mm", 1e3), ("\N{MICRO SIGN}m", 1.0), ("nm", 1e-3))
  unit, size = next(
    (each for each in units if length >= each[1] * (1 - 1e-9)), units[-1]
  )
  return length, f"{length / size:.3g} {unit}"


def _draw_scale_bar(picture: Image.Image, um_per_px: float) -> None:
  """Draws it at the lower left, on a dark ground."""
  length, text = bar_length(picture.width * um_per_px)
  size = max(11, picture.width // 40)
  path = pathlib.Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
  font = ImageFont.truetype(path, size)
  draw = ImageDraw.Draw(picture)
  bar = max(1, round(length / um_per_px))
  wide = max(bar, math.ceil(draw.textlength(text, font=font)))
  edge, thick = size // 2, max(3, size // 5)
  high = size + thick + 2 * edge
  bottom = picture.height - edge
  box = (edge, bottom - high, edge + wide + 2 * edge, bottom)
  draw.rectangle(box, fill=(0, 0, 0))
  left = edge + edge + (wide - bar) // 2
  low = bottom - edge
  white = (255, 255, 255)
  draw.rectangle((left, low - thick + 1, left + bar - 1, low), fill=white)
  middle = edge + edge + wide / 2
  draw.text((middle, low - thick - 1), text, white, font, anchor="mb")


def figure(
  drawn: Panels, title: str, said: str, class_name: str, rival: str
) -> bytes:
  """Returns a PNG of the panels side by side, with their scale."""
  height, width = drawn.micrograph.shape[:2]
  wide, gap, head, foot = max(width, 320), 16, 84, 84
  all_wide, all_high = 3 * wide + 4 * gap, head + height + foot
  a, b = (figures.short(name, 24) for name in (class_name, rival))
  captions = ("micrograph", f"{a} (red) against {b} (blue)", f"{a} alone")
  with matplotlib.style.context(figures.STYLE):
    whole = matplotlib.figure.Figure((all_wide / 100, all_high / 100), dpi=100)

    def axes(x: float, y: float, w: float, h: float) -> matplotlib.axes.Axes:
      return whole.add_axes(
        (x / all_wide, y / all_high, w / all_wide, h / all_high)
      )

    parts = (drawn.micrograph, drawn.lead, drawn.alone)
    for i, (pixels, caption) in enumerate(zip(parts, captions, strict=True)):
      x = gap + i * (wide + gap)
      own = axes(x + (wide - width) / 2, foot, width, height)
      own.imshow(pixels, aspect="auto", interpolation="nearest")
      own.set_axis_off()
      own.set_title(caption, loc="left", fontsize=10, pad=5)
    at = lambda y: 1 - y / all_high
    start = gap / all_wide
    whole.text(start, at(12), title, va="top", size=13, weight="bold")
    whole.text(start, at(36), said, va="top", size=11, color=figures.SOFT)
    scale = axes(wide + 2 * gap, foot - 32, 2 * wide + gap, 14)
    levels = np.linspace(-1, 1, 512)[None]
    colours = blend(np.full(levels.shape, 128.0), levels)
    ends = (-drawn.full, drawn.full)
    scale.imshow(colours.astype(np.uint8), aspect="auto", extent=(*ends, 0, 1))
    scale.set_yticks([])
    scale.set_xlabel(
      "what a micrograph that is all like this place would add (logits; beyond"
      " the ends 1 % of the places)"
    )
    content = io.BytesIO()
    whole.savefig(content, format="png")
  return content.getvalue()
