"""How a report's figures look, and how they become text.

Takes functions that draw a figure, gives functions that return it as SVG in a
data URI, or as pixels. The same numbers give the same text, whatever the user's
own plotting style. pyplot is not used: it keeps figures in a global list.
"""

import base64
import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ParamSpec

import matplotlib.figure
import matplotlib.style
import numpy as np
from matplotlib.backends import backend_agg

P = ParamSpec("P")

# Okabe and Ito's colours, which any colour vision can tell apart.
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
ACCENT = CYCLE[0]
INK, SOFT, FAINT, _RULE = "#1b1f24", "#5b6570", "#a9b2bb", "#e3e7eb"
STYLE = (
  "default",
  {
    "svg.fonttype": "none",  # text stays text: sharp, small, searchable
    "svg.hashsalt": "eanet_jax",  # ids are random otherwise
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": 9,  # points: 12 px
    "axes.edgecolor": FAINT,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _RULE,
    "legend.frameon": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
  },
)


@contextlib.contextmanager
def _style() -> Iterator[None]:
  with warnings.catch_warnings(), matplotlib.style.context(STYLE):
    # The layout's font lacks many scripts that the page's may have.
    warnings.filterwarnings("ignore", "Glyph .* missing")
    yield


def as_uri(
  plot: Callable[P, matplotlib.figure.Figure],
) -> Callable[P, str]:
  """Decorates a function that returns a figure: it returns a data URI."""

  @functools.wraps(plot)
  def styled(*args: P.args, **kwargs: P.kwargs) -> str:
    text, nothing = io.BytesIO(), {"Date": None, "Creator": None}
    with _style():
      figure = plot(*args, **kwargs)
      figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    # Laid out with the font that is always there, shown with the page's own.
    svg = text.getvalue().replace(b"'DejaVu Sans'", b"system-ui, sans-serif")
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"

  return styled


def as_pixels(
  plot: Callable[P, matplotlib.figure.Figure],
) -> Callable[P, np.ndarray]:
  """Decorates a function that returns a figure: it returns uint8 (y, x, 3)."""

  @functools.wraps(plot)
  def styled(*args: P.args, **kwargs: P.kwargs) -> np.ndarray:
    with _style():
      canvas = backend_agg.FigureCanvasAgg(plot(*args, **kwargs))
      canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()

  return styled


def figure(
  width_px: int, height_px: int, rows: int = 1, **kwargs: Any
) -> tuple[matplotlib.figure.Figure, Any]:
  """Returns a figure and its axes, one below the other if there are rows."""
  figure = matplotlib.figure.Figure(
    figsize=(width_px / 96, height_px / 96), layout="constrained"
  )
  return figure, figure.subplots(rows, sharex=True, **kwargs)


def short(name: str, length: int = 26) -> str:
  """Returns a name, without its middle if it is long."""
  half = (length - 1) // 2
  return name if len(name) <= length else f"{name[:half]}…{name[-half:]}"


def line(i: int, epochs: Sequence[float]) -> dict[str, Any]:
  """Returns the style of line i, with dots if it has few points."""
  marker = "o" if len(epochs) < 4 else None
  return {"c": CYCLE[i % 6], "ls": ("-", "--", ":")[i % 3], "marker": marker}
