"""What the page of a finished run shows, from the files in its workdir."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from eanet_jax.reporting import (
  answering,
  confusions,
  data_section,
  map_words,
  pictures,
  plots,
  verdicts,
)
from eanet_jax.workdir import choice_json, history_csv, results_json

# Of more classes or specimens than that, the page shows those that do worst.
_CLASSES_SHOWN = 20
_SPECIMENS_SHOWN = 40

_Row = TypeVar("_Row", bound=Mapping[str, Any])


class System(plots.IntervalRow):
  """The run's network or a baseline, with its accuracy by micrograph."""

  test: results_json.Levels


def contents(
  workdir: pathlib.Path, run: results_json.RunResults
) -> dict[str, Any]:
  """Returns what report.html.jinja shows of a finished run."""
  own = _system(run.title, run.test, strong=True)
  rivals = [
    _system(title, run.baselines[name])
    for name, title in results_json.baseline_titles(
      len(run.class_names)
    ).items()
  ]
  systems = [own, *rivals]
  rival = max(rivals, key=lambda system: system["value"])
  ahead = _ahead(own["value"], rival["value"])
  known = verdicts.specimens_known(run)
  scores = run.test["micrograph"]
  confused = confusions.pairs(scores["confusion"])
  classes = [{"name": name, **own} for name, own in scores["per_class"].items()]
  specimens = _worst(run.per_specimen, "accuracy", _SPECIMENS_SHOWN)
  drawn = {
    "summary": plots.intervals(
      systems, "share of right answers (accuracy), test micrographs"
    ),
    "confusion": (
      plots.confusion(scores["confusion"], run.class_names)
      if len(classes) <= _CLASSES_SHOWN
      else plots.confused_pairs(confused[:_CLASSES_SHOWN])
      if confused
      else ""
    ),
    "specimens": plots.specimens(specimens, run.class_names) if known else "",
    "reliability": plots.reliability(
      run.calibration["before"], run.calibration["after"]
    ),
    **_training_plots(workdir, run.best_epoch),
  }
  maps = (run.examples["attention"] or {"maps": []})["maps"]
  return {
    "run": run,
    "known": known,
    "over": "specimens"
    if known and "interval_95" in run.test["specimen"]
    else "micrographs",
    "headline": verdicts.headline(run),
    "next_steps": verdicts.next_steps(run, ahead == "rival"),
    "ahead": ahead,
    "by_f1": _ahead_by_f1(own, rivals, ahead),
    "answering": answering.contents(workdir, run),
    "data": data_section.contents(run),
    "left_out": data_section.reasons(run.skipped),
    "map_key": map_words.key(maps),
    "same_loss": "facts" in run.dataset,
    "choice": choice_json.read(workdir),
    "title": run.title,
    "scores": scores,
    "classes": _worst(classes, "f1", _CLASSES_SHOWN),
    "confused": confused,
    "specimens": specimens,
    "systems": systems,
    "rival": rival,
    "overlap": _overlap(own["interval"], rival["interval"]),
    "plots": drawn,
    "examples": pictures.read(workdir, run.examples),
  }


def _system(
  title: str, test: results_json.Levels, strong: bool = False
) -> System:
  scores = test["micrograph"]
  return {
    "title": title,
    "test": test,
    "value": scores["accuracy"],
    "interval": scores.get("interval_95", {}).get("accuracy"),
    "strong": strong,
  }


def _ahead(own: float, rival: float) -> Literal["own", "rival", "equal"]:
  """Whose share of right answers is larger."""
  if own == rival:
    return "equal"
  return "own" if own > rival else "rival"


def _ahead_by_f1(
  own: System, rivals: Sequence[System], ahead: str
) -> System | None:
  """The best by macro F1, where that is another order; None if it is not."""
  by_f1 = lambda system: system["test"]["micrograph"]["macro_f1"]
  best = max(rivals, key=by_f1)
  if _ahead(by_f1(own), by_f1(best)) == ahead:
    return None
  return own if by_f1(own) >= by_f1(best) else best


def _worst(rows: Sequence[_Row], score: str, number: int) -> Sequence[_Row]:
  """The rows; of more than `number` those of the lowest score, lowest first."""
  if len(rows) <= number:
    return rows
  return sorted(rows, key=lambda row: row[score])[:number]


def _overlap(
  one: Sequence[float] | None, other: Sequence[float] | None
) -> bool | None:
  """Whether two intervals overlap; None if one is missing."""
  if not one or not other:
    return None
  return one[0] <= other[1] and other[0] <= one[1]


def _training_plots(workdir: pathlib.Path, best_epoch: int) -> dict[str, str]:
  """The learning curves; {} if no epoch was trained."""
  epochs = history_csv.read(workdir)
  if not epochs:
    return {}

  def drawn(ylabel: str, **names: str) -> str:
    lines = {
      label: [getattr(epoch, name) for epoch in epochs]
      for label, name in names.items()
    }
    numbers = [epoch.epoch for epoch in epochs]
    return plots.curves(lines, numbers, ylabel, best_epoch)

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
