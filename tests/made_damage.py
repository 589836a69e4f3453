"""Files that ask for more than they are worth, and files that are short."""

import io
import re
import struct

import numpy as np
from PIL import Image


def jpeg_bytes(image: np.ndarray, **keywords) -> bytes:
  file = io.BytesIO()
  Image.fromarray(image).save(file, "JPEG", **keywords)
  return file.getvalue()


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
  """The marker and the bytes of each segment, scans with their data."""
  at, found = 2, []
  while jpeg[at + 1] != 0xD9:
    end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    if jpeg[at + 1] == 0xDA:
      end = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]").search(jpeg, end).start()
    found.append((jpeg[at + 1], jpeg[at:end]))
    at = end
  return found


def of_segments(parts: list[tuple[int, bytes]]) -> bytes:
  """The JPEG of these segments."""
  return b"\xff\xd8" + b"".join(each for _, each in parts) + b"\xff\xd9"


def many_scans(side: int, count: int) -> bytes:
  """An even progressive JPEG whose last scan is there so many times."""
  even = np.full((side, side), 100, np.uint8)
  parts = segments(jpeg_bytes(even, progressive=True))
  return of_segments(parts + parts[-1:] * count)


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
  """The JPEG with another size in its header."""
  return of_segments(
    [
      (code, part[:5] + struct.pack(">HH", height, width) + part[9:])
      if code in (0xC0, 0xC2)
      else (code, part)
      for code, part in segments(jpeg)
    ]
  )


def many_strips(count: int) -> bytes:
  """A TIFF of 64 columns whose strips are a row each, all of them the same."""
  width = 64
  entries = {
    256: width,
    257: count,
    258: 8,
    259: 1,
    262: 1,
    277: 1,
    278: 1,
  }
  offsets = 8 + 2 + 12 * 9 + 4
  row = offsets + 8 * count
  directory = [(tag, 1, value) for tag, value in entries.items()]
  directory += [(273, count, offsets), (279, count, offsets + 4 * count)]
  packed = b"".join(
    struct.pack("<HHII", tag, 4, number, value)
    for tag, number, value in sorted(directory)
  )
  return b"".join(
    [
      b"II*\0\x08\0\0\0\x09\0",
      packed,
      b"\0\0\0\0",
      np.full(count, row, "<u4").tobytes(),
      np.full(count, width, "<u4").tobytes(),
      bytes(range(width)),
    ]
  )


def adam7(image) -> list:
  """The rows of an image in the order of an interlaced PNG."""
  starts = [(0, 0), (0, 4), (4, 0), (0, 2), (2, 0), (0, 1), (1, 0)]
  steps = [(8, 8), (8, 8), (8, 4), (4, 4), (4, 2), (2, 2), (2, 1)]
  return [
    row
    for (y, x), (down, across) in zip(starts, steps, strict=True)
    for row in image[y::down, x::across]
  ]
