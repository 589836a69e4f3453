"""What a program drew over the specimen: boxes with a scale or a label.

Takes the grey image without its data bar. Gives the boxes, and the image with
the specimen around them mirrored into them, so that a network sees neither a
label nor a frame.
"""

from collections.abc import Iterator

import numpy as np

# (y, x, height, width) in pixels.
Box = tuple[int, int, int, int]

_MIN_WIDTH_PX, _MIN_HEIGHT_PX = 20, 8
_MAX_WIDTH_SHARE, _MAX_HEIGHT_SHARE = 0.6, 0.25
_BORDER_SHARE = 0.15  # of a side: a box lies no farther from a border
# How far from its paper a box is after nothing, and after JPEG.
_TOLERANCES = (4, 24)
_GAP_PX, _OFF_PX = 3, 3
_INSIDE, _OUTSIDE = 0.85, 0.35  # paper on the lines within and beyond an edge
_INK = (0.02, 0.6)
_OUTLINE_PX, _OUTLINE_OFF = 3, 12
_CORNER_PX = 2048
# Of a picture with more edges than a few boxes have, none is tried.
_MAX_EDGES, _MAX_PARTNERS = 1000, 8
_BLUR_PX = 2  # that a filter or JPEG reaches beyond a box


def find(image: np.ndarray) -> tuple[Box, ...]:
  """Returns the boxes on uint8 (y, x), from the top.

  A box is a rectangle near a border, of one grey level but for its ink. Its
  four edges are straight and sharp, as nothing in a specimen is. Of a picture
  of more than 4 megapixels only the corners are searched.
  """
  height, width = image.shape
  rows, columns = min(height, _CORNER_PX), min(width, _CORNER_PX)
  if image.size <= _CORNER_PX**2:
    rows, columns = height, width
  found = {
    (y + top, x + left, *size)
    for top in {0, height - rows}
    for left in {0, width - columns}
    for y, x, *size in _in_part(image[top : top + rows, left : left + columns])
  }
  return tuple(sorted(found))


def hidden(image: np.ndarray, boxes: tuple[Box, ...]) -> np.ndarray:
  """Returns the image with the specimen around them mirrored into the boxes."""
  image = image.copy() if boxes else image
  # Twice, since what is mirrored into one box may come from another.
  for box in 2 * boxes:
    _fill(image, box)
  return image


def _in_part(image: np.ndarray) -> list[Box]:
  """Returns the boxes on uint8 (y, x)."""
  candidates: list[Box] = []
  for level, tolerances in _papers(image):
    for tolerance in tolerances:
      low, high = max(level - tolerance, 0), min(level + tolerance, 255)
      candidates += _boxes((image >= low) & (image <= high))
  found: list[Box] = []
  # The largest first: others are its parts.
  for box in sorted(candidates, key=lambda box: -box[2] * box[3]):
    if not any(_overlap(box, other) for other in found):
      found.append(box)
  return [_with_outline(image, box) for box in found]


def _papers(image: np.ndarray) -> list[tuple[int, tuple[int, ...]]]:
  """Returns the levels that a box may have, and how far its pixels are off."""
  papers: list[tuple[int, tuple[int, ...]]]
  papers = [(255, _TOLERANCES), (0, _TOLERANCES)]
  # A grey one is where eight pixels in a row are the same.
  same: np.ndarray = np.equal(
    np.packbits(image[:, 1:] == image[:, :-1], axis=1), 255
  )
  counts = np.bincount(
    image[:, : 8 * same.shape[1] : 8][:, : same.shape[1]][same], minlength=256
  )
  counts[:5] = counts[-5:] = 0
  if counts.any():
    papers.append((int(counts.argmax()), _TOLERANCES[:1]))
  return papers


