"""The samples of a page of a TIFF, some rows at a time.

Takes an open file and its page, whose strips and tiles are decoded one by one:
so a picture need not be in memory at its own depth. Planes are put together.
"""

import dataclasses
import functools
import io
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

from eanet_jax.data import tiff_directories as td
from eanet_jax.data import tiff_samples, tiff_segments
from eanet_jax.data.micrograph_errors import MicrographError

_MAX_TILE_PX = 2**24


@dataclasses.dataclass(frozen=True)
class _Layout:
  """Where the segments of each plane are: strips, or tiles row by row."""

  rows: int  # of a segment
  columns: int
  across: int  # segments side by side
  offsets: Sequence[int]
  sizes: Sequence[int]  # in bytes


def bands(
  file: IO[bytes], page: td.Page, channels: Sequence[int], band_px: int
) -> Iterator[tuple[int, np.ndarray]]:
  """Yields (first row, samples (rows, columns, channels)) from top to bottom.

  Args:
    file: the TIFF.
    page: of it, whose size is not absurd.
    channels: which of the samples of a pixel.
    band_px: pixels of a band, at most, where they are more than a row.

  Raises:
    EOFError: strips, tiles or bytes of them are missing.
    MicrographError: their layout is unknown.
  """
  height, width = page.number(td.HEIGHT), page.number(td.WIDTH)
  stored = tiff_samples.of(page)
  band_rows = max(1, band_px // width)
  layout = _layout(page, stored, band_rows)
  groups = -(-height // layout.rows)
  planes = stored.count if stored.apart else 1
  in_plane = groups * layout.across
  if min(len(layout.offsets), len(layout.sizes)) < in_plane * planes:
    raise EOFError("strips or tiles of the TIFF are missing")
  read = functools.partial(_read, file, file.seek(0, io.SEEK_END), layout)
  decode = tiff_segments.decoders(page, stored, layout.columns)
  step = max(1, band_rows // layout.rows)
  for first in range(0, groups, step):
    top = first * layout.rows
    bottom = min(top + step * layout.rows, height)
    band = None
    for group in range(first, min(first + step, groups)):
      y = group * layout.rows
      rows = layout.rows if td.TILES in page.tags else bottom - y
      for plane in channels if stored.apart else (0,):
        for column in range(layout.across):
          index = plane * in_plane + group * layout.across + column
          part = decode(min(rows, layout.rows), read(index))
          if not stored.apart and len(channels) < stored.count:
            part = part[:, :, list(channels)]
          if part.shape == (bottom - top, width, len(channels)):
            band = part  # it is the only one
            continue
          if band is None:
            shape = bottom - top, width, len(channels)
            band = np.empty(shape, part.dtype)
          x = column * layout.columns
          target = band[y - top : y - top + layout.rows, x : x + layout.columns]
          if stored.apart:
            target = target[:, :, [*channels].index(plane), None]
          target[:] = part[: target.shape[0], : target.shape[1]]
    assert band is not None
    for y in range(0, len(band), band_rows):
      yield top + y, band[y : y + band_rows]


def _layout(
  page: td.Page, stored: tiff_samples.Samples, band_rows: int
) -> _Layout:
  height, width = page.number(td.HEIGHT), page.number(td.WIDTH)
  if td.TILES in page.tags:
    columns, rows = page.number(td.TILE_WIDTH), page.number(td.TILE_HEIGHT)
    if not 0 < columns * rows <= max(_MAX_TILE_PX, 4 * height * width):
      raise MicrographError(f"damaged: tiles of {columns} x {rows} pixels")
    offsets, sizes = page.numbers(td.TILES), page.numbers(td.TILE_BYTES)
    return _Layout(rows, columns, -(-width // columns), offsets, sizes)
  rows = min(page.number(td.ROWS_PER_STRIP, height) or height, height)
  offsets = page.numbers(td.STRIPS)
  if stored.compression != tiff_samples.NONE:
    return _Layout(rows, width, 1, offsets, page.numbers(td.STRIP_BYTES))
  # The rows of such strips are of one size, so that they can be cut anywhere.
  # Decoders do not look at the sizes that a file states, nor do we.
  bits = stored.bits * (1 if stored.apart else stored.count)
  row_bytes = (width * bits + 7) // 8
  part_rows = min(rows, band_rows)
  while rows % part_rows:  # each strip is cut into equal parts
    part_rows -= 1
  starts = range(0, height, rows)
  parts = [
    (offset + y * row_bytes, min(part_rows, height - start - y) * row_bytes)
    for i, offset in enumerate(offsets)
    for start in (starts[i % len(starts)],)
    for y in range(0, min(rows, height - start), part_rows)
  ]
  offsets, sizes = zip(*parts, strict=True) if parts else ((), ())
  return _Layout(part_rows, width, 1, offsets, sizes)


def _read(file: IO[bytes], length: int, layout: _Layout, index: int) -> bytes:
  offset, size = layout.offsets[index], layout.sizes[index]
  if not 0 < size <= length - offset:
    raise EOFError("strips or tiles of the TIFF are cut short")
  file.seek(offset)
  return file.read(size)
