"""How deep the samples of a PNG are; Pillow gives 8 bits of deep colours."""

import struct
from typing import IO

import numpy as np

_MAGIC = b"\x89PNG\r\n\x1a\n"
_DEPTH, _COLOUR_TYPE = 24, 25  # where they are
_GREY = 0
_MAX_CHUNKS = 100  # before the pixels


def colour_is_deep(file: IO[bytes]) -> bool:
  """Whether it has 16 bits of more than grey."""
  file.seek(0)
  start = file.read(_COLOUR_TYPE + 1)
  return start[_DEPTH] == 16 and start[_COLOUR_TYPE] != _GREY


def stated(file: IO[bytes]) -> int | None:
  """Returns the greatest level that the chunk sBIT leaves possible."""
  file.seek(0)
  if file.read(len(_MAGIC)) != _MAGIC:
    return None
  for _ in range(_MAX_CHUNKS):
    head = file.read(8)
    if len(head) < 8 or head[4:] == b"IDAT":
      return None
    (size,) = struct.unpack(">I", head[:4])
    if head[4:] == b"sBIT":
      bits = max(file.read(min(size, 4)), default=0)
      return (1 << bits) - 1 if bits else None
    file.seek(size + 4, 1)
  return None


def deep_samples(file: IO[bytes]) -> np.ndarray:
  """Returns uint16 (rows, columns, channels); errors are the decoder's."""
  import imagecodecs  # late, as it is for few files

  file.seek(0)
  samples = imagecodecs.png_decode(file.read())
  return samples.reshape(*samples.shape[:2], -1)
