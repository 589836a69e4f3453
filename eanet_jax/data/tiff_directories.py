"""The pages of a TIFF, and what their tags say.

Takes an open file: classic or BigTIFF, of either order of bytes. Gives the page
to read with the values of its tags; those that decide about pixels are sound.
Libraries pass over a tag that they cannot read, which then counts as its
default: a damaged BitsPerSample makes a picture of single bits, without a word.
"""

import dataclasses
import io
import struct
from collections.abc import Iterator
from typing import IO, Any

from eanet_jax.data.micrograph_errors import MicrographError
from eanet_jax.runtime import wording

# Numbers of tags.
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = (
  254,
  *range(256, 260),
  262,
)
FILL_ORDER, STRIPS, ORIENTATION, SAMPLES = 266, 273, 274, 277
ROWS_PER_STRIP, STRIP_BYTES, MAX_SAMPLE, PLANES = 278, 279, 281, 284
T4_OPTIONS, T6_OPTIONS, PREDICTOR, COLOURS = 292, 293, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, SUB_PAGES = *range(322, 326), 330
INKS, EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES = 332, 338, 339, 347
LUMA, SUBSAMPLING, BLACK_WHITE = 529, 530, 532
# A value of theirs that cannot be read must not count as the default.
_OF_PIXELS = frozenset(
  {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIPS, SAMPLES}
  | {ORIENTATION, ROWS_PER_STRIP, STRIP_BYTES, PLANES, T4_OPTIONS, T6_OPTIONS}
  | {PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, INKS}
  | {EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, LUMA, SUBSAMPLING, BLACK_WHITE}
)

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_PAGES = 1000
_MAX_ENTRIES = 4096
_A_MASK = 4  # a bit of SUBFILE
# Types of values, as `struct` calls them; rationals are pairs.
_BYTE, _ASCII, _RATIONAL, _UNDEFINED, _SRATIONAL = 1, 2, 5, 7, 10
_TYPES = {_BYTE: "B", _ASCII: "B", 3: "H", 4: "I", _RATIONAL: "II", 6: "b"}
_TYPES |= {_UNDEFINED: "B", 8: "h", 9: "i", _SRATIONAL: "ii", 11: "f", 12: "d"}
_TYPES |= {13: "I", 16: "Q", 17: "q", 18: "Q"}

_Entries = dict[int, tuple[int, int, bytes]]  # tag: type, count, value or where


@dataclasses.dataclass(frozen=True)
class Page:
  """The tags of one page: text, bytes or a tuple of numbers."""

  order: str  # of bytes: "<" or ">"
  tags: dict[int, Any]

  def numbers(self, tag: int) -> tuple:
    """Returns all values of a tag, () where there is none."""
    value = self.tags.get(tag, ())
    if isinstance(value, str):
      raise MicrographError(f"damaged: tag {tag} of the TIFF is text")
    return tuple(value)

  def number(self, tag: int, otherwise: int | None = None) -> int:
    """Returns the first value of a tag.

    Raises:
      MicrographError: there is none, and nothing is given for that.
    """
    values = self.numbers(tag)
    if not values and otherwise is None:
      raise MicrographError(f"damaged: tag {tag} of the TIFF is missing")
    return int(values[0]) if values else int(otherwise or 0)


def largest(file: IO[bytes]) -> tuple[Page, tuple[str, ...]]:
  """Returns the first of the largest pages, and remarks on the others.

  The pages below others (SubIFDs) count too, in the order of the file; masks
  do not, as they are no pictures.

  Raises:
    EOFError: the file ends before its first page does.
    MicrographError: it has no page.
  """
  reader = _Reader(file)
  sizes: list[tuple[int, int]] = []
  best: _Entries = {}
  remarks: tuple[str, ...] = ()
  try:
    for entries in reader.directories():
      width, height = (
        reader.page({tag: entries[tag]}).number(tag) if tag in entries else 0
        for tag in (WIDTH, HEIGHT)
      )
      if not best or width * height > max(w * h for w, h in sizes):
        best = entries
      sizes.append((width, height))
  except (EOFError, MicrographError):
    if not best:
      raise
    pages = wording.count(len(sizes), "page")
    remarks = (f"{pages} found: what should follow is damaged",)
  if not best:
    raise MicrographError("damaged: a TIFF without a page")
  page = reader.page(best)
  same = sizes.count((page.number(WIDTH), page.number(HEIGHT)))
  if same > 1:
    many = f"{same} or more" if len(sizes) == _MAX_PAGES else same
    remarks += (f"{many} pages of this size: the first is used",)
  return page, remarks