def _boxes(paper: np.ndarray) -> Iterator[Box]:
  """Yields the boxes of a mask (y, x) of what is their paper."""
  tops, bottoms = _edges(paper, -1), _edges(paper, 1)
  if max(len(tops), len(bottoms)) > _MAX_EDGES:
    return
  limit = _MAX_HEIGHT_SHARE * len(paper)
  for y0, x0, x1 in tops:
    heights = bottoms[:, 0] + 1 - y0
    near = (heights >= _MIN_HEIGHT_PX) & (heights <= limit)
    near &= np.abs(bottoms[:, 1:] - (x0, x1)).max(axis=1) <= _OFF_PX
    # The farthest first: a line in the box looks like its lower edge.
    for y1, left, right in bottoms[near][::-1][:_MAX_PARTNERS]:
      x, width = min(x0, left), max(x1, right) - min(x0, left)
      box = int(y0), int(x), int(y1 + 1 - y0), int(width)
      if _is_box(paper, box):
        box = _whole(paper, box)
        yield box
        yield from _rules(paper, box, tops, bottoms)
        break


def _whole(paper: np.ndarray, box: Box) -> Box:
  """Returns the box with the rows beyond a line that looked like its edge."""
  y, x, height, width = box
  sides = [paper[:, left : left + 3] for left in (x, x + width - 3)]
  rows: np.ndarray = (
    np.min([side.mean(axis=1) for side in sides], axis=0) >= 0.6
  )
  below = int(np.cumprod(rows[y + height :]).sum())
  above = int(np.cumprod(rows[:y][::-1]).sum())
  longer = y - above, x, above + height + below, width
  return longer if longer != box and _is_box(paper, longer) else box


def _rules(
  paper: np.ndarray, box: Box, tops: np.ndarray, bottoms: np.ndarray
) -> Iterator[Box]:
  """Yields the lines that show a scale beside a box that names it.

  Without a box beside it a line is no proof of anything.
  """
  y, x, height, width = box
  for y0, x0, x1 in tops:
    if x0 >= x + width or x1 <= x or not y - 3 * height < y0 < y + 4 * height:
      continue
    thick = bottoms[:, 0] - y0
    same = np.abs(bottoms[:, 1:] - (x0, x1)).max(axis=1) <= _OFF_PX
    for y1 in bottoms[same & (thick >= 0) & (thick < height / 4), 0][:1]:
      # The ticks at its ends reach as far up and down.
      ends = np.min(paper[:, [x0, x0 + 1, x1 - 2, x1 - 1]], axis=1)
      up = int(np.cumprod(ends[max(y0 - height, 0) : y0][::-1]).sum())
      down = int(np.cumprod(ends[y1 + 1 : y1 + 1 + height]).sum())
      yield int(y0) - up, int(x0), int(y1 + 1 - y0) + up + down, int(x1 - x0)


def _edges(paper: np.ndarray, outwards: int) -> np.ndarray:
  """Returns int (edges, 3): y, x0, x1 of runs of paper with none beyond.

  Args:
    paper: bool (y, x).
    outwards: -1 for upper edges, 1 for lower ones.
  """
  full: np.ndarray = np.equal(np.packbits(paper, axis=1), 255)
  rows = np.flatnonzero((full[:, 1:] & full[:, :-1]).any(axis=1))
  if not rows.size:
    return np.zeros((0, 3), int)
  padded = np.zeros((len(rows), paper.shape[1] + 2), np.int8)
  padded[:, 1:-1] = paper[rows]
  change = np.diff(padded, axis=1)
  at, x0 = np.nonzero(change == 1)
  x1 = np.nonzero(change == -1)[1]
  joined = (at[1:] == at[:-1]) & (x0[1:] - x1[:-1] <= _GAP_PX)
  first = np.concatenate([[True], ~joined])
  last = np.concatenate([~joined, [True]])
  runs = np.stack([rows[at[first]], x0[first], x1[last]], axis=1)
  widths = runs[:, 2] - runs[:, 1]
  limit = _MAX_WIDTH_SHARE * paper.shape[1]
  runs = runs[(widths >= _MIN_WIDTH_PX) & (widths <= limit)]
  beyond = np.pad(paper, ((1, 1), (0, 0)))[rows + 1 + outwards]
  sums = np.pad(beyond.cumsum(axis=1, dtype=np.int32), ((0, 0), (1, 0)))
  at = np.searchsorted(rows, runs[:, 0])
  shares = sums[at, runs[:, 2]] - sums[at, runs[:, 1]]
  return runs[shares <= _OUTSIDE * (runs[:, 2] - runs[:, 1])]


