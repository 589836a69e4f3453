"""Example micrographs of a report, as JPEG in data URIs.

Takes examples.npz and what results.json lists of it, gives pictures, with a
network's attention over them as heat.
"""

import base64
import io
import pathlib
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

_LONGEST_PX = 256  # side of a picture


def read(file: pathlib.Path, listed: Mapping[str, Any]):
  """The listed examples by kind, with their pictures where there are any."""
  arrays = {}
  if file.exists():
    with np.load(file, allow_pickle=False) as archive:
      arrays = {name: archive[name] for name in archive.files}
  images = arrays.get("images", [])
  shown = {
    kind: [each | _pictures(images, each) for each in listed.get(kind) or []]
    for kind in ("mistakes", "uncertain")
  }
  attention = listed.get("attention") or {}
  weights = arrays.get("attention", [])
  shown["attention"] = [
    each | _pictures(images, each, maps, attention["maps"])
    for each, maps in zip(
      attention.get("examples") or [], weights, strict=False
    )
  ]
  return shown


def _pictures(images, example, weights=(), captions=()):
  """Picture and attention maps of one example; none of an image not kept."""
  index = example.get("image")
  if not isinstance(index, int) or not 0 <= index < len(images):
    return {}
  image = images[index]
  return {
    "picture": picture(image),
    "maps": [
      {"caption": caption, "picture": picture(image, grid)}
      for caption, grid in zip(captions, weights, strict=False)
    ],
  }


def picture(image: np.ndarray, weights: np.ndarray | None = None) -> str:
  """Returns an image with weights over it as heat, where they are given.

  Args:
    image: uint8 (y, x).
    weights: float (gy, gx) on the image's grid of patches. The least is clear,
      the largest most opaque: shades compare within one picture only.
  """
  drawn = Image.fromarray(np.asarray(image, np.uint8))
  drawn.thumbnail((_LONGEST_PX, _LONGEST_PX), Image.Resampling.LANCZOS)
  if weights is not None:
    grid = np.nan_to_num(np.asarray(weights, np.float32))
    grid = (grid - grid.min()) / max(float(np.ptp(grid)), 1e-12)
    smooth = Image.fromarray(grid).resize(drawn.size, Image.Resampling.BICUBIC)
    heat = np.clip(np.asarray(smooth), 0, 1)
    # Of the colour map the part that shows on dark and on bright steel.
    colour = 255 * matplotlib.colormaps["inferno"](0.3 + 0.5 * heat)[..., :3]
    pixels = np.asarray(drawn, np.float32)[..., None]
    pixels = pixels + 0.75 * heat[..., None] * (colour - pixels)
    drawn = Image.fromarray(pixels.round().astype(np.uint8))
  content = io.BytesIO()
  drawn.save(content, "JPEG", quality=85)
  text = base64.b64encode(content.getvalue()).decode()
  return f"data:image/jpeg;base64,{text}"