class _Reader:
  """Reads directories and values."""

  def __init__(self, file: IO[bytes]):
    self._file = file
    self._length = file.seek(0, io.SEEK_END)
    file.seek(0)
    magic = file.read(4)
    self._order = "<" if magic[:2] == b"II" else ">"
    self._big = 43 in magic
    self._offset = "Q" if self._big else "I"
    self._start = 8 if self._big else 4  # bytes of an offset, and of the magic

  def directories(self) -> Iterator[_Entries]:
    """Yields those of all pages: each, those below it, the next."""
    found = 0
    seen = {0}
    # Where offsets are read: the next page's comes after those below it.
    waiting = list(
      self._unpack(self._offset, self._read(self._start, self._start))
    )
    while waiting and found < _MAX_PAGES:
      at = waiting.pop(0)
      if at in seen:  # 0 is the end; others would go round for ever
        continue
      seen.add(at)
      entries, after = self._directory(at)
      below: tuple = ()
      if SUB_PAGES in entries:
        below = self.page({SUB_PAGES: entries[SUB_PAGES]}).numbers(SUB_PAGES)
      waiting = [*below, after, *waiting]
      subfile = {k: v for k, v in entries.items() if k == SUBFILE}
      if not self.page(subfile).number(SUBFILE, 0) & _A_MASK:
        found += 1
        yield entries

  def page(self, entries: _Entries) -> Page:
    """Returns the page of these entries, with their values.

    Raises:
      EOFError: one that decides about pixels lies beyond the file.
    """
    tags: dict[int, Any] = {}
    left = self._length  # values do not share bytes
    for tag, (kind, count, field) in entries.items():
      try:
        size = struct.calcsize("=" + _TYPES[kind]) * count
        if size > len(field):
          left -= size
          (at,) = self._unpack(self._offset, field)
          if left < 0:
            raise EOFError
          field = self._read(size, at)
        tags[tag] = self._value(kind, count, field[:size])
      except (EOFError, LookupError) as error:
        # Others are as good as none: the pixels may still be sound.
        if tag in _OF_PIXELS:
          if isinstance(error, LookupError):
            raise MicrographError(
              f"damaged: tag {tag} of the TIFF is of an unknown type"
            ) from error
          raise EOFError(f"tag {tag} of the TIFF lies beyond it") from error
    return Page(self._order, tags)

  def _directory(self, at: int) -> tuple[_Entries, int]:
    """Returns the entries of the directory there, and where the next is."""
    count_type, entry_type = ("Q", "HHQ8s") if self._big else ("H", "HHI4s")
    (count,) = self._unpack(
      count_type, self._read(struct.calcsize("=" + count_type), at)
    )
    if count > _MAX_ENTRIES:
      raise MicrographError("damaged: a directory of the TIFF is too long")
    size = struct.calcsize("=" + entry_type)
    content = self._read(size * count)
    entries: _Entries = {}
    for start in range(0, len(content), size):
      tag, *entry = self._unpack(entry_type, content[start : start + size])
      entries.setdefault(tag, tuple(entry))
    end = self._file.read(struct.calcsize("=" + self._offset))
    # Some writers leave out that there is no other page.
    complete = len(end) == struct.calcsize("=" + self._offset)
    return entries, self._unpack(self._offset, end)[0] if complete else 0

  def _value(self, kind: int, count: int, data: bytes) -> Any:
    if kind == _ASCII:
      return data.removesuffix(b"\0").decode("latin-1")
    if kind in (_BYTE, _UNDEFINED):
      return data
    types = _TYPES[kind]
    values = self._unpack(f"{count * len(types)}{types[0]}", data)
    if kind in (_RATIONAL, _SRATIONAL):
      pairs = zip(values[::2], values[1::2], strict=True)
      return tuple(a / b if b else float("nan") for a, b in pairs)
    return values

  def _read(self, size: int, at: int | None = None) -> bytes:
    if at is not None:
      if at > self._length:
        raise EOFError("a directory of the TIFF lies beyond its end")
      self._file.seek(at)
    content = self._file.read(min(size, self._length))
    if len(content) < size:
      raise EOFError("a directory of the TIFF is cut short")
    return content

  def _unpack(self, types: str, data: bytes) -> tuple:
    return struct.unpack(self._order + types, data)