def _share(paper: np.ndarray, y: int, x0: int, x1: int) -> float:
  """Returns the share of paper on a line, 0 beyond the image."""
  return float(paper[y, x0:x1].mean()) if 0 <= y < len(paper) else 0.0


def _is_box(paper: np.ndarray, box: Box) -> bool:
  """Whether a rectangle is a box near a border with something in it."""
  y, x, height, width = box
  rows, columns = paper.shape
  if height > _MAX_HEIGHT_SHARE * rows:
    return False
  beyond = (
    min(y, rows - y - height) / rows,
    min(x, columns - x - width) / columns,
  )
  if min(beyond) > _BORDER_SHARE:
    return False
  for x_inside, x_outside in ((x, x - 1), (x + width - 1, x + width)):
    inside = max(
      _share(paper.T, x_inside + off, y, y + height) for off in (-1, 0, 1)
    )
    outside = min(
      _share(paper.T, x_outside + off, y, y + height) for off in (-1, 0, 1)
    )
    if inside < _INSIDE or outside > _OUTSIDE:
      return False
  ink = 1 - paper[y : y + height, x : x + width].mean()
  return _INK[0] <= ink <= _INK[1]


def _with_outline(image: np.ndarray, box: Box) -> Box:
  """Returns the box with a line of one level around it, if there is one."""
  y, x, height, width = box
  level = 0.0
  for wider in range(1, _OUTLINE_PX + 2):
    if min(y, x) < wider:
      return box
    around = image[
      y - wider : y + height + wider, x - wider : x + width + wider
    ]
    if around.shape != (height + 2 * wider, width + 2 * wider):
      return box
    ring = np.concatenate(
      [around[0], around[-1], around[1:-1, 0], around[1:-1, -1]]
    ).astype(np.int16)
    if wider == 1:
      level = np.median(ring)
    off = np.abs(ring - level)
    if wider > 1 and np.median(off) > _OUTLINE_OFF:
      line = wider - 1
      return y - line, x - line, height + 2 * line, width + 2 * line
    if np.mean(off <= _OUTLINE_OFF) < 0.9:
      return box
  return box


def _overlap(one: Box, other: Box) -> bool:
  (y, x, height, width), (b, a, rows, columns) = one, other
  return y < b + rows and b < y + height and x < a + columns and a < x + width


def _fill(image: np.ndarray, box: Box) -> None:
  """Mirrors the rows above and below into a box.

  The two meet along the path from side to side on which they differ least, so
  that no straight edge is left.
  """
  y, x, height, width = box
  y0, y1 = max(y - _BLUR_PX, 0), min(y + height + _BLUR_PX, len(image))
  columns = slice(max(x - _BLUR_PX, 0), x + width + _BLUR_PX)
  rows = y1 - y0
  above = image[max(y0 - rows, 0) : y0, columns][::-1]
  below = image[y1 : y1 + rows, columns][::-1]
  inside = image[y0:y1, columns]
  if not (len(above) and len(below)):
    inside[:] = above if len(above) else below
    return
  # One of them is as high as the box, since that lies near a border.
  first, last = rows - len(below), len(above)
  off = above[first:last].astype(np.int64) - below[: last - first]
  from_below = np.arange(rows)[:, None] >= first + _cheapest_path(np.abs(off))
  inside[:last] = above
  inside[first:][from_below[first:]] = below[from_below[first:]]


def _cheapest_path(costs: np.ndarray) -> np.ndarray:
  """Returns the row in each column of the cheapest way from side to side.

  Args:
    costs: int64 (y, x).
  """
  total = costs.copy()
  columns = costs.shape[1]
  for x in range(1, columns):
    before = np.pad(total[:, x - 1], 1, constant_values=np.iinfo(np.int32).max)
    total[:, x] += np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
  path = np.empty(columns, np.int64)
  path[-1] = total[:, -1].argmin()
  for x in range(columns - 2, -1, -1):
    low = max(path[x + 1] - 1, 0)
    path[x] = low + total[low : path[x + 1] + 2, x].argmin()
  return path
