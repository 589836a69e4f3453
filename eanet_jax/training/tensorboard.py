"""Scalars of a run for TensorBoard, without TensorFlow.

clu's metric writers import TensorFlow, which costs five seconds and 300 MB for
a few numbers; TensorBoard's own writer can do without.
"""

import functools
import pathlib
import sys
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from tensorboard import summary


class TensorBoard:
  """Scalars of each epoch."""

  def __init__(self, folder: pathlib.Path):
    """Writes to `folder`, which need not exist."""
    self._folder = folder

  @functools.cached_property
  def _writer(self) -> "summary.Writer":
    # TensorBoard uses its own stand-in for TensorFlow if it finds this.
    marker = "tensorboard.compat.notf"
    sys.modules.setdefault(marker, types.ModuleType(marker))
    from tensorboard import summary

    return summary.Writer(str(self._folder))

  def write(self, step: int, scalars: dict[str, float]) -> None:
    """Writes numbers by name at a step."""
    for name, value in scalars.items():
      self._writer.add_scalar(name, value, step)
    self._writer.flush()
