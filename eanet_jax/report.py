"""One self-contained HTML page of a finished run, or of a comparison of runs.

Takes what is in a workdir: results.json, history.csv and examples.npz of a run,
or comparison.json; gives WORKDIR/report.html. These files may be edited or
years old: what is missing from them is missing from the page.
"""

import csv
import json
import math
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from eanet_jax import errors, plots, results, thumbnails

FILE = "report.html"
COMPARISON_FILE = "comparison.json"
_NO_VALUE = "\N{EN DASH}"
_HERE = pathlib.Path(__file__).parent
# What a system's macro F1 is drawn against.
_COSTS = {
  "parameters": "parameters",
  "inference_images_per_s": "images classified per second",
}
_MALFORMED = (
  ArithmeticError,
  AttributeError,
  LookupError,
  TypeError,
  ValueError,  # of JSON and UTF-8 too
  jinja2.TemplateError,
  zipfile.BadZipFile,
)


def write(workdir: pathlib.Path) -> pathlib.Path:
  """Writes WORKDIR/report.html and returns its path.

  Raises:
    UserError: there is nothing to report, it cannot be read, or the page
      cannot be written.
  """
  source, page = workdir / COMPARISON_FILE, _comparison_page
  if not source.exists():
    source, page = workdir / results.FILE, _run_page
  if not source.exists():
    raise errors.UserError(
      f"{workdir} holds no results: if a run was started there it is not"
      " finished, and the same launch.py command resumes it"
    )
  try:
    content = _printable(json.loads(source.read_text(encoding="utf-8")))
    if content.get("objective") == "pairs":
      raise errors.UserError(
        f"{workdir} is of a pre-training: there are no scores to report"
      )
    text = page(workdir, content)
    results.write_text(workdir / FILE, text)
  except OSError as error:
    raise errors.UserError(f"cannot make {workdir / FILE}: {error}") from error
  except _MALFORMED as error:
    raise errors.UserError(
      f"the results in {workdir} cannot be shown, they were changed:"
      f" {type(error).__name__}: {error}".splitlines()[0]
    ) from error
  return workdir / FILE


def _printable(value: Any) -> Any:
  """Returns JSON data with what cannot be printed in its text escaped.

  File names may hold control characters and bytes that are not UTF-8, which
  neither HTML nor SVG can.
  """
  if isinstance(value, dict):
    return {_printable(k): _printable(v) for k, v in value.items()}
  if isinstance(value, list):
    return [_printable(each) for each in value]
  if isinstance(value, str):
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
  return value


def _render(template: str, **values: Any) -> str:
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE),
    autoescape=True,  # names are of users' files and folders
    undefined=jinja2.ChainableUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters |= {
    "score": lambda value: _number(value, ".3f"),
    "signed": lambda value: _number(value, "+.3f"),
    "percent": lambda value: _number(value, ".0%").replace("%", "\N{NBSP}%"),
    "interval": _interval,
    "count": lambda value: _number(value, ",.0f"),
    "rate": lambda value: _number(value, ",.3g", ",.0f"),
    "duration": _duration,
  }
  return environment.get_template(template).render(values)


def _number(value: Any, form: str, form_from_100: str = "") -> str:
  """A number as text; a dash for null and for what is not there."""
  if not isinstance(value, int | float) or not math.isfinite(value):
    return _NO_VALUE
  form = form_from_100 if form_from_100 and abs(value) >= 100 else form
  return format(value, form).replace("-", "\N{MINUS SIGN}")


def _interval(pair: Sequence[float] | None, form: str = ".2f") -> str:
  """Both ends of an interval as text; nothing where there is none."""
  return " to ".join(_number(end, form) for end in pair) if pair else ""


def _duration(seconds: Any) -> str:
  """Seconds as the two largest units: "2 h 5 min"; a dash for null."""
  if not isinstance(seconds, int | float):
    return _NO_VALUE
  minutes, seconds = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
  return " ".join([f"{n} {unit}" for n, unit in parts if n][:2]) or "0 s"


def _run_page(workdir: pathlib.Path, run: Mapping[str, Any]) -> str:
  title = run.get("title") or run.get("name") or "A network"
  systems = [{"title": title, "test": run["test"], "strong": True}]
  systems += [
    {"title": results.BASELINES.get(name, name), "test": levels}
    for name, levels in (run.get("baselines") or {}).items()
    if levels
  ]
  own, *rivals = rows = [_row(system) for system in systems]
  rival = max(rivals, key=lambda row: row["value"], default=None)
  class_names, calibration = run["class_names"], run.get("calibration")
  counts = run["test"]["micrograph"]["confusion_matrix"]
  drawn = {
    "summary": plots.intervals(rows, "macro F1 of the test micrographs"),
    "confusion": plots.confusion(counts, class_names),
    **_training_plots(workdir / "history.csv", run.get("best_epoch")),
  }
  if run.get("per_specimen"):
    drawn["specimens"] = plots.specimens(run["per_specimen"], class_names)
  if calibration:
    drawn["reliability"] = plots.reliability(
      calibration["before"], calibration["after"]
    )
  return _render(
    "report.html.jinja",
    run=run,
    title=title,
    scores=run["test"]["micrograph"],
    systems=systems,
    rival=rival,
    overlap=rival and _overlap(own["interval"], rival["interval"]),
    plots=drawn,
    examples=thumbnails.read(
      workdir / "examples.npz", run.get("examples") or {}
    ),
  )


