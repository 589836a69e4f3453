"""Prediction CSVs: a row for each micrograph, a column for each class.

WORKDIR/test_predictions.csv holds the true and the predicted class of each test
micrograph, test_predictions_NAME.csv those of a baseline. Tables of new files
name their class columns in the same way.
"""

import dataclasses
import pathlib
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from eanet_jax.runtime import csv_files
from eanet_jax.workdir import checksums_json

# Names that a class column must not have: other columns have them.
_RESERVED = frozenset(
  {
    "file",
    "specimen",
    "true",
    "predicted",
    "label",
    "probability",
    "set",
    "novelty",
    "verdict",
    "reason",
    "nearest",
    "nearest_specimen",
    "nearest_distance",
    "trained_on",
    "um_per_px",
    "um_from",
    "crop_rows",
    "bar_from",
    "remarks",
    "error",
  }
)


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
  """One system's predictions for the test micrographs of one run.

  Attributes:
    files: str (m,).
    specimens: str (m,).
    labels: int (m,), the true classes.
    probabilities: float64 (m, l).
  """

  files: np.ndarray
  specimens: np.ndarray
  labels: np.ndarray
  probabilities: np.ndarray


def class_columns(
  class_names: Sequence[str], others: Collection[str] = ()
) -> list[str]:
  """Returns the columns of the classes: their names, marked if reserved.

  Args:
    class_names: in the order of the network's outputs.
    others: columns that a table has besides those that are always reserved.
  """
  return [
    f"{name} (class)" if name in _RESERVED or name in others else name
    for name in class_names
  ]


def by_column(
  class_names: Sequence[str],
  probabilities: Iterable[float],
  others: Collection[str] = (),
) -> dict[str, float]:
  """Returns the cells of one micrograph's class probabilities."""
  values = [float(p) for p in probabilities]
  return dict(zip(class_columns(class_names, others), values, strict=True))


def file_name(baseline: str = "") -> str:
  """Returns the name of the network's file, or of a baseline's."""
  ending = f"_{baseline}" if baseline else ""
  return f"test_predictions{ending}.csv"


def write_test(
  workdir: pathlib.Path,
  predictions: Predictions,
  class_names: Sequence[str],
  baseline: str = "",
) -> None:
  """Writes the predictions of a run's network, or of a baseline."""
  columns = ["file", "specimen", "true", "predicted"]
  rows = (
    {
      "file": file,
      "specimen": specimen,
      "true": class_names[label],
      "predicted": class_names[int(p.argmax())],
      **by_column(class_names, p),
    }
    for file, specimen, label, p in zip(
      predictions.files.tolist(),
      predictions.specimens.tolist(),
      predictions.labels.tolist(),
      predictions.probabilities,
      strict=True,
    )
  )
  csv_files.write(
    workdir / file_name(baseline),
    [*columns, *class_columns(class_names)],
    rows,
  )


def read_test(
  workdir: pathlib.Path, class_names: Sequence[str], baseline: str = ""
) -> Predictions:
  """Returns what `write_test` wrote.

  Raises:
    UserError: it was changed or is damaged.
    OSError: it cannot be read.
  """
  path = workdir / file_name(baseline)
  checksums_json.check(path)
  columns = class_columns(class_names)
  with csv_files.as_written(path):
    rows = csv_files.read(path, ["file", "specimen", "true", *columns])
    return Predictions(
      files=np.asarray([row["file"] for row in rows]),
      specimens=np.asarray([row["specimen"] for row in rows]),
      labels=np.asarray([class_names.index(row["true"]) for row in rows]),
      probabilities=np.asarray(
        [[float(row[name]) for name in columns] for row in rows]
      ),
    )
