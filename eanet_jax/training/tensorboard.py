"""A run's figures for TensorBoard, without TensorFlow.

An event file is a TFRecord of `Event` messages, and TensorBoard brings those
along. Its own writers import TensorFlow where it is installed, for seconds and
300 MB; tensorboardX imports PyTorch likewise, and hangs when a disk is full.
"""

import functools
import io
import pathlib
import shutil
import socket
import struct
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
    self._file: typing.BinaryIO | None = None
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

  def hyperparameters(
    self, fields: Mapping[str, object], scores: Mapping[str, float]
  ) -> None:
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
    if self._file is not None:
      self._file.close()

  def _write(
    self, step: int, name: str, tensor: typing.Any, about: typing.Any
  ) -> None:
    """Writes a tensor, with the metadata that say which plugin shows it."""
    from tensorboard.compat.proto import event_pb2

    event = event_pb2.Event(wall_time=time.time(), step=step)
    event.summary.value.add(tag=name, tensor=tensor, metadata=about)
    if self._file is None:
      self._folder.mkdir(parents=True, exist_ok=True)
      called = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
      self._file = (self._folder / called).open("wb")
      first = event_pb2.Event(
        wall_time=event.wall_time, file_version="brain.Event:2"
      )
      self._file.write(_record(first.SerializeToString()))
    self._file.write(_record(event.SerializeToString()))

  def _flush(self) -> None:
    if self._file is not None:
      self._file.flush()


def _record(data: bytes) -> bytes:
  """One record of a TFRecord file: length, data, and the checksum of each."""
  length = struct.pack("<Q", len(data))
  return length + _masked_crc32c(length) + data + _masked_crc32c(data)


def _masked_crc32c(data: bytes) -> bytes:
  """The checksum of TFRecord: CRC-32C, turned and shifted."""
  table, crc = _crc32c_table(), 0xFFFFFFFF
  for byte in data:
    crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
  crc ^= 0xFFFFFFFF
  masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
  return struct.pack("<I", masked)


@functools.cache
def _crc32c_table() -> tuple[int, ...]:
  """CRC-32C of each byte: Castagnoli's polynomial, bits reversed."""
  table = list(range(256))
  for _ in range(8):
    table = [each >> 1 ^ 0x82F63B78 * (each & 1) for each in table]
  return tuple(table)
