"""Predictions as they come, kept to be looked at: the most doubtful of a class.

Takes predictions one after another, gives what predictions.html.jinja shows.
However many there are, a fixed number of small JPEGs is in memory.
"""

import base64
import dataclasses
import heapq
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import special

from eanet_jax.data import thumbnails
from eanet_jax.explanation import structure_words

if TYPE_CHECKING:  # it imports JAX, which no page needs
  from eanet_jax.inference import predictions

_MOST = 600  # thumbnails on a page
_MOST_OF_GROUP = 60
_ERRORS_SHOWN = 200
_SURE = np.array([0, 114, 178], np.float32)  # of the named class, by tile
_NOT = np.array([230, 120, 0], np.float32)


@dataclasses.dataclass(frozen=True)
class _Kept:
  """A file of a group, and what is drawn of it."""

  file: str
  label: str
  probability: float
  novelty: float | None
  verdict: str
  notes: tuple[str, ...]
  structure: str
  thumbnail: thumbnails.Thumbnail | None
  tiles: np.ndarray | None  # float32 (rows, columns)


@dataclasses.dataclass
class _Group:
  """The most doubtful of some files, and how many there are."""

  count: int = 0
  # (minus the doubt is the smallest first, number, file): the first goes first.
  heap: list[tuple[float, int, _Kept]] = dataclasses.field(default_factory=list)

  def add(self, doubt: float, kept: Callable[[], _Kept], most: int) -> None:
    """Counts a file, and keeps it if fewer than `most` are more doubtful."""
    self.count += 1
    if len(self.heap) < most:
      heapq.heappush(self.heap, (doubt, -self.count, kept()))
    elif doubt > self.heap[0][0]:
      heapq.heapreplace(self.heap, (doubt, -self.count, kept()))

  def shown(self) -> list[_Kept]:
    """Returns the files kept, the most doubtful first."""
    return [kept for _, _, kept in sorted(self.heap, key=lambda h: -h[0])]


