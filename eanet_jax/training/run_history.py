"""The epochs of a run so far, written where people look for them.

Takes a row at the end of each epoch, leaves history.csv in the workdir and the
same figures with the run's writers.
"""

import pathlib
from collections.abc import Iterable

import jax

from eanet_jax.training import metric_writers
from eanet_jax.workdir import history_csv


class History:
  """The epochs done.

  Attributes:
    epochs: a row for each, oldest first.
  """

  def __init__(
    self,
    workdir: pathlib.Path,
    writers: metric_writers.Writers,
    epochs: Iterable[history_csv.Epoch] = (),
  ):
    """Takes the rows of a run that is resumed."""
    self.epochs = list(epochs)
    self._workdir, self._writers = workdir, writers
    if jax.process_index() == 0:
      # Written again: epochs after the checkpoint are trained again.
      history_csv.write(workdir, self.epochs)
      for row in self.epochs:
        writers.scalars(row.step, history_csv.scalars(row))

  def add(self, row: history_csv.Epoch, images_per_s: float) -> None:
    """Adds an epoch and its speed; only process 0 of a job writes files."""
    self.epochs.append(row)
    if jax.process_index() == 0:
      history_csv.write(self._workdir, self.epochs)
      speed = {"speed/images_per_s": images_per_s}
      self._writers.scalars(row.step, history_csv.scalars(row) | speed)

  @property
  def best_step(self) -> int | None:
    """The last step of the best epoch; None if none has a score."""
    best = [row for row in self.epochs if self.is_best(row)]
    return best[-1].step if best else None

  def is_best(self, row: history_csv.Epoch) -> bool:
    """Whether no epoch is better; the latest of equals is the best."""
    score = row.validation_macro_f1
    return score is not None and all(
      score >= (each.validation_macro_f1 or 0.0) for each in self.epochs
    )
