"""How many rows at the bottom of a micrograph are its data bar, by its looks.

Takes the grey image of a file that does not say. A panel is of one grey level,
its paper, but for lines and text; it begins from one row to the next over the
whole width, which a void or a flat phase of the specimen does not.
"""

import dataclasses

import numpy as np

MAX_BAR_SHARE = 0.25
# A bar holds at least one line of text and is never a quarter of the picture.
_MIN_BAR_ROWS = 7
_MAX_BAR_ROWS = 1024
_MAX_ODD_ROWS = 12
_COLUMNS = 1024  # are enough to count in
# Of the pixels of a row of the panel, as many have the grey level of its paper,
# and so many more than in the rows above it.
_PANEL_SHARE = 0.3
_PANEL_STEP = 0.25
_LINE_SHARE = 0.8  # of a row of one level, whatever it is
# How far from its paper a panel is after nothing, a filter, JPEG, bad JPEG.
_TOLERANCES = (0, 4, 12, 24)
_PAPER_ROWS = (8, 16, 32, 64)  # the lowest of which the paper is the commonest
_CALM_COLUMNS, _CALM_LEVELS = 0.75, 12
_LINE_ROWS = 6
_EDGE_ROWS = 8  # a JPEG block


@dataclasses.dataclass(frozen=True)
class Found:
  """The rows of the data bar, 0 if none; then whether there may be one."""

  rows: int
  doubtful: bool = False


def crop_data_bar(image: np.ndarray) -> int:
  """Returns how many rows at the bottom are the data bar, 0 if none.

  Args:
    image: uint8 (y, x).
  """
  return find(image).rows


