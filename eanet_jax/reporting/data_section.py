"""What a report says of the data set, from what results.json holds of it."""

import collections
import re
from collections.abc import Sequence
from typing import Any

import matplotlib.figure

from eanet_jax.reporting import figures
from eanet_jax.workdir import dataset_facts, results_json

_CLASSES_SHOWN = 20
_SIZES_SHOWN = 5
_COPIES_SHOWN = 20
_REASONS_SHOWN = 20
_LEAST_SPAN = 30  # grey levels on an axis


def contents(run: results_json.RunResults) -> dict[str, Any]:
  """Returns what the data section shows; {} of results without these facts."""
  facts = run.dataset.get("facts")
  if facts is None:
    return {}
  classes = sorted(facts["classes"], key=lambda each: each["micrographs"])
  few = len(classes) <= _CLASSES_SHOWN
  scales = [um for each in facts["classes"] for um in each["um_per_px"]]
  return {
    "facts": facts,
    "micrographs": sum(each["micrographs"] for each in facts["classes"]),
    "classes": facts["classes"] if few else classes[:_CLASSES_SHOWN],
    "with_scale": sum(each["with_scale"] for each in facts["classes"]),
    "um_per_px": (min(scales), max(scales)) if scales else None,
    "sizes_px": facts["sizes_px"][:_SIZES_SHOWN],
    "copies": facts["copies"][:_COPIES_SHOWN],
    "levels": levels(facts["points"], run.class_names)
    if len(facts["points"]) > 1
    else "",
  }


def reasons(skipped: Sequence[Sequence[str]]) -> list[tuple[str, int, str]]:
  """Returns (reason, how many files, one of them), the commonest first.

  Args:
    skipped: (file, reason); reasons that differ only in numbers are alike.
  """
  found: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
  for file, reason in skipped:
    found[re.sub(r"\d[\d.,]*", "#", reason)].append((file, reason))
  ordered = sorted(found.values(), key=len, reverse=True)[:_REASONS_SHOWN]
  return [(each[0][1], len(each), each[0][0]) for each in ordered]


@figures.as_uri
def levels(
  points: Sequence[dataset_facts.Point], class_names: Sequence[str]
) -> matplotlib.figure.Figure:
  """Returns a plot of contrast against brightness, a point per specimen.

  Each class has a colour and a sign of its own; of more classes than there are
  colours, all points are alike.
  """
  figure, axes = figures.figure(500, 340)
  coloured = len(class_names) <= len(figures.CYCLE)
  signs = ("o", "s", "^", "D", "v", "P")
  for i, name in enumerate(class_names if coloured else [""]):
    own = [p for p in points if not coloured or p["class"] == name]
    axes.plot(
      [p["brightness"] for p in own],
      [p["contrast"] for p in own],
      signs[i],
      c=figures.CYCLE[i],
      ms=6 if len(points) < 100 else 4,
      alpha=0.75,
      mew=0,
      label=figures.short(name, 16),
    )
  if coloured:
    figure.legend(loc="outside upper left", ncols=3)
  axes.set(
    xlabel="brightness: mean grey level",
    ylabel="contrast: spread of grey levels",
  )
  axes.margins(0.08)
  # Differences that no network could see are not to look large.
  for low, high, limit in (
    (*axes.get_xlim(), axes.set_xlim),
    (*axes.get_ylim(), axes.set_ylim),
  ):
    middle, half = (low + high) / 2, max(high - low, _LEAST_SPAN) / 2
    limit(middle - half, middle + half)
  axes.grid()
  return figure
