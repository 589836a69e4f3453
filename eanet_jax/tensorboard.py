"""Scalars of a run for TensorBoard, through clu."""

import functools
import pathlib

import jax

from eanet_jax import console


class TensorBoard:
  """Scalars of each epoch through clu; of none where TensorFlow is missing.

  clu's writer imports TensorFlow, so it is made when there is something to
  write, while the device has work.
  """

  def __init__(self, folder: pathlib.Path):
    """Writes to `folder`, which need not exist."""
    self._folder = folder

  @functools.cached_property
  def _writer(self):
    try:
      from clu import metric_writers
    except ImportError as error:
      console.say(f"no TensorBoard files: {error}; history.csv has the same")
      return None
    return metric_writers.create_default_writer(
      str(self._folder),
      just_logging=jax.process_index() > 0,
      asynchronous=True,
    )

  def write(self, step: int, scalars: dict[str, float]) -> None:
    """Writes numbers by name at a step."""
    if self._writer:
      self._writer.write_scalars(step, scalars)
      self._writer.flush()
