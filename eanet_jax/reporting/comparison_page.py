"""What the page of a comparison shows, from its comparison.json."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from eanet_jax import errors
from eanet_jax.reporting import plots
from eanet_jax.workdir import comparison_json

# What a system's macro F1 is drawn against.
_COSTS = {
  "parameters": "parameters",
  "inference_images_per_s": "images classified per second",
}


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
      f"{workdir} has no report: the reference {name} lacks a run, so that"
      " there is nothing to compare with"
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
  """Mean, interval and folds of macro F1; nothing where it was not run."""
  return system[scores]["macro_f1"] if system[scores] else {}


def _difference(system: Mapping[str, Any]) -> dict[str, Any]:
  """What a system is ahead or behind by, or "open" where chance may do it."""
  gap = system["difference"]["macro_f1"]
  low, high = gap["interval_95"] or (-math.inf, math.inf)
  verdict = "ahead" if low > 0 else "behind" if high < 0 else "open"
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
  differences: Sequence[Mapping[str, Any]],
  by: str,
) -> dict[str, str]:
  rows = [
    {
      "title": system["title"],
      "value": _f1(system)["mean"],
      "interval": _f1(system)["interval_95"],
      "points": _f1(system)["folds"],
      **(_beside(system) if by == "specimen" else {}),
      "strong": system is reference,
    }
    for system in systems
  ]
  drawn = {"f1": plots.intervals(rows, "macro F1")}
  if differences:
    drawn["differences"] = plots.intervals(
      differences, f"macro F1 minus that of {reference['title']}", zero=True
    )
  for field, xlabel in _COSTS.items():
    points = [
      {"name": s["name"], "x": s[field], "y": row["value"]}
      | {"strong": row["strong"]}
      for s, row in zip(systems, rows, strict=True)
      if s.get(field)
    ]
    if len(points) > 1:
      drawn[field] = plots.scatter(points, xlabel, f"macro F1, split by {by}")
  return drawn


def _beside(system: Mapping[str, Any]) -> dict[str, Any]:
  """The same system's macro F1 of a split by micrograph."""
  other = _f1(system, "micrograph_split")
  return {
    "other": other.get("mean"),
    "other_interval": other.get("interval_95"),
  }


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
