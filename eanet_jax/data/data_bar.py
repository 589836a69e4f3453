"""How many rows at the bottom of a micrograph are its data bar.

Takes the grey image of a file that does not say. Looks at how often the
commonest grey level of each row occurs, which sets a panel off from a specimen.
"""

import numpy as np

from eanet_jax.data import vendor_metadata

# A bar holds at least one line of text and is never a quarter of the picture.
_MIN_BAR_ROWS = 8
_MAX_BAR_ROWS = 1024
_MAX_ODD_ROWS = 12
_PANEL_SHARE = 0.3
_PANEL_STEP = 0.25
_JPEG_BLOCK_ROWS = 8


def count_rows(image: np.ndarray) -> int:
  """Returns how many rows at the bottom are the data bar, 0 if none.

  In a panel row one grey level has 0.4 to 1 of the pixels, in a specimen row
  hardly any level has a tenth. Where a bar went through JPEG or a filter, the
  levels near the commonest must count with it; the count that gives the
  sharpest upper edge is believed.

  Args:
    image: uint8 (y, x).
  """
  height, width = image.shape
  limit = min(int(height * vendor_metadata.MAX_BAR_SHARE), _MAX_BAR_ROWS)
  if limit < _MIN_BAR_ROWS:
    return 0
  # The rows above the highest possible bar show what is usual here. A
  # thousand columns are enough to count in.
  rows = image[height - 2 * limit :, :: max(1, width // 1024)]
  offsets = np.arange(len(rows))[:, None] * 256
  counts = np.bincount((rows + offsets).ravel(), minlength=len(rows) * 256)
  sums = np.pad(counts.reshape(-1, 256).cumsum(axis=1), ((0, 0), (1, 0)))
  edges = []
  for levels in (1, 9, 25):
    commonest = (sums[:, levels:] - sums[:, :-levels]).max(axis=1)
    edges.append(_panel_edge(commonest / rows.shape[1], limit))
  step, bar_rows = max(edges)
  return _with_ringing_rows(rows, bar_rows) if step >= _PANEL_STEP else 0


def _panel_edge(share: np.ndarray, limit: int) -> tuple[float, int]:
  """Returns (step, bar_rows) of the upper edge of a panel at the bottom.

  Args:
    share: of the commonest level in each row, down to the bottom row.
    limit: bar_rows is at most this.
  """
  usual = np.quantile(share[:-limit], 0.9)
  panel = share >= max(_PANEL_SHARE, usual + _PANEL_STEP)
  top = len(share)
  # Rows crowded with text, and what Zeiss draws below its panel (a black and
  # a specimen row), are looked through.
  for y in np.flatnonzero(panel)[::-1]:
    if top - y > _MAX_ODD_ROWS + 1:
      break
    top = y
  edges = np.arange(max(top, limit), len(share) - _MIN_BAR_ROWS + 1)
  if not edges.size:
    return 0.0, 0
  # A panel begins from one row to the next. A void in the specimen ends
  # raggedly; where it touches the panel, the panel's edge is the sharper one.
  below = np.minimum(share[edges], share[edges + 1])
  steps = below - np.maximum(share[edges - 1], share[edges - 2])
  highest = edges[np.argmax(steps >= 0.6 * steps.max())]
  return float(steps.max()), int(len(share) - highest)


def _with_ringing_rows(rows: np.ndarray, bar_rows: int) -> int:
  """Returns bar_rows with what JPEG blurred at the bar's upper edge.

  Blocks of 8 rows that hold both specimen and panel ring with the specimen's
  pattern, but half of a panel row's pixels remain near one level.
  """
  top = len(rows) - bar_rows
  bar = rows[top:].astype(np.int16)
  off = np.abs(bar - np.bincount(bar.ravel()).argmax())
  # Nearly the panel's level: 0.5 % of the pixels at most as drawn (the edges
  # of smooth text), 1.8 % at least after JPEG of quality 95 and less.
  if np.mean((off > 0) & (off <= 4)) < 0.01:
    return bar_rows
  above = rows[max(0, top - 5 * _JPEG_BLOCK_ROWS) : top]
  spread = np.median(np.abs(above - np.median(above, axis=1)[:, None]), axis=1)
  calm = spread[::-1][:_JPEG_BLOCK_ROWS] < 0.4 * np.median(spread)
  return bar_rows + int(np.cumprod(calm).sum())
