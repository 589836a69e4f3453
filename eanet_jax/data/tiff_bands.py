"""A large page of a TIFF, cut into small TIFFs of some rows each.

Takes an open file and the tags of a page, gives the rows from top to bottom as
TIFFs that any decoder reads, whatever the compression: its strips and tiles are
copied as they are. So a picture need not be in memory at its own depth.
"""

import dataclasses
import io
import struct
from collections.abc import Iterator, Mapping
from typing import IO, Any

from eanet_jax.data import jpeg_scans

# Numbers of TIFF tags.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _PLANES, _JPEG_TABLES = 277, 284, 347
_STRIPS, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_FAX_OPTIONS = (292, 293)
# What decides about pixels. By number: order of bits, predictor, colours,
# alpha, kind of numbers, subsampling.
_COPIED = {_BITS, _COMPRESSION, _PHOTOMETRIC, 266, _SAMPLES, _PLANES, 317, 320}
_COPIED |= {*_FAX_OPTIONS, 338, 339, _JPEG_TABLES, 530}

_NONE, _OLD_JPEG, _JPEG = 1, 6, 7  # compressions
_YCBCR = 6  # a photometric kind
_BYTE, _SHORT, _LONG, _UNDEFINED = 1, 3, 4, 7  # types of a tag's values
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "I", _UNDEFINED: "B"}

Tags = Mapping[int, Any]  # number: value, or a tuple of values
_Entries = dict[int, tuple[int, tuple[int, ...]]]  # number: type, values


@dataclasses.dataclass(frozen=True)
class _Layout:
  """Where a page's rows are: groups of segments, each `rows` high."""

  rows: int  # of a strip, or of a row of tiles
  across: int  # segments side by side
  offsets: tuple[int, ...]
  sizes: tuple[int, ...]  # in bytes


def can_cut(tags: Tags) -> bool:
  """Whether `bands` knows the layout of a page with these tags."""
  compression = _first(tags, _COMPRESSION, _NONE)
  subsampled = _first(tags, _PHOTOMETRIC, 1) == _YCBCR and compression == _NONE
  in_planes = _first(tags, _PLANES, 1) != 1 and _first(tags, _SAMPLES, 1) != 1
  there = bool({_STRIPS, _TILES} & tags.keys())
  return there and not (in_planes or subsampled) and compression != _OLD_JPEG


def is_jpeg(tags: Tags) -> bool:
  """Whether the strips or tiles are JPEGs, whose ends `bands` checks."""
  return _first(tags, _COMPRESSION, _NONE) == _JPEG


