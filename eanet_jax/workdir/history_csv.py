"""history.csv: a row of losses and scores for each epoch of a run."""

import dataclasses
import pathlib
from collections.abc import Sequence

from eanet_jax.runtime import csv_files
from eanet_jax.workdir import checksums_json

FILE = "history.csv"


@dataclasses.dataclass(frozen=True)
class Epoch:
  """One epoch: its number from 1, and the training steps done at its end.

  Losses and scores are means over the epoch's training examples, or those of
  the validation split at its end; None if a run has no validation split.
  """

  epoch: int
  step: int
  learning_rate: float
  train_loss: float
  train_accuracy: float
  gradient_norm: float
  validation_loss: float | None = None
  validation_accuracy: float | None = None
  validation_macro_f1: float | None = None


COLUMNS = tuple(field.name for field in dataclasses.fields(Epoch))


def write(workdir: pathlib.Path, epochs: Sequence[Epoch]) -> None:
  """Writes WORKDIR/history.csv."""
  rows = (dataclasses.asdict(epoch) for epoch in epochs)
  csv_files.write(workdir / FILE, COLUMNS, rows)


def read(workdir: pathlib.Path) -> list[Epoch]:
  """Returns the finished epochs of a workdir; [] if there is no file.

  Raises:
    UserError: it was changed or is damaged.
  """
  path = workdir / FILE
  checksums_json.check(path)
  if not path.exists():
    return []
  with csv_files.as_written(path):
    return [
      Epoch(
        epoch=int(row["epoch"]),
        step=int(row["step"]),
        # Only the columns of validation are ever empty.
        **{  # type: ignore[arg-type]
          name: float(row[name]) if row[name] else None for name in COLUMNS[2:]
        },
      )
      for row in csv_files.read(path, COLUMNS)
    ]


def columns(epochs: Sequence[Epoch]) -> dict[str, list[float]]:
  """Returns the values of every complete column, by name."""
  found = {name: [getattr(epoch, name) for epoch in epochs] for name in COLUMNS}
  return {k: values for k, values in found.items() if None not in values}


def scalars(epoch: Epoch) -> dict[str, float]:
  """Returns an epoch's figures by group: train/loss, validation/loss, ..."""
  found = {}
  for name in COLUMNS[2:]:
    value = getattr(epoch, name)
    if value is not None:
      split, _, what = name.partition("_")
      grouped = split in ("train", "validation")
      found[f"{split}/{what}" if grouped else f"train/{name}"] = value
  return found
