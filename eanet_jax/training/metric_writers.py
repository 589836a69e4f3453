"""Where a run's figures go besides its own files: one small interface.

Takes numbers, pictures and scores that the host has anyway, gives them to the
writers that `train.writers` names. None of them can stop a run.
"""

import contextlib
import importlib.util
import pathlib
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np

from eanet_jax import errors
from eanet_jax.runtime import console
from eanet_jax.training import mlflow_store, tensorboard


class MetricWriter(typing.Protocol):
  """One place that figures are written to.

  A run that is resumed hands in all that it wrote before once more: a writer
  sees to it that no point is there twice. It may raise whatever it likes.
  """

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """Writes numbers named `group/name`, such as train/loss, at a step."""

  def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
    """Writes pictures, uint8 (y, x, 3), named likewise, at a step."""

  def hyperparameters(self, fields: Mapping[str, object]) -> None:
    """Writes what a finished run was asked for, by `group.field`.

    What it reached was written before, as scalars.
    """

  def close(self) -> None:
    """Lets go of what is open; each call before has written all it had."""


_BY_NAME: dict[str, Callable[[pathlib.Path], MetricWriter]] = {
  "tensorboard": tensorboard.TensorBoard,
  "mlflow": mlflow_store.MLflow,
}


def check(names: Sequence[str]) -> None:
  """Raises UserError if a writer needs a package that is not there."""
  if "mlflow" in names and importlib.util.find_spec("mlflow") is None:
    raise errors.UserError(
      f"--config.train.writers={tuple(names)!r} needs packages that are not"
      " installed: pip install 'eanet_jax[mlflow]'"
    )


@contextlib.contextmanager
def opened(names: Sequence[str], workdir: pathlib.Path) -> Iterator["Writers"]:
  """Yields the writers named, of a job's first process; no others write.

  Args:
    names: as `train.writers` has them.
    workdir: of the run; it exists.
  """
  first = jax.process_index() == 0
  writers = Writers({name: _BY_NAME[name](workdir) for name in names if first})
  try:
    yield writers
  finally:
    writers.close()


class Writers:
  """Several writers as one; a writer that fails is told of, and left out."""

  def __init__(self, writers: Mapping[str, MetricWriter]):
    """Takes them by name."""
    self._writers = dict(writers)

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """See `MetricWriter`."""
    self._each(lambda writer: writer.scalars(step, values))

  def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
    """See `MetricWriter`."""
    self._each(lambda writer: writer.pictures(step, pictures))

  def hyperparameters(self, fields: Mapping[str, object]) -> None:
    """See `MetricWriter`."""
    self._each(lambda writer: writer.hyperparameters(fields))

  def close(self) -> None:
    """See `MetricWriter`; all that was written is where it should be."""
    for writer in self._writers.values():
      with contextlib.suppress(Exception):
        writer.close()

  def __bool__(self) -> bool:
    """Whether anything is still written."""
    return bool(self._writers)

  def _each(self, write: Callable[[MetricWriter], None]) -> None:
    for name, writer in list(self._writers.items()):
      try:
        write(writer)
      # A full disk, a server that is gone: the run is worth more than any.
      except Exception as error:
        del self._writers[name]
        with contextlib.suppress(Exception):
          writer.close()
        reason = " ".join(str(error).split()) or type(error).__name__
        console.say(
          f"warning: nothing more is written to {name}: {reason}; the run goes"
          " on, and its own files have everything"
        )
