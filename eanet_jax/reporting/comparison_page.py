"""What the page of a comparison shows, from its comparison.json."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from eanet_jax import errors
from eanet_jax.reporting import plots
from eanet_jax.workdir import comparison_json

# What a system's macro F1 is plotted against.
_COSTS = {
  "parameters": "parameters",
  "inference_images_per_s": "images classified per second",
}


class Difference(plots.IntervalRow):
  """A system's macro F1 minus the reference's; "open" if it may be chance."""

  kind: str
  verdict: Literal["ahead", "behind", "open"]
  scores: comparison_json.Estimates


def contents(
  workdir: pathlib.Path, comparison: comparison_json.ComparisonResults
) -> dict[str, Any]:
  """Returns what comparison.html.jinja shows of a comparison.

  Raises:
    UserError: the system that others are compared with lacks a run.
  """
  by = comparison.split_by
  every: Sequence[Mapping[str, Any]] = comparison.systems
  systems = [
    {**system, "scores": system[f"{by}_split"]}
    for system in every
    if _f1(system, f"{by}_split")
  ]
  systems.sort(key=lambda system: -_f1(system)["mean"])
  name = comparison.reference
  reference = next((s for s in systems if s["name"] == name), None)
  if reference is None:
    raise errors.UserError(
      f"{workdir} has no report: the reference {name} lacks a run, so there"
      " is nothing to compare with"
    )
  differences = [
    _difference(system)
    for system in systems
    if system is not reference and system["difference"]
  ]
  return {
    "comparison": comparison,
    "by": by,
    "title": f"{len(systems)} systems compared",
    "reference": reference,
    "systems": systems,
    "papers": [s for s in comparison.systems if s["kind"] == "paper"],
    "differences": differences,
    "plots": _plots(systems, reference, differences, by),
    "curves": _curves(systems),
  }


def _f1(system: Mapping[str, Any], scores: str = "scores") -> dict[str, Any]:
  """Mean, interval and folds of macro F1; {} if it was not run."""
  return system[scores]["macro_f1"] if system[scores] else {}


def _difference(system: Mapping[str, Any]) -> Difference:
  gap = system["difference"]["macro_f1"]
  low, high = gap["interval_95"] or (-math.inf, math.inf)
  verdict: Literal["ahead", "behind", "open"] = (
    "ahead" if low > 0 else "behind" if high < 0 else "open"
  )
  return {
    "title": system["title"],
    "kind": system["kind"],
    "value": gap["mean"],
    "interval": gap["interval_95"],
    "verdict": verdict,
    "strong": verdict != "open",
    "scores": system["difference"],
  }


def _plots(
  systems: Sequence[Mapping[str, Any]],
  reference: Mapping[str, Any],
  differences: Sequence[Difference],
  by: str,
) -> dict[str, str]:
  rows = [_row(system, by, strong=system is reference) for system in systems]
  drawn = {"f1": plots.intervals(rows, "macro F1")}
  if differences:
    drawn["differences"] = plots.intervals(
      differences, f"macro F1 minus that of {reference['title']}", zero=True
    )
  for field, xlabel in _COSTS.items():
    points: list[plots.Point] = [
      {
        "name": system["name"],
        "x": system[field],
        "y": row["value"],
        "strong": row["strong"],
      }
      for system, row in zip(systems, rows, strict=True)
      if system.get(field)
    ]
    if len(points) > 1:
      drawn[field] = plots.scatter(points, xlabel, f"macro F1, split by {by}")
  return drawn


def _row(system: Mapping[str, Any], by: str, strong: bool) -> plots.IntervalRow:
  """A system's macro F1; of a split by specimen, also that by micrograph."""
  f1 = _f1(system)
  row: plots.IntervalRow = {
    "title": system["title"],
    "value": f1["mean"],
    "interval": f1["interval_95"],
    "points": f1["folds"],
    "strong": strong,
  }
  if by == "specimen":
    other = _f1(system, "micrograph_split")
    row["other"] = other.get("mean")
    row["other_interval"] = other.get("interval_95")
  return row


def _curves(systems: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
  """The learning curves of each system that was trained, on common axes."""
  trained = [system for system in systems if system.get("curves")]
  values = [
    loss
    for system in trained
    for run in system["curves"]
    for loss in run["train_loss"]
    if loss and loss > 0
  ]
  loss_range = (min(values) / 1.2, max(values) * 1.2) if values else None
  return [
    {"title": s["title"], "picture": plots.runs(s["curves"], loss_range)}
    for s in trained
  ]
