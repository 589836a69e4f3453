"""Plots of a report, as SVG in data URIs.

Takes plain numbers and names, gives text for <img src="...">. The same numbers
give the same text, whatever a user's own plotting style. Without pyplot, which
keeps figures in a global list.
"""

import base64
import functools
import io
import math
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec

import matplotlib.axes
import matplotlib.colors
import matplotlib.figure
import matplotlib.style
import matplotlib.ticker
import numpy as np

P = ParamSpec("P")

# Okabe and Ito's colours, told apart with any colour vision.
_CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_ACCENT = _CYCLE[0]
_INK, _SOFT, _FAINT, _RULE = "#1b1f24", "#5b6570", "#a9b2bb", "#e3e7eb"
_STYLE = (
  "default",
  {
    "svg.fonttype": "none",  # text stays text: sharp, small, searchable
    "svg.hashsalt": "eanet_jax",  # ids are random without
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": 9,  # points: 12 px
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _RULE,
    "legend.frameon": False,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
  },
)


def _as_uri(
  plot: Callable[P, matplotlib.figure.Figure],
) -> Callable[P, str]:
  """Decorates what returns a figure so that it returns a data URI."""

  @functools.wraps(plot)
  def styled(*args: P.args, **kwargs: P.kwargs) -> str:
    text, nothing = io.BytesIO(), {"Date": None, "Creator": None}
    with warnings.catch_warnings(), matplotlib.style.context(_STYLE):
      # The font for the layout lacks many scripts, which the page's may have.
      warnings.filterwarnings("ignore", "Glyph .* missing")
      figure = plot(*args, **kwargs)
      figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    # Laid out with the font that is always there, shown with the page's own.
    svg = text.getvalue().replace(b"'DejaVu Sans'", b"system-ui, sans-serif")
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"

  return styled


def _figure(
  width_px: int, height_px: int, rows: int = 1, **kwargs: Any
) -> tuple[matplotlib.figure.Figure, Any]:
  """Returns a figure and its axes: as many as rows, below each other."""
  figure = matplotlib.figure.Figure(
    figsize=(width_px / 96, height_px / 96), layout="constrained"
  )
  return figure, figure.subplots(rows, sharex=True, **kwargs)


def _short(name: str, length: int = 26) -> str:
  """Returns a name with its middle left out where it is long."""
  half = (length - 1) // 2
  return name if len(name) <= length else f"{name[:half]}…{name[-half:]}"


def _line(i: int, epochs: Sequence[float]) -> dict[str, Any]:
  """Returns the style of line i; with dots where they are all there is."""
  marker = "o" if len(epochs) < 4 else None
  return {"c": _CYCLE[i % 6], "ls": ("-", "--", ":")[i % 3], "marker": marker}


@_as_uri
def intervals(
  rows: Sequence[Mapping[str, Any]], xlabel: str, *, zero: bool = False
) -> matplotlib.figure.Figure:
  """Returns a plot of a dot with its interval for each row, the first on top.

  Args:
    rows: "title" and "value"; maybe "interval", "points" (shown faint), "other"
      (a second value with "other_interval", shown hollow), and "strong" (in
      colour).
    xlabel: of the values.
    zero: the values are differences: signed, with a line at 0.
  """
  figure, axes = _figure(480, 56 + 44 * len(rows))
  hollow = any(row.get("other") is not None for row in rows)
  form = "{:+.3f}" if zero else "{:.3f}"
  for y, row in enumerate(rows):
    colour = _ACCENT if row.get("strong") else _SOFT
    above = y - 0.14 * hollow
    points = row.get("points") or []
    axes.plot(points, [above] * len(points), "o", c=colour, ms=3.5, alpha=0.35)
    _dot(axes, row["value"], row.get("interval"), above, colour, colour)
    if row.get("other") is not None:
      below = y + 0.22
      other = row.get("other_interval")
      _dot(axes, row["other"], other, below, colour, "white", thin=True)
    axes.annotate(
      form.format(row["value"]).replace("-", "\N{MINUS SIGN}"),
      (1.02, above),
      xycoords=("axes fraction", "data"),
      va="center",
      weight="bold" if row.get("strong") else "normal",
    )
  if zero:
    axes.axvline(0, c=_INK, lw=1)
  titles = [textwrap.fill(_short(row["title"], 50), 22) for row in rows]
  axes.set_yticks(range(len(rows)), titles, color=_INK)
  axes.set_ylim(len(rows) - 0.4, -0.6)
  axes.set_xlabel(xlabel)
  axes.spines["left"].set_visible(False)
  axes.margins(x=0.06)
  axes.grid(axis="x")
  return figure