def _row(system: Mapping[str, Any]) -> dict[str, Any]:
  """The macro F1 of one system of a run, as a row of plots.intervals."""
  scores = system["test"]["micrograph"]
  interval = (scores.get("interval_95") or {}).get("macro_f1")
  return system | {"value": scores["macro_f1"], "interval": interval}


def _overlap(one: Sequence[float] | None, other: Sequence[float] | None):
  """Whether two intervals overlap; None where one is missing."""
  return one and other and one[0] <= other[1] and other[0] <= one[1]


def _training_plots(file: pathlib.Path, best_epoch: int | None):
  """The learning curves; none where no epoch was trained."""
  if not file.exists():
    return {}
  with file.open(encoding="utf-8", newline="") as text:
    rows = list(csv.DictReader(text))
  if not rows:
    return {}

  def column(name):
    return [float(row.get(name) or "nan") for row in rows]

  def drawn(ylabel, **names):
    lines = {label: column(name) for label, name in names.items()}
    return plots.curves(lines, column("epoch"), ylabel, best_epoch)

  return {
    "loss": drawn("loss", training="train_loss", validation="validation_loss"),
    "learning": drawn(
      "score",
      **{
        "training accuracy": "train_accuracy",
        "validation accuracy": "validation_accuracy",
        "validation macro F1": "validation_macro_f1",
      },
    ),
  }


def _comparison_page(
  workdir: pathlib.Path, comparison: Mapping[str, Any]
) -> str:
  by = comparison.get("split_by", "specimen")
  systems = [
    system | {"scores": system[f"{by}_split"]}
    for system in comparison["systems"]
    if _f1(system, f"{by}_split")
  ]
  systems.sort(key=lambda system: -_f1(system)["mean"])
  name = comparison["reference"]
  reference = next((s for s in systems if s["name"] == name), None)
  if reference is None:
    raise errors.UserError(
      f"{workdir} has no report: the reference {name} lacks a run, so that"
      " there is nothing to compare with"
    )
  differences = [
    _difference(system)
    for system in systems
    if system is not reference and system.get("difference")
  ]
  return _render(
    "comparison.html.jinja",
    comparison=comparison,
    by=by,
    title=f"{len(systems)} systems compared",
    reference=reference,
    systems=systems,
    papers=[s for s in comparison["systems"] if s.get("paper")],
    differences=differences,
    plots=_comparison_plots(systems, reference, differences, by),
    curves=_run_curves(systems),
  )


def _f1(system: Mapping[str, Any], scores: str = "scores") -> dict[str, Any]:
  """Mean, interval and folds of macro F1; nothing where it was not run."""
  return (system.get(scores) or {}).get("macro_f1") or {}


def _difference(system: Mapping[str, Any]) -> dict[str, Any]:
  """What a system is ahead or behind by, or "open" where chance may do it."""
  gap = system["difference"]["macro_f1"]
  low, high = gap.get("interval_95") or (-math.inf, math.inf)
  verdict = "ahead" if low > 0 else "behind" if high < 0 else "open"
  return {
    "title": system["title"],
    "kind": system.get("kind"),
    "value": gap["mean"],
    "interval": gap.get("interval_95"),
    "verdict": verdict,
    "strong": verdict != "open",
    "scores": system["difference"],
  }


def _comparison_plots(systems, reference, differences, by) -> dict[str, str]:
  beside = "micrograph_split" if by == "specimen" else ""
  rows = [
    {
      "title": system["title"],
      "value": _f1(system)["mean"],
      "interval": _f1(system).get("interval_95"),
      "points": _f1(system).get("folds"),
      "other": _f1(system, beside).get("mean"),
      "other_interval": _f1(system, beside).get("interval_95"),
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


def _run_curves(systems: Sequence[Mapping[str, Any]]):
  """The learning curves of each system that was trained, on common axes."""
  trained = [system for system in systems if system.get("curves")]
  losses = [
    loss
    for system in trained
    for run in system["curves"]
    for loss in run["train_loss"]
    if loss and loss > 0
  ]
  loss_range = (min(losses) / 1.2, max(losses) * 1.2) if losses else None
  return [
    {"title": s["title"], "picture": plots.runs(s["curves"], loss_range)}
    for s in trained
  ]
