"""A run's figures for TensorBoard, without TensorFlow.

An event file is a TFRecord of `Event` messages, and TensorBoard brings both
along. Its writers of whole files import TensorFlow where it is installed, for
seconds and 300 MB; tensorboardX imports PyTorch likewise, and hangs when a disk
is full.
"""

import io
import pathlib
import shutil
import socket
import time
import typing
from collections.abc import Mapping

import numpy as np

FOLDER = "tensorboard"


class TensorBoard:
  """One event file; TensorBoard is imported with the first figure."""

  def __init__(self, workdir: pathlib.Path):
    """Writes to WORKDIR/tensorboard, from which it removes what was there."""
    self._folder = workdir / FOLDER
    self._records: typing.Any = None  # TensorBoard's writer of them
    shutil.rmtree(self._folder, ignore_errors=True)

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """See `metric_writers.MetricWriter`."""
    from tensorboard.compat.proto import tensor_pb2, types_pb2
    from tensorboard.plugins.scalar import metadata

    for name, value in values.items():
      tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_FLOAT, float_val=[value]
      )
      about = metadata.create_summary_metadata(None, None)
      self._write(step, name, tensor, about)
    self._flush()

  def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
    """See `metric_writers.MetricWriter`."""
    from PIL import Image
    from tensorboard.compat.proto import tensor_pb2, types_pb2
    from tensorboard.plugins.image import metadata

    for name, picture in pictures.items():
      y, x, _ = picture.shape
      png = io.BytesIO()
      Image.fromarray(picture).save(png, "PNG")
      tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        string_val=[str(x).encode(), str(y).encode(), png.getvalue()],
      )
      tensor.tensor_shape.dim.add(size=3)
      about = metadata.create_summary_metadata(None, None)
      self._write(step, name, tensor, about)
    self._flush()

  def hyperparameters(self, fields: Mapping[str, object]) -> None:
    """See `metric_writers.MetricWriter`; HParams finds the scores itself."""
    from tensorboard.compat.proto import summary_pb2, tensor_pb2, types_pb2
    from tensorboard.plugins.hparams import plugin_data_pb2

    started = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
    for name, value in fields.items():
      field = started.hparams[name]
      if isinstance(value, bool):
        field.bool_value = value
      elif isinstance(value, int | float):
        field.number_value = value
      else:
        field.string_value = str(value)
    content = plugin_data_pb2.HParamsPluginData(session_start_info=started)
    about = summary_pb2.SummaryMetadata()
    about.plugin_data.plugin_name = "hparams"
    about.plugin_data.content = content.SerializeToString()
    nothing = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT)
    nothing.tensor_shape.dim.add(size=0)
    self._write(0, "_hparams_/session_start_info", nothing, about)
    self._flush()

  def close(self) -> None:
    """See `metric_writers.MetricWriter`."""
    if self._records is not None:
      self._records.close()

  def _write(
    self, step: int, name: str, tensor: typing.Any, about: typing.Any
  ) -> None:
    """Writes a tensor, with the metadata that say which plugin shows it."""
    from tensorboard.compat.proto import event_pb2
    from tensorboard.summary.writer import record_writer

    event = event_pb2.Event(wall_time=time.time(), step=step)
    event.summary.value.add(tag=name, tensor=tensor, metadata=about)
    if self._records is None:
      self._folder.mkdir(parents=True, exist_ok=True)
      called = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
      self._records = record_writer.RecordWriter(
        (self._folder / called).open("wb")
      )
      first = event_pb2.Event(
        wall_time=event.wall_time, file_version="brain.Event:2"
      )
      self._records.write(first.SerializeToString())
    self._records.write(event.SerializeToString())

  def _flush(self) -> None:
    if self._records is not None:
      self._records.flush()