def find(image: np.ndarray) -> Found:
  """Returns the data bar of uint8 (y, x)."""
  height = len(image)
  limit = min(int(height * MAX_BAR_SHARE), _MAX_BAR_ROWS)
  if limit < _MIN_BAR_ROWS:
    return Found(0)
  # The rows above the highest possible bar show what is usual here.
  rows = image[height - 2 * limit :, :: -(-image.shape[1] // _COLUMNS)]
  levels = _Levels(rows)
  candidates, doubtful = [], False
  for tolerance in _TOLERANCES:
    lines = levels.lines(tolerance, limit)
    papers = {levels.paper(k, tolerance) for k in _PAPER_ROWS if k <= limit}
    for paper in sorted(papers):
      share = levels.share(paper, tolerance)
      wide = levels.share(paper, 2 * tolerance)
      step, bar_rows, panel = _edge(share, wide, lines, limit)
      doubtful |= panel
      bar = rows[len(rows) - bar_rows :, ::4]
      if step >= _PANEL_STEP and _is_calm(bar, paper, tolerance):
        candidates.append((step, bar_rows))
  if not candidates:
    return Found(0, doubtful)
  best, bar_rows = max(candidates)
  if bar_rows + _LINE_ROWS > limit:
    return Found(0, True)  # perhaps it goes on
  # The rows at the edge were changed most by what came after the bar.
  return Found(
    max(
      rows
      for step, rows in candidates
      if step >= 0.7 * best and rows <= bar_rows + _EDGE_ROWS
    )
  )


def is_set_off(image: np.ndarray, bar_rows: int) -> bool:
  """Whether so many rows at the bottom look like a bar, more than not.

  Args:
    image: uint8 (y, x).
    bar_rows: 1 or more, which something else says.
  """
  first = max(len(image) - max(2 * bar_rows, bar_rows + 32), 0)
  rows = image[first:, :: -(-image.shape[1] // _COLUMNS)]
  top = len(rows) - bar_rows
  if top < _MIN_BAR_ROWS:
    return False
  levels = _Levels(rows)
  for tolerance in _TOLERANCES:
    share = levels.share(levels.paper(bar_rows, tolerance), tolerance)
    usual = np.quantile(share[:top], 0.9)
    panel = min(np.median(share[top:]), np.median(share[top : top + 8]))
    if panel >= max(_PANEL_SHARE, usual) + _PANEL_STEP:
      return True
  # Or the picture changes there as it does nowhere in the specimen.
  change = np.abs(np.diff(rows.astype(np.int16), axis=0)).mean(axis=1)
  edge = change[top - 2 : top + 1].max()
  return bool(edge >= 1.5 * change[: top - 2].max())


class _Levels:
  """How often each grey level occurs in each row."""

  def __init__(self, rows: np.ndarray):
    offsets = np.arange(len(rows), dtype=np.int64)[:, None] * 256
    counts = np.bincount((rows + offsets).ravel(), minlength=256 * len(rows))
    self._sums = np.pad(counts.reshape(-1, 256).cumsum(1), ((0, 0), (1, 0)))
    self._width = rows.shape[1]

  def share(self, level: int, tolerance: int) -> np.ndarray:
    """Returns the share (y,) of pixels that near a level."""
    high = self._sums[:, min(level + tolerance, 255) + 1]
    return (high - self._sums[:, max(level - tolerance, 0)]) / self._width

  def lines(self, tolerance: int, limit: int) -> np.ndarray:
    """Returns by how much each row (y,) begins a line, 0 where it does not.

    A line is a row of one level, which hardly occurs in the two rows above and
    is not usual here.
    """
    levels = 2 * tolerance + 1
    near = self._sums[:, levels:] - self._sums[:, :-levels]
    level = near.argmax(axis=1)
    share = np.take_along_axis(near, level[:, None], 1)[:, 0] / self._width
    usual = np.quantile(share[:-limit], 0.9)
    begins = np.zeros(len(share))
    for y in np.flatnonzero(share >= max(_LINE_SHARE, usual + _PANEL_STEP)):
      above = near[max(y - 2, 0) : y, level[y]]
      begins[y] = share[y] - above.max(initial=0) / self._width
    return begins

  def paper(self, rows: int, tolerance: int) -> int:
    """Returns the commonest level of the lowest rows."""
    counts = np.diff(self._sums[-rows:].sum(axis=0))
    half = min(tolerance, 2)
    near = np.convolve(counts, np.ones(2 * half + 1), "same")
    return int(near.argmax())


def _edge(
  share: np.ndarray, wide: np.ndarray, lines: np.ndarray, limit: int
) -> tuple[float, int, bool]:
  """Returns (step, bar_rows, panel) of the upper edge of a panel.

  Args:
    share: of the paper in each row, down to the bottom row.
    wide: the same, with levels twice as far from it.
    lines: by how much each row begins a line.
    limit: bar_rows is at most this.

  Returns:
    step: by how much more paper there is below the edge.
    bar_rows: below the edge.
    panel: whether the lowest rows are like a panel at all.
  """
  usual = np.quantile(share[:-limit], 0.9)
  panel = share >= max(_PANEL_SHARE, usual + 0.5 * _PANEL_STEP)
  top = len(share)
  # Rows crowded with text, and what Zeiss draws below its panel (a black and
  # a specimen row), are looked through.
  for y in np.flatnonzero(panel)[::-1]:
    if top - y > _MAX_ODD_ROWS + 1:
      break
    top = y
  edges = np.arange(
    max(top - _LINE_ROWS, limit), len(share) - _MIN_BAR_ROWS + 1
  )
  if not edges.size:
    return 0.0, 0, False
  below = np.minimum(share[edges], share[edges + 1])
  above = np.maximum(wide[edges - 2], wide[edges - 3])
  steps = np.maximum(below - above, lines[edges])
  enough = steps >= max(_PANEL_STEP, 0.5 * steps.max())
  found = edges[enough.argmax()] if enough.any() else edges[0]
  middle = np.median(share[found:])
  is_panel = bool(middle >= max(0.4, usual + _PANEL_STEP))
  # Below a scratch a smooth specimen goes on as it was above.
  goes_on = (
    np.median(wide[max(found - 19, 0) : found - 3]) > middle - _PANEL_STEP
  )
  if not enough.any() or not is_panel or (goes_on and not lines[found]):
    return 0.0, 0, bool(is_panel and middle >= 0.6)
  return float(steps.max()), int(len(share) - found), True


def _is_calm(bar: np.ndarray, paper: int, tolerance: int) -> bool:
  """Whether nearly all columns keep to one level, the paper's or another."""
  part, tolerance = bar.astype(np.int16), min(tolerance, _CALM_LEVELS)
  near = np.abs(part - np.median(part, axis=0)) <= tolerance
  near |= np.abs(part - paper) <= tolerance
  return bool(np.mean(near.mean(axis=0) >= 0.4) >= _CALM_COLUMNS)
