"""Prediction CSVs: a row for each micrograph, a column for each class.

WORKDIR/test_predictions.csv holds the true and the predicted class of each test
micrograph, test_predictions_NAME.csv those of a baseline. Tables of new files
name their class columns in the same way.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    "novelty",
    "verdict",
    "structure",
    "crop_rows",
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


def class_columns(class_names: Sequence[str]) -> list[str]:
  """Returns the columns of the classes: their names, marked if reserved."""
  return [f"{n} (class)" if n in _RESERVED else n for n in class_names]


def by_column(
  class_names: Sequence[str], probabilities: Iterable[float]
) -> dict[str, float]:
  """Returns the cells of one micrograph's class probabilities."""
  values = [float(p) for p in probabilities]
  return dict(zip(class_columns(class_names), values, strict=True))


@contextlib.contextmanager
def table_of_files(
  path: pathlib.Path, class_names: Sequence[str], *, structure: bool = False
) -> Iterator[Callable[[Mapping[str, object]], None]]:
  """Yields a function that adds the row of a file to a new table.

  Each row is written at once: whatever stops the program, the rows before are
  kept. A link, a device or a pipe stays what it is.

  Args:
    path: the CSV file.
    class_names: in the order of the network's outputs.
    structure: whether there is a column of what slots of a memory were named.
  """
  classes = class_columns(class_names)
  columns = ["file", "label", "probability", *classes]
  columns += ["novelty", "verdict"] + ["structure"] * structure
  columns += ["crop_rows", "remarks", "error"]
  with path.open(
    "w", newline="", encoding="utf-8", errors="surrogateescape"
  ) as file:
    csv_files.write_row(file, columns)

    def add(row: Mapping[str, object]) -> None:
      csv_files.write_row(file, (row.get(name) for name in columns))
      file.flush()

    yield add


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
