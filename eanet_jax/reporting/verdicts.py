"""The first lines of a report: how many are right, and what to make of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from eanet_jax.evaluation import metrics
from eanet_jax.runtime import wording
from eanet_jax.workdir import results_json

# So many of a class, all told right, show that 69 % of new ones will be.
_ENOUGH_SPECIMENS = 8
_NAMED = 3  # classes in a line


def specimens_known(run: results_json.RunResults) -> bool:
  """Returns whether specimens may be spoken of.

  Results from before they said so were of specimens where the split was by
  them, or where some class of the test has two.
  """
  facts = run.dataset.get("facts")
  if facts is not None:
    return facts["specimens_known"]
  classes = {each["class"] for each in run.per_specimen}
  by_specimen = run.split["by"] in ("specimen", "user")
  return by_specimen or len(run.per_specimen) > len(classes)


def headline(run: results_json.RunResults) -> dict[str, Any]:
  """Returns how many test micrographs are right, and what that may mean.

  "right" of "total"; "interval" of the accuracy, None if there is none; "least"
  where none is wrong and specimens are known: the share of new specimens that
  will at least be right; "weakest", the class with the lowest recall, None if
  all are alike.
  """
  scores = run.test["micrograph"]
  right = sum(row.get(true, 0) for true, row in scores["confusion"].items())
  total = scores["examples"]
  interval = scores.get("interval_95", {}).get("accuracy")
  tested = len(run.per_specimen)
  found: dict[str, Any] = {
    "right": right,
    "total": total,
    "specimens": tested,
    "interval": None if right in (0, total) else interval,
    "least": metrics.least_if_all_right(tested)
    if right == total and specimens_known(run)
    else None,
    "weakest": None,
  }
  tested_on = {
    name: each for name, each in scores["per_class"].items() if each["support"]
  }
  recalls = [each["recall"] for each in tested_on.values()]
  if recalls and min(recalls) < max(recalls):
    name = min(tested_on, key=lambda name: tested_on[name]["recall"])
    support = tested_on[name]["support"]
    found["weakest"] = {
      "name": name,
      "right": round(tested_on[name]["recall"] * support),
      "support": support,
      "called": _most_called(scores["confusion"][name], name),
    }
  return found


def _most_called(row: Mapping[str, int], name: str) -> str:
  """What else a class is most often called; "" if nothing."""
  others = {called: n for called, n in row.items() if called != name and n}
  return max(others, key=lambda called: others[called]) if others else ""


def next_steps(
  run: results_json.RunResults, baseline_is_ahead: bool
) -> list[str]:
  """Returns what to do next, the most needed first."""
  steps = []
  if run.epochs == 0 and run.objective == "classes":
    steps.append("Train: these figures are of a network that was not trained.")
  elif baseline_is_ahead:
    steps.append(
      "Do not rely on the network yet: a simple method does better on the same"
      " micrographs. More specimens of each class help most."
    )
  if not specimens_known(run):
    steps.append(
      "Sort the micrographs of each class into a folder for each specimen"
      " (class/specimen/image), two specimens of each class at least: only then"
      " can be tested whether a new specimen is told right."
    )
  else:
    steps += _more_specimens(run)
  total = run.test["micrograph"]["examples"]
  wrong = round((1 - run.test["micrograph"]["accuracy"]) * total)
  if wrong and run.examples["mistakes"]:
    steps.append(
      "Look at the most confident mistakes below: a wrong label or an unusual"
      " picture shows there first."
    )
  if run.skipped:
    count = wording.count(len(run.skipped), "file")
    steps.append(
      f"See why {count} could not be used: mended, they are more to learn from."
    )
  return steps


def _more_specimens(run: results_json.RunResults) -> list[str]:
  """What specimens are lacking, by class."""
  facts = run.dataset.get("facts")
  tested: dict[str, int] = {}
  for each in run.per_specimen:
    tested[each["class"]] = tested.get(each["class"], 0) + 1
  there = (
    {each["class"]: each["specimens"] for each in facts["classes"]}
    if facts
    else tested
  )
  steps = []
  alone = [name for name, n in there.items() if n and not tested.get(name)]
  if alone:
    steps.append(
      f"{_classes(alone)}: not tested for want of a second specimen. Add one."
    )
  of_number: dict[int, list[str]] = {}
  for name, n in sorted(there.items(), key=lambda item: item[1]):
    if n < _ENOUGH_SPECIMENS and tested.get(name):
      of_number.setdefault(n, []).append(name)
  if of_number:
    few = min(of_number)
    steps.append(_lacking(of_number[few], few))
  untested = sum(there.values()) - sum(tested.values())
  if untested > len(alone) and "networks" not in run.split:
    steps.append(
      f"{wording.count(untested, 'specimen')} were not tested. A"
      " cross-validation tests every one: eanet train does so by itself, other"
      " recipes with split.cross_validate=True."
    )
  return steps


def _lacking(names: Sequence[str], few: int) -> str:
  """A line about the classes with the fewest specimens."""
  one = len(names) == 1
  has = f"{_classes(names)} {'has' if one else 'have'}"
  each = "" if one else " each"
  shown, more = (
    f"{100 * metrics.least_if_all_right(number):.0f}\N{NO-BREAK SPACE}%"
    for number in (few, _ENOUGH_SPECIMENS)
  )
  lacking = _ENOUGH_SPECIMENS - few
  return (
    f"{has} {wording.count(few, 'specimen')}{each}. If all are told right,"
    f" that shows no more than that {shown} of new ones will be; with {lacking}"
    f" more it would show {more}."
  )


def _classes(names: Sequence[str]) -> str:
  """Names in a row: "Class a", "Classes a, b and 7 more"."""
  kind = "Class" if len(names) == 1 else "Classes"
  return f"{kind} {wording.listed(names, _NAMED)}"