def _dot(
  axes: matplotlib.axes.Axes,
  value: float,
  interval: Sequence[float] | None,
  y: float,
  colour: str,
  face: str,
  thin: bool = False,
) -> None:
  """A dot on the line of its interval."""
  if interval:
    axes.plot(interval, [y, y], c=colour, lw=1 if thin else 2.2)
  size = 5 if thin else 7.5
  axes.plot(value, y, "o", ms=size, mec=colour, mfc=face, mew=1.2)


@_as_uri
def confusion(
  matrix: Sequence[Sequence[int]], class_names: Sequence[str]
) -> matplotlib.figure.Figure:
  """Returns a plot of counts, true class by predicted, shaded by row share."""
  counts = np.asarray(matrix)
  share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
  side = 150 + 86 * len(counts)
  figure, axes = _figure(min(side, 560), min(side - 30, 520))
  shades = matplotlib.colors.LinearSegmentedColormap.from_list(
    "", ["white", _ACCENT]
  )
  axes.pcolormesh(share, cmap=shades, vmin=0, vmax=1, ec="white", lw=3)
  few = len(counts) <= 6
  for (i, j), count in np.ndenumerate(counts):
    place = {"ha": "center", "color": "white" if share[i, j] > 0.55 else _INK}
    size = 13 if few else 8
    axes.text(j + 0.5, i + 0.5, str(count), va="center", size=size, **place)
    if few and counts[i].any():
      percent = f"{100 * share[i, j]:.0f} %"
      axes.text(j + 0.5, i + 0.8, percent, va="center", size=8, **place)
  ticks = np.arange(len(counts)) + 0.5
  names = [_short(name, 14) for name in class_names]
  axes.set_xticks(ticks, names, color=_INK)
  axes.set_yticks(ticks, names, color=_INK)
  if not few or max(map(len, names)) > 11:
    axes.tick_params(axis="x", rotation=45)
  axes.set(xlabel="predicted class", ylabel="true class", aspect="equal")
  axes.invert_yaxis()
  axes.spines[:].set_visible(False)
  return figure


@_as_uri
def specimens(
  rows: Sequence[Mapping[str, Any]], class_names: Sequence[str]
) -> matplotlib.figure.Figure:
  """Returns a plot of each specimen's accuracy, a bar in its class's colour."""
  order = {name: i for i, name in enumerate(class_names)}
  rows = sorted(rows, key=lambda r: (order[r["class"]], -r["accuracy"]))
  figure, axes = _figure(520, 70 + 24 * len(rows))
  axes.barh(range(len(rows)), 1, 0.62, color="#f0f2f4")
  for name, i in order.items():
    own = [(y, r) for y, r in enumerate(rows) if r["class"] == name]
    height = [r["accuracy"] for _, r in own]
    style = {"color": _CYCLE[i % 6], "label": _short(name, 16)}
    axes.barh([y for y, _ in own], height, 0.62, **style)
  for y, row in enumerate(rows):
    text = f"{100 * row['accuracy']:.0f} %"
    axes.text(1.02, y, text, va="center", transform=axes.get_yaxis_transform())
  names = [r["specimen"].removeprefix(f"{r['class']}/") for r in rows]
  labels = [
    f"{_short(name)} ({row['micrographs']})"
    for name, row in zip(names, rows, strict=True)
  ]
  axes.set_yticks(range(len(rows)), labels, color=_INK)
  axes.set_ylim(len(rows) - 0.4, -0.6)
  axes.set_xlim(0, 1)
  axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
  axes.spines[:].set_visible(False)
  figure.legend(loc="outside upper left", ncols=3)
  return figure


