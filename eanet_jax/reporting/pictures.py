"""Example micrographs of a report, as JPEG in data URIs.

Takes examples.npz and the examples that results.json lists, gives pictures,
with a network's attention over them as heat.
"""

import base64
import io
import pathlib
from collections.abc import Sequence
from typing import TypedDict

import matplotlib
import numpy as np
from PIL import Image

from eanet_jax.reporting import map_words
from eanet_jax.workdir import examples_npz, results_json

_LONGEST_PX = 256  # side of a picture


class Map(TypedDict):
  """An attention map over its image, as a data URI."""

  caption: str
  picture: str


class ShownExample(results_json.Example):
  """An example and its pictures, as data URIs; "" if the image was not kept."""

  picture: str
  maps: list[Map]


class Shown(TypedDict):
  """The examples of a report by kind."""

  mistakes: list[ShownExample]
  uncertain: list[ShownExample]
  attention: list[ShownExample]


def read(workdir: pathlib.Path, listed: results_json.Examples) -> Shown:
  """Returns the examples of a run, with their pictures.

  Without examples.npz they have no pictures.
  """
  try:
    arrays = examples_npz.read(workdir)
  except FileNotFoundError:
    images, maps = np.empty((0, 0, 0), np.uint8), np.empty((0, 0, 0, 0))
    arrays = examples_npz.ExampleArrays(images, maps)
  attention = listed["attention"] or {"maps": [], "examples": []}
  captions = map_words.captions(attention["maps"])
  return {
    "mistakes": [_shown(each, arrays.images) for each in listed["mistakes"]],
    "uncertain": [_shown(each, arrays.images) for each in listed["uncertain"]],
    "attention": [
      _shown(each, arrays.images, maps, captions)
      for each, maps in zip(
        attention["examples"], arrays.attention, strict=False
      )
    ],
  }


def _shown(
  example: results_json.Example,
  images: np.ndarray,
  maps: Sequence[np.ndarray] = (),
  captions: Sequence[str] = (),
) -> ShownExample:
  """An example with its picture, and its attention maps over it."""
  index = example.get("image", -1)
  if not 0 <= index < len(images):
    return {**example, "picture": "", "maps": []}
  image = images[index]
  return {
    **example,
    "picture": picture(image),
    "maps": [
      {"caption": caption, "picture": picture(image, grid)}
      for caption, grid in zip(captions, maps, strict=False)
    ],
  }


def rows(
  workdir: pathlib.Path, listed: results_json.Examples
) -> list[np.ndarray]:
  """Returns the examples with maps as uint8 (y, x, 3): image, then each map.

  Raises:
    UserError: examples.npz was changed or is damaged.
    OSError: it is missing or cannot be read.
  """
  if not listed["attention"]:
    return []
  arrays = examples_npz.read(workdir)
  found = []
  for example, maps in zip(
    listed["attention"]["examples"], arrays.attention, strict=False
  ):
    if 0 <= (index := example.get("image", -1)) < len(arrays.images):
      image = arrays.images[index]
      row = [_drawn(image).convert("RGB")]
      row += [_drawn(image, weights) for weights in maps]
      found.append(np.concatenate([np.asarray(each) for each in row], axis=1))
  return found


def picture(image: np.ndarray, weights: np.ndarray | None = None) -> str:
  """Returns an image as a data URI, with any weights over it as heat.

  Args:
    image: uint8 (y, x).
    weights: float (gy, gx) on the image's grid of patches. The smallest is
      clear, the largest most opaque: compare shades within one picture only.
  """
  content = io.BytesIO()
  _drawn(image, weights).save(content, "JPEG", quality=85)
  text = base64.b64encode(content.getvalue()).decode()
  return f"data:image/jpeg;base64,{text}"


def _drawn(image: np.ndarray, weights: np.ndarray | None = None) -> Image.Image:
  """An image scaled down, in colour where weights are over it."""
  drawn = Image.fromarray(np.asarray(image, np.uint8))
  drawn.thumbnail((_LONGEST_PX, _LONGEST_PX), Image.Resampling.LANCZOS)
  if weights is not None:
    grid = np.nan_to_num(np.asarray(weights, np.float32))
    grid = (grid - grid.min()) / max(float(np.ptp(grid)), 1e-12)
    smooth = Image.fromarray(grid).resize(drawn.size, Image.Resampling.BICUBIC)
    heat = np.clip(np.asarray(smooth), 0, 1)
    # The part of the colour map that shows on dark and on bright steel.
    colour = 255 * matplotlib.colormaps["inferno"](0.3 + 0.5 * heat)[..., :3]
    pixels = np.asarray(drawn, np.float32)[..., None]
    pixels = pixels + 0.75 * heat[..., None] * (colour - pixels)
    drawn = Image.fromarray(pixels.round().astype(np.uint8))
  return drawn
