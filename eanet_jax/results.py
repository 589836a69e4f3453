"""Results of a run: WORKDIR/results.json, CSV files and a small table.

Takes scores as `evaluate.scores` gives them, writes and prints. Field names in
results.json are stable: README.md lists them.
"""

import csv
import functools
import io
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from eanet_jax import metrics

FILE = "results.json"
# What every result stands beside, and what people call it.
BASELINES = {
  "majority": "always the commonest class",
  "grey": "grey mean and spread, SVM",
  "texture": "GLCM + LBP texture, SVM",
}
_LEVELS = ("tile", "micrograph", "specimen")
_PACKAGES = (
  "eanet_jax",
  "jax",
  "jaxlib",
  "flax",
  "optax",
  "orbax-checkpoint",
  "numpy",
  "pillow",
)


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a file whole or not at all."""
  beside = path.with_name(f".{path.name}.tmp")
  # File names need not be UTF-8: their bytes are kept as they are.
  beside.write_text(text, encoding="utf-8", errors="surrogateescape")
  beside.replace(path)


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes JSON that any parser reads: no NaN, indented."""
  write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_arrays(path: pathlib.Path, arrays: Mapping[str, Any]) -> None:
  """Writes arrays by name as an .npz file, whole or not at all."""
  beside = path.with_name(f".{path.name}.tmp")
  with beside.open("wb") as file:
    np.savez_compressed(file, **arrays)
  beside.replace(path)


def write_csv(
  path: pathlib.Path, fields: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
  """Writes rows under a header of `fields`."""
  text = io.StringIO()
  writer = csv.DictWriter(text, fields, lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  write_text(path, text.getvalue())


_RESERVED = frozenset(
  {"file", "specimen", "true", "predicted", "label", "probability"}
  | {"crop_rows", "error"}
)


def columns(class_names: Sequence[str]) -> list[str]:
  """Returns CSV columns of the classes: their names, clear of other columns."""
  return [f"{n} (class)" if n in _RESERVED else n for n in class_names]


def by_column(
  class_names: Sequence[str], probabilities: Iterable[float]
) -> dict[str, float]:
  """Returns the row entries of one file's class probabilities."""
  values = [float(p) for p in probabilities]
  return dict(zip(columns(class_names), values, strict=True))


@functools.cache
def versions() -> dict[str, str]:
  """Returns the versions of what a result depends on."""
  found = {}
  for package in _PACKAGES:
    try:
      found[package] = metadata.version(package)
    except metadata.PackageNotFoundError:
      found[package] = "not installed"  # eanet_jax run from a checkout
  return found


def table(test: Mapping[str, Any], class_names: Sequence[str]) -> str:
  """Returns the scores of the test split as lines of text.

  Args:
    test: level -> scores, as `evaluate.scores` gives them.
    class_names: in the order of the confusion matrix.
  """
  levels = [level for level in _LEVELS if level in test]
  lines = [f"{'':19}" + "".join(f"{level:>23}" for level in levels)]
  for name in metrics.HEADLINE:
    line = f"{name.replace('_', ' '):19}"
    for level in levels:
      line += f"{_with_interval(test[level], name):>23}"
    lines.append(line)
  counts = "".join(f"{test[level]['examples']:>23}" for level in levels)
  lines.append(f"{'examples':19}{counts}")
  matrix = test["micrograph"]["confusion_matrix"]
  width = max(6, *(len(name) + 2 for name in class_names))
  lines += ["", "micrographs of (row) called (column)"]
  lines.append(" " * width + "".join(f"{n:>{width}}" for n in class_names))
  for name, row in zip(class_names, matrix, strict=True):
    lines.append(f"{name:<{width}}" + "".join(f"{n:>{width}}" for n in row))
  return "\n".join(lines)


def baseline_table(baselines: Mapping[str, Any]) -> str:
  """Returns what `baselines.logits` reaches on the same micrographs."""
  shown = ("accuracy", "macro_f1", "kappa")
  names = (name.replace("_", " ") for name in shown)
  lines = [f"{'beside it':27}" + "".join(f"{name:>23}" for name in names)]
  for name, label in BASELINES.items():
    scores = baselines[name]["micrograph"]
    lines.append(
      f"{label:27}" + "".join(f"{_with_interval(scores, s):>23}" for s in shown)
    )
  return "\n".join(lines)


def _with_interval(scores: Mapping[str, Any], name: str) -> str:
  text = f"{scores[name]:.3f}"
  if "interval_95" in scores:
    low, high = scores["interval_95"][name]
    text += f" [{low:.3f}, {high:.3f}]"
  return text


def show(result: Mapping[str, Any], workdir: pathlib.Path) -> str:
  """Returns what is printed at the end of a run."""
  if "test" not in result:
    told = "nothing was trained"
    if result["pair_accuracy"] is not None:
      told = (
        f"{result['pair_accuracy']:.3f} of the last epoch's views were paired"
        f" with the other one of their image, of {result['views_in_a_batch']}"
      )
    return (
      f"\npre-trained: {told}\nstart from it with --config.init_from={workdir}"
    )
  split = result["split"]
  intervals = "one specimen of each class: no intervals"
  if "interval_95" in result["test"]["micrograph"]:
    known = "interval_95" in result["test"]["specimen"]
    over = "specimens" if known else "micrographs"
    intervals = f"95 % intervals: bootstrap over {over}"
  lines = [
    "",
    f"test split by {split['by']}: {split['test']} micrographs of"
    f" {len(split['test_specimens'])} specimens, best checkpoint: epoch"
    f" {result['best_epoch']} of {result['epochs']} ({intervals})",
    "",
    table(result["test"], result["class_names"]),
    "",
    baseline_table(result["baselines"]),
    "",
  ]
  lines += [f"note: {warning}" for warning in result["warnings"]]
  lines += ["", f"results: {workdir / FILE}"]
  return "\n".join(lines)


def history(workdir: pathlib.Path) -> dict[str, list[float]]:
  """Returns the columns of history.csv; {} where no epoch was finished."""
  path = workdir / "history.csv"
  if not path.exists():
    return {}
  with path.open(newline="") as file:
    rows = list(csv.DictReader(file))
  # A pre-training has no validation.
  return {
    name: [float(row[name]) for row in rows]
    for name in rows[0]
    if rows[0][name]
  }