@_as_uri
def curves(
  lines: Mapping[str, Sequence[float]],
  epochs: Sequence[float],
  ylabel: str,
  best_epoch: int | None,
) -> matplotlib.figure.Figure:
  """Returns a plot of named lines over epochs, with the best epoch marked."""
  figure, axes = _figure(520, 300)
  for i, (name, values) in enumerate(lines.items()):
    axes.plot(epochs, values, label=name, lw=1.8, **_line(i, epochs))
  if best_epoch is not None:
    label = f"best: epoch {best_epoch}"
    axes.axvline(best_epoch, c=_SOFT, lw=1, ls=(0, (2, 2)), label=label)
  axes.set(xlabel="epoch", ylabel=ylabel)
  axes.grid()
  figure.legend(loc="outside upper left", ncols=2)
  return figure


@_as_uri
def reliability(
  before: Mapping[str, Any], after: Mapping[str, Any]
) -> matplotlib.figure.Figure:
  """Returns a plot of accuracy against confidence, and how many have it."""
  figure, (top, bottom) = _figure(460, 460, 2, height_ratios=[3, 1])
  top.plot([0, 1], [0, 1], c=_FAINT, lw=1)
  for record, style, face, label in (
    (before, "o--", "white", "as trained"),
    (after, "o-", _ACCENT, "temperature-scaled"),
  ):
    bins = [each for each in record["bins"] if each["count"]]
    x, y = ([b[field] for b in bins] for field in ("confidence", "accuracy"))
    colour = _ACCENT if record is after else _CYCLE[1]
    label = f"{label}, ECE {record['ece']:.3f}"
    top.plot(x, y, style, c=colour, mfc=face, label=label)
  for each in after["bins"]:
    middle = (each["low"] + each["high"]) / 2
    width = 0.9 * (each["high"] - each["low"])
    bottom.bar(middle, each["count"], width, color=_ACCENT)
    if each["count"]:
      at = (middle, each["count"])
      bottom.annotate(str(each["count"]), at, ha="center", va="bottom", size=8)
  top.set(ylabel="share that is right", xlim=(0, 1), ylim=(-0.03, 1.03))
  bottom.set(ylabel="micrographs", xlabel="probability of the predicted class")
  bottom.margins(y=0.25)
  top.grid()
  figure.legend(*top.get_legend_handles_labels(), loc="outside upper left")
  return figure


@_as_uri
def scatter(
  points: Sequence[Mapping[str, Any]], xlabel: str, ylabel: str
) -> matplotlib.figure.Figure:
  """Returns a plot of "y" against "x" (above 0) of named points."""
  figure, axes = _figure(500, 330)
  axes.set(xlabel=xlabel, ylabel=ylabel)
  xs = [point["x"] for point in points]
  if max(xs) > 4 * min(xs):
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
  axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter())
  axes.margins(0.18)
  lowest = -math.inf
  span = max(p["y"] for p in points) - min(p["y"] for p in points) or 1
  for point in sorted(points, key=lambda point: point["y"]):
    colour = _ACCENT if point.get("strong") else _SOFT
    axes.plot(point["x"], point["y"], "o", ms=7.5, c=colour)
    # Names a line apart at least, so that none covers another.
    lowest = max(point["y"], lowest + 0.09 * span)
    right = point["x"] == max(xs)
    axes.annotate(
      _short(point["name"]),
      (point["x"], lowest),
      xytext=(-7 if right else 7, 0),
      textcoords="offset points",
      ha="right" if right else "left",
      va="center",
    )
  axes.grid()
  return figure


@_as_uri
def runs(
  each: Sequence[Mapping[str, Any]], loss_range: tuple[float, float] | None
) -> matplotlib.figure.Figure:
  """Returns a plot of training loss and validation F1 of a system's runs."""
  figure, (top, bottom) = _figure(330, 320, 2)
  for i, run in enumerate(each):
    style = _line(i, run["epoch"])
    for axes, name in ((top, "train_loss"), (bottom, "validation_macro_f1")):
      values = [math.nan if v is None else v for v in run[name]]
      axes.plot(run["epoch"], values, lw=1.3, **style)
  if loss_range:
    top.set(yscale="log", ylim=loss_range)
    top.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    top.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    top.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
  top.set_ylabel("training loss")
  bottom.set(ylim=(0, 1), xlabel="epoch", ylabel="validation F1")
  top.grid()
  bottom.grid()
  return figure
