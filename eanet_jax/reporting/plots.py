"""Plots of a report: plain numbers and names in, data URIs of SVG out."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import matplotlib.axes
import matplotlib.colors
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from eanet_jax.reporting import confusions, figures
from eanet_jax.workdir import results_json


class IntervalRow(TypedDict):
  """A value and its interval, shown in colour if `strong`.

  `points` are faint dots beside it; `other` is a second value, a hollow dot.
  """

  title: str
  value: float
  interval: list[float] | None
  points: NotRequired[list[float]]
  other: NotRequired[float | None]
  other_interval: NotRequired[list[float] | None]
  strong: bool


class Point(TypedDict):
  """A named point, shown in colour if `strong`; x is above 0."""

  name: str
  x: float
  y: float
  strong: bool


@figures.as_uri
def intervals(
  rows: Sequence[IntervalRow], xlabel: str, *, zero: bool = False
) -> matplotlib.figure.Figure:
  """Returns a plot of a dot with its interval for each row, the first on top.

  Args:
    rows: from top to bottom.
    xlabel: what the values are.
    zero: the values are differences: signed, with a line at 0.
  """
  figure, axes = figures.figure(480, 56 + 44 * len(rows))
  hollow = any(row.get("other") is not None for row in rows)
  form = "{:+.3f}" if zero else "{:.3f}"
  for y, row in enumerate(rows):
    colour = figures.ACCENT if row["strong"] else figures.SOFT
    above = y - 0.14 * hollow
    points = row.get("points") or []
    axes.plot(points, [above] * len(points), "o", c=colour, ms=3.5, alpha=0.35)
    _dot(axes, row["value"], row["interval"], above, colour, colour)
    if (other := row.get("other")) is not None:
      interval, below = row.get("other_interval"), y + 0.22
      _dot(axes, other, interval, below, colour, "white", thin=True)
    axes.annotate(
      form.format(row["value"]).replace("-", "\N{MINUS SIGN}"),
      (1.02, above),
      xycoords=("axes fraction", "data"),
      va="center",
      weight="bold" if row["strong"] else "normal",
    )
  if zero:
    axes.axvline(0, c=figures.INK, lw=1)
  titles = [textwrap.fill(figures.short(row["title"], 50), 22) for row in rows]
  axes.set_yticks(range(len(rows)), titles, color=figures.INK)
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


def _confusion(
  confusion: results_json.Confusion, class_names: Sequence[str]
) -> matplotlib.figure.Figure:
  """Returns a plot of counts, true class by predicted, shaded by row share.

  Args:
    confusion: true class, predicted class, how many.
    class_names: few enough for a matrix that can be read.
  """
  counts = confusions.matrix(confusion, class_names)
  share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
  side = 150 + 86 * len(counts)
  figure, axes = figures.figure(min(side, 560), min(side - 30, 520))
  shades = matplotlib.colors.LinearSegmentedColormap.from_list(
    "", ["white", figures.ACCENT]
  )
  axes.pcolormesh(share, cmap=shades, vmin=0, vmax=1, ec="white", lw=3)
  few = len(counts) <= 6
  for (i, j), count in np.ndenumerate(counts):
    place = {
      "ha": "center",
      "color": "white" if share[i, j] > 0.55 else figures.INK,
    }
    size = 13 if few else 8
    axes.text(j + 0.5, i + 0.5, str(count), va="center", size=size, **place)
    if few and counts[i].any():
      percent = f"{100 * share[i, j]:.0f} %"
      axes.text(j + 0.5, i + 0.8, percent, va="center", size=8, **place)
  ticks = np.arange(len(counts)) + 0.5
  names = [figures.short(name, 14) for name in class_names]
  axes.set_xticks(ticks, names, color=figures.INK)
  axes.set_yticks(ticks, names, color=figures.INK)
  if not few or max(map(len, names)) > 11:
    axes.tick_params(axis="x", rotation=45)
  axes.set(xlabel="predicted class", ylabel="true class", aspect="equal")
  axes.invert_yaxis()
  axes.spines[:].set_visible(False)
  return figure


confusion = figures.as_uri(_confusion)
confusion_pixels = figures.as_pixels(_confusion)


@figures.as_uri
def confused_pairs(
  rows: Sequence[confusions.Confused],
) -> matplotlib.figure.Figure:
  """Returns a plot of how often one class was called another, first on top.

  Args:
    rows: from top to bottom; each is a line of text.
  """
  figure, axes = figures.figure(520, 70 + 24 * len(rows))
  counts = [row.examples for row in rows]
  axes.barh(range(len(rows)), counts, 0.62, color=figures.ACCENT)
  for y, row in enumerate(rows):
    text = f"{row.examples} ({100 * row.share:.0f} %)"
    axes.text(1.02, y, text, va="center", transform=axes.get_yaxis_transform())
  labels = [
    f"{figures.short(row.true, 18)} → {figures.short(row.called, 18)}"
    for row in rows
  ]
  axes.set_yticks(range(len(rows)), labels, color=figures.INK)
  axes.set_ylim(len(rows) - 0.4, -0.6)
  axes.set_xlabel("micrographs of the true class called the other")
  axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
  axes.set_xlim(0, max(counts, default=1))
  axes.spines[:].set_visible(False)
  axes.grid(axis="x")
  return figure


@figures.as_uri
def specimens(
  rows: Sequence[results_json.SpecimenScore], class_names: Sequence[str]
) -> matplotlib.figure.Figure:
  """Returns a plot of each specimen's accuracy, a bar in its class's colour.

  Of more classes than there are colours, the bars are of one colour and stay in
  their order, and a specimen's name keeps that of its class.
  """
  order = {name: i for i, name in enumerate(class_names)}
  coloured = len(order) <= len(figures.CYCLE)
  if coloured:
    rows = sorted(rows, key=lambda r: (order[r["class"]], -r["accuracy"]))
  figure, axes = figures.figure(520, 70 + 24 * len(rows))
  axes.barh(range(len(rows)), 1, 0.62, color="#f0f2f4")
  for name, i in order.items() if coloured else ():
    own = [(y, r) for y, r in enumerate(rows) if r["class"] == name]
    height = [r["accuracy"] for _, r in own]
    style = {
      "color": figures.CYCLE[i],
      "label": figures.short(name, 16),
    }
    axes.barh([y for y, _ in own], height, 0.62, **style)
  if not coloured:
    height = [r["accuracy"] for r in rows]
    axes.barh(range(len(rows)), height, 0.62, color=figures.ACCENT)
  for y, row in enumerate(rows):
    text = f"{100 * row['accuracy']:.0f} %"
    axes.text(1.02, y, text, va="center", transform=axes.get_yaxis_transform())
  names = [
    r["specimen"].removeprefix(f"{r['class']}/" if coloured else "")
    for r in rows
  ]
  labels = [
    f"{figures.short(name)} ({row['micrographs']})"
    for name, row in zip(names, rows, strict=True)
  ]
  axes.set_yticks(range(len(rows)), labels, color=figures.INK)
  axes.set_ylim(len(rows) - 0.4, -0.6)
  axes.set_xlim(0, 1)
  axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
  axes.spines[:].set_visible(False)
  if coloured:
    figure.legend(loc="outside upper left", ncols=3)
  return figure


@figures.as_uri
def curves(
  lines: Mapping[str, Sequence[float]],
  epochs: Sequence[float],
  ylabel: str,
  best_epoch: int | None,
) -> matplotlib.figure.Figure:
  """Returns a plot of named lines over epochs, with the best epoch marked."""
  figure, axes = figures.figure(520, 300)
  for i, (name, values) in enumerate(lines.items()):
    axes.plot(epochs, values, label=name, lw=1.8, **figures.line(i, epochs))
  if best_epoch is not None:
    label = f"best: epoch {best_epoch}"
    axes.axvline(best_epoch, c=figures.SOFT, lw=1, ls=(0, (2, 2)), label=label)
  axes.set(xlabel="epoch", ylabel=ylabel)
  axes.grid()
  figure.legend(loc="outside upper left", ncols=2)
  return figure


@figures.as_uri
def reliability(
  before: results_json.Reliability, after: results_json.Reliability
) -> matplotlib.figure.Figure:
  """Returns a plot of accuracy against confidence, above a histogram."""
  figure, (top, bottom) = figures.figure(460, 460, 2, height_ratios=[3, 1])
  top.plot([0, 1], [0, 1], c=figures.FAINT, lw=1)
  for record, style, face, label in (
    (before, "o--", "white", "as trained"),
    (after, "o-", figures.ACCENT, "with the temperature"),
  ):
    bins = [each for each in record["bins"] if each["count"]]
    x = [each["confidence"] for each in bins]
    y = [each["accuracy"] for each in bins]
    colour = figures.ACCENT if record is after else figures.CYCLE[1]
    label = f"{label}: {record['ece']:.3f} apart on average"
    top.plot(x, y, style, c=colour, mfc=face, label=label)
  for each in after["bins"]:
    middle = (each["low"] + each["high"]) / 2
    width = 0.9 * (each["high"] - each["low"])
    bottom.bar(middle, each["count"], width, color=figures.ACCENT)
    if each["count"]:
      at = (middle, each["count"])
      bottom.annotate(str(each["count"]), at, ha="center", va="bottom", size=8)
  top.set(ylabel="accuracy", xlim=(0, 1), ylim=(-0.03, 1.03))
  bottom.set(ylabel="micrographs", xlabel="probability of the predicted class")
  bottom.margins(y=0.25)
  top.grid()
  figure.legend(*top.get_legend_handles_labels(), loc="outside upper left")
  return figure


@figures.as_uri
def scatter(
  points: Sequence[Point], xlabel: str, ylabel: str
) -> matplotlib.figure.Figure:
  """Returns a plot of named points, each name beside its point."""
  figure, axes = figures.figure(500, 330)
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
    colour = figures.ACCENT if point["strong"] else figures.SOFT
    axes.plot(point["x"], point["y"], "o", ms=7.5, c=colour)
    # Names are at least a line apart, so that none covers another.
    lowest = max(point["y"], lowest + 0.09 * span)
    right = point["x"] == max(xs)
    axes.annotate(
      figures.short(point["name"]),
      (point["x"], lowest),
      xytext=(-7 if right else 7, 0),
      textcoords="offset points",
      ha="right" if right else "left",
      va="center",
    )
  axes.grid()
  return figure


@figures.as_uri
def runs(
  each: Sequence[Mapping[str, Any]], loss_range: tuple[float, float] | None
) -> matplotlib.figure.Figure:
  """Returns a plot of training loss and validation F1 of a system's runs."""
  figure, (top, bottom) = figures.figure(330, 320, 2)
  for i, run in enumerate(each):
    style = figures.line(i, run["epoch"])
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
