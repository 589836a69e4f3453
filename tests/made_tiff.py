"""TIFFs of any layout, byte by byte: what no library writes too."""

import lzma
import struct
import zlib

import imagecodecs
import numpy as np

COMPRESSIONS = {
  "none": (1, bytes),
  "lzw": (5, imagecodecs.lzw_encode),
  "deflate": (8, zlib.compress),
  "old deflate": (32946, zlib.compress),
  "packbits": (32773, imagecodecs.packbits_encode),
  "lzma": (34925, lambda data: lzma.compress(data, preset=0)),
  "zstd": (50000, imagecodecs.zstd_encode),
}
_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))
_SHORT, _LONG, _LONG8 = 3, 4, 16
_CODES = {2: "s", _SHORT: "H", _LONG: "I", 5: "I", 7: "s", _LONG8: "Q"}


def page(
  samples,
  *,
  bits=None,
  order="<",
  photometric=1,
  planar=False,
  rows=None,
  tile=None,
  compression="none",
  predictor=1,
  fill_order=1,
  tags=(),
):
  """Returns (tags, segments, whether they are tiles) of samples (y, x, c).

  Args:
    samples: of their dtype, where `bits` says nothing else.
    bits: packed, of unsigned samples; 24 of floats.
    order: of bytes.
    photometric: a number.
    planar: whether each channel has a plane.
    rows: of a strip.
    tile: (rows, columns).
    compression: a key of COMPRESSIONS.
    predictor: 1, 2 or 3.
    fill_order: of bits; 2 is the unusual one.
    tags: {number: (type, values)} besides.
  """
  height, width, count = samples.shape
  kind = {"u": 1, "i": 2, "f": 3, "c": 6}[samples.dtype.kind]
  code, compress = COMPRESSIONS[compression]
  segments = []
  planes = np.moveaxis(samples, 2, 0)[..., None] if planar else samples[None]
  down, across = tile or (rows or height, width)
  for plane in planes:
    for y in range(0, height, down):
      for x in range(0, width, across):
        part = plane[y : y + down, x : x + across]
        if tile:  # filled up with what is not of the picture
          short = down - part.shape[0], across - part.shape[1]
          part = np.pad(part, [(0, short[0]), (0, short[1]), (0, 0)], "edge")
        data = compress(_encoded(part, bits, order, predictor))
        if fill_order == 2:
          data = data.translate(_REVERSED)
        segments.append(data)
  bits = bits or samples.dtype.itemsize * 8
  entries = {
    256: (_LONG, [width]),
    257: (_LONG, [height]),
    258: (_SHORT, [bits] * count),
    259: (_SHORT, [code]),
    262: (_SHORT, [photometric]),
    277: (_SHORT, [count]),
    284: (_SHORT, [2 if planar else 1]),
    339: (_SHORT, [kind] * count),
  }
  if predictor != 1:
    entries[317] = _SHORT, [predictor]
  if fill_order != 1:
    entries[266] = _SHORT, [fill_order]
  if tile:
    entries[322], entries[323] = (_LONG, [across]), (_LONG, [down])
  else:
    entries[278] = _LONG, [down]
  return {**entries, **dict(tags)}, segments, bool(tile)


def _encoded(part, bits, order, predictor):
  """The bytes of one segment (y, x, c) before it is compressed."""
  kind, size = part.dtype.kind, part.dtype.itemsize
  if bits:
    assert predictor == 1
    if kind == "f":  # a sign, 7 bits of exponent from -63, 16 of the rest
      words = np.ascontiguousarray(part).view(np.uint32)
      exponents = np.maximum((words >> 23 & 0xFF).astype(int) - 64, 0)
      words = words >> 31 << 23 | exponents << 16 | words >> 7 & 0xFFFF
      parts = words.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:]
      return (parts if order == ">" else parts[:, ::-1]).tobytes()
    shifts = np.arange(bits)[::-1]
    each = (part.astype(np.uint32)[..., None] >> shifts) & 1
    rows = each.astype(np.uint8).reshape(len(part), -1)
    return np.packbits(rows, axis=1).tobytes()
  if predictor == 2:  # of the words, whatever they stand for
    words = np.ascontiguousarray(part).view(f"u{size}")
    first = words[:, :1]
    part = np.concatenate([first, words[:, 1:] - words[:, :-1]], axis=1)
  if predictor == 3:  # of bytes, the highest of each number of a row first
    big = np.ascontiguousarray(part, part.dtype.newbyteorder(">"))
    in_row = big.view(np.uint8).reshape(len(part), -1, size)
    mixed = np.swapaxes(in_row, 1, 2).reshape(len(part), -1, part.shape[2])
    first = mixed[:, :1]
    mixed = np.concatenate([first, mixed[:, 1:] - mixed[:, :-1]], axis=1)
    return mixed.tobytes()
  return part.astype(part.dtype.newbyteorder(order)).tobytes()


def tiff(pages, order="<", big=False):
  """Returns the bytes of a file.

  Args:
    pages: what `page` returns, or (that, pages below it).
    order: of bytes.
    big: whether offsets have 64 bits.
  """
  offset, step = ("Q", 8) if big else ("I", 4)
  content = bytearray(b"II" if order == "<" else b"MM")
  content += struct.pack(order + "H", 43 if big else 42)
  content += struct.pack(order + "HH", 8, 0) if big else b""
  link = len(content)
  content += bytes(step)

  def directory(each):
    """Appends a page; returns where its directory and its link are."""
    above, below = each if isinstance(each[0], tuple) else (each, ())
    entries, segments, tiled = above
    entries = dict(entries)
    offsets = []
    for segment in segments:
      offsets.append(len(content))
      content.extend(segment + bytes(len(segment) % 2))
    kind = _LONG8 if big else _LONG
    entries[324 if tiled else 273] = kind, offsets
    entries[325 if tiled else 279] = kind, [len(s) for s in segments]
    if below:
      entries[330] = kind, [directory(child)[0] for child in below]
    fields = []
    for tag, (kind, values) in sorted(entries.items()):
      if _CODES[kind] == "s":
        packed, count = bytes(values), len(values)
      else:
        numbers = [int(value) for value in values]
        packed = struct.pack(f"{order}{len(numbers)}{_CODES[kind]}", *numbers)
        count = len(numbers) // (2 if kind == 5 else 1)
      if len(packed) > step:
        place = len(content)
        content.extend(packed + bytes(len(packed) % 2))
        packed = struct.pack(order + offset, place)
      head = struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, count)
      fields.append(head + packed.ljust(step, b"\0"))
    at = len(content)
    content.extend(struct.pack(order + ("Q" if big else "H"), len(fields)))
    content.extend(b"".join(fields) + bytes(step))
    return at, len(content) - step

  for each in pages:
    at, next_link = directory(each)
    struct.pack_into(order + offset, content, link, at)
    link = next_link
  return bytes(content)