class Gallery:
  """What is shown of many predictions."""

  def __init__(
    self,
    class_names: Sequence[str],
    tile_px: int | None,
    take: Callable[[str], thumbnails.Thumbnail | None],
  ):
    """Begins with nothing.

    Args:
      class_names: in the order of the network's outputs.
      tile_px: side of the tiles that it looks at; None of whole micrographs.
      take: gives the thumbnail of a file, once.
    """
    self._tile_px, self._take = tile_px, take
    self._groups = {name: _Group() for name in class_names}
    self._foreign = _Group()
    self._class_names = list(class_names)
    self._most = max(1, min(_MOST_OF_GROUP, _MOST // (len(class_names) + 1)))
    self._errors: list[tuple[str, str]] = []
    self._failed = self._remarked = self._trained_on = 0
    self._tells_novelty = False

  def add(self, prediction: "predictions.Prediction") -> None:
    """Counts a prediction, and keeps it if it is one to look at."""
    thumbnail = self._take(prediction.file)
    if prediction.error or prediction.probability is None:
      self._failed += 1
      if len(self._errors) < _ERRORS_SHOWN:
        self._errors.append((prediction.file, prediction.error))
      return
    probability = prediction.probability
    notes = (prediction.reason, *prediction.remarks)
    if prediction.trained_on:
      notes = (f"trained on, as {prediction.trained_on}", *notes)
    self._remarked += bool(prediction.remarks)
    self._trained_on += bool(prediction.trained_on)
    self._tells_novelty |= prediction.novelty is not None

    def kept() -> _Kept:
      return _Kept(
        prediction.file,
        prediction.label,
        probability,
        prediction.novelty,
        prediction.verdict,
        tuple(filter(None, notes)),
        structure_words.in_words(structure_words.means(prediction.structure)),
        thumbnail,
        self._tiles(prediction, thumbnail),
      )

    if prediction.verdict == "foreign":
      self._foreign.add(prediction.novelty or 0.0, kept, self._most)
    else:
      self._groups[prediction.label].add(1 - probability, kept, self._most)

  def _tiles(
    self,
    prediction: "predictions.Prediction",
    thumbnail: thumbnails.Thumbnail | None,
  ) -> np.ndarray | None:
    """Each tile's probability of the named class; None of whole micrographs."""
    if not self._tile_px or thumbnail is None or prediction.logits is None:
      return None
    rows, columns = (
      side // self._tile_px for side in (thumbnail.height, thumbnail.width)
    )
    if rows * columns != len(prediction.logits):
      return None  # another file of this name came between
    p = special.softmax(np.asarray(prediction.logits, np.float64), axis=-1)
    named = p[:, self._class_names.index(prediction.label)]
    return named.reshape(rows, columns).astype(np.float32)

  def contents(self, workdir: str) -> dict[str, Any]:
    """Returns what predictions.html.jinja shows.

    Args:
      workdir: of the network that answered, as it was named.
    """
    groups = [
      {"name": name, **self._told(group)}
      for name, group in self._groups.items()
      if group.count
    ]
    usable = sum(group["count"] for group in groups) + self._foreign.count
    return {
      "title": "Predictions",
      "workdir": workdir,
      "files": usable + self._failed,
      "usable": usable,
      "groups": groups,
      "classes": len(self._class_names),
      "foreign": self._told(self._foreign),
      "tells_novelty": self._tells_novelty,
      "errors": self._errors,
      "failed": self._failed,
      "remarked": self._remarked,
      "trained_on": self._trained_on,
      "most": self._most,
      "tiled": self._tile_px is not None,
    }

  def _told(self, group: _Group) -> dict[str, Any]:
    shown = [
      {
        "file": kept.file,
        "label": kept.label,
        "probability": kept.probability,
        "novelty": kept.novelty,
        "verdict": kept.verdict,
        "notes": list(kept.notes),
        "structure": kept.structure,
        "picture": self._picture(kept),
      }
      for kept in group.shown()
    ]
    return {"count": group.count, "shown": shown}

  def _picture(self, kept: _Kept) -> str:
    """A data URI, with a coloured grid over it if there are tiles; or ""."""
    if kept.thumbnail is None:
      return ""
    content = kept.thumbnail.jpeg
    if kept.tiles is not None and self._tile_px:
      content = _with_tiles(kept.thumbnail, kept.tiles, self._tile_px)
    text = base64.b64encode(content).decode()
    return f"data:image/jpeg;base64,{text}"


def _with_tiles(
  thumbnail: thumbnails.Thumbnail, tiles: np.ndarray, tile_px: int
) -> bytes:
  """A JPEG with each tile tinted by its probability, 0 orange to 1 blue."""
  with Image.open(io.BytesIO(thumbnail.jpeg)) as opened:
    pixels = np.asarray(opened.convert("RGB"), np.float32).copy()
  rows, columns = tiles.shape
  zoom = pixels.shape[0] / thumbnail.height, pixels.shape[1] / thumbnail.width
  top = (thumbnail.height - rows * tile_px) // 2
  left = (thumbnail.width - columns * tile_px) // 2
  ys = [round((top + i * tile_px) * zoom[0]) for i in range(rows + 1)]
  xs = [round((left + i * tile_px) * zoom[1]) for i in range(columns + 1)]
  for (i, j), p in np.ndenumerate(tiles):
    colour = p * _SURE + (1 - p) * _NOT
    # A gap of one pixel between tiles, where there is room.
    tile = pixels[
      ys[i] : max(ys[i + 1] - 1, ys[i] + 1),
      xs[j] : max(xs[j + 1] - 1, xs[j] + 1),
    ]
    tile += 0.4 * (colour - tile)
  content = io.BytesIO()
  drawn = Image.fromarray(pixels.round().astype(np.uint8))
  drawn.save(content, "JPEG", quality=80)
  return content.getvalue()