def bands(
  file: IO[bytes], tags: Tags, order: str, band_px: int
) -> Iterator[tuple[int, bytes]]:
  """Yields (first row, a TIFF of the rows from there) from top to bottom.

  Args:
    file: the TIFF.
    tags: of the page, by number.
    order: "<" or ">", the file's order of bytes.
    band_px: pixels of a band, about; one strip or row of tiles is the least,
      except where nothing is compressed.

  Raises:
    EOFError: strips, tiles or bytes of them are missing.
  """
  height, width = _first(tags, _HEIGHT), _first(tags, _WIDTH)
  layout = _layout(tags, max(1, band_px // width))
  groups = -(-height // layout.rows)
  if min(len(layout.offsets), len(layout.sizes)) < groups * layout.across:
    raise EOFError("strips or tiles of the TIFF are missing")
  tables = bytes(tags.get(_JPEG_TABLES, b""))
  step = max(1, band_px // (width * layout.rows))
  length = file.seek(0, io.SEEK_END)
  for group in range(0, groups, step):
    y = group * layout.rows
    chosen = slice(group * layout.across, (group + step) * layout.across)
    segments = []
    pairs = zip(layout.offsets[chosen], layout.sizes[chosen], strict=True)
    for offset, size in pairs:
      if not 0 < size <= length - offset:
        raise EOFError("strips or tiles of the TIFF are cut short")
      file.seek(offset)
      segment = file.read(size)
      if is_jpeg(tags):
        jpeg_scans.check(tables[:-2] + segment[2 if tables else 0 :])
      segments.append(segment)
    rows = min(step * layout.rows, height - y)
    yield y, _small_tiff(tags, order, rows, layout.rows, segments)


def _layout(tags: Tags, band_rows: int) -> _Layout:
  height, width = _first(tags, _HEIGHT), _first(tags, _WIDTH)
  if _TILES in tags:
    across = -(-width // _first(tags, _TILE_WIDTH))
    offsets, sizes = _all(tags, _TILES), _all(tags, _TILE_BYTES)
    return _Layout(_first(tags, _TILE_HEIGHT), across, offsets, sizes)
  rows = min(_first(tags, _ROWS_PER_STRIP, height) or height, height)
  offsets, sizes = _all(tags, _STRIPS), _all(tags, _STRIP_BYTES)
  if _first(tags, _COMPRESSION, _NONE) != _NONE:
    return _Layout(rows, 1, offsets, sizes)
  # The rows of such strips are of one size, so that they can be cut anywhere.
  # Decoders do not look at the sizes that a file states, nor do we.
  bits = _first(tags, _BITS, 1) * _first(tags, _SAMPLES, 1)
  row_bytes = (width * bits + 7) // 8
  part_rows = min(rows, band_rows)
  while rows % part_rows:  # each strip is cut into equal parts
    part_rows -= 1
  parts = [
    (offset + y * row_bytes, min(part_rows, height - start - y) * row_bytes)
    for start, offset in zip(range(0, height, rows), offsets, strict=False)
    for y in range(0, min(rows, height - start), part_rows)
  ]
  return _Layout(part_rows, 1, *zip(*parts, strict=True))


def _small_tiff(
  tags: Tags, order: str, height: int, rows: int, segments: list[bytes]
) -> bytes:
  """Returns a TIFF of some segments, each `rows` high."""
  sizes = [len(each) for each in segments]
  entries: _Entries = {
    _WIDTH: (_LONG, (_first(tags, _WIDTH),)),
    _HEIGHT: (_LONG, (height,)),
  }
  for tag in _COPIED:
    if tag == _JPEG_TABLES and tag in tags:
      entries[tag] = _UNDEFINED, tuple(bytes(tags[tag]))
    elif tag in tags:
      kind = _LONG if tag in _FAX_OPTIONS else _SHORT
      entries[tag] = kind, _all(tags, tag)
  if _TILES in tags:
    for tag in (_TILE_WIDTH, _TILE_HEIGHT):
      entries[tag] = _LONG, (_first(tags, tag),)
    offsets_tag, sizes_tag = _TILES, _TILE_BYTES
  else:
    entries[_ROWS_PER_STRIP] = _LONG, (rows,)
    offsets_tag, sizes_tag = _STRIPS, _STRIP_BYTES
  entries[sizes_tag] = _LONG, tuple(sizes)
  entries[offsets_tag] = _LONG, (0,) * len(sizes)
  # The header is as long with the offsets as without.
  at = len(_header(order, entries))
  offsets = []
  for size in sizes:
    offsets.append(at)
    at += size
  entries[offsets_tag] = _LONG, tuple(offsets)
  return b"".join([_header(order, entries), *segments])


def _header(order: str, entries: _Entries) -> bytes:
  """Returns a TIFF's header and its one directory."""
  directory = struct.pack(f"{order}H", len(entries))
  beyond = b""  # values that do not fit an entry
  at = 8 + 2 + 12 * len(entries) + 4
  for tag, (kind, values) in sorted(entries.items()):
    packed = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
    directory += struct.pack(f"{order}HHI", tag, kind, len(values))
    if len(packed) > 4:
      directory += struct.pack(f"{order}I", at + len(beyond))
      beyond += packed + b"\0" * (len(packed) % 2)
    else:
      directory += packed.ljust(4, b"\0")
  magic = b"II*\0" if order == "<" else b"MM\0*"
  start = magic + struct.pack(f"{order}I", 8)
  return start + directory + struct.pack(f"{order}I", 0) + beyond


def _first(tags: Tags, tag: int, otherwise: int | None = None) -> int:
  value = tags[tag] if otherwise is None else tags.get(tag, otherwise)
  return int(value[0] if isinstance(value, tuple | list) else value)


def _all(tags: Tags, tag: int) -> tuple[int, ...]:
  value = tags[tag]
  values = value if isinstance(value, tuple | list) else (value,)
  return tuple(int(each) for each in values)
