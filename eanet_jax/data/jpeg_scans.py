"""Whether a JPEG has the data that its header promises.

Takes the bytes of a JPEG, raises EOFError where they cannot hold the picture.
The decoder itself fills what is missing with grey and says nothing.
"""

import dataclasses
import re

_END = b"\xff\xd9"
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_ARITHMETIC_FRAMES = (0xC9, 0xCA)
_TABLES, _RESTARTS, _SCAN = 0xC4, 0xDD, 0xDA
# What ends the data of a scan: neither a stuffed byte nor a restart.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
# Data that belongs to no picture: no block of it decodes to even grey.
_FILLER = bytes(range(1, 255)) * 16


@dataclasses.dataclass
class _Frame:
  """A frame's header, and what was coded of it."""

  height: int
  width: int
  sampling: dict[int, tuple[int, int]]  # component: (across, down)
  progressive: bool
  # Bits of each coefficient that are still to come; None: all of them.
  missing_bits: dict[int, list[int | None]]

  def blocks(self, components: list[int]) -> tuple[list[int], int]:
    """Returns how many blocks of each component a scan has, and its units."""
    most_across = max(across for across, _ in self.sampling.values())
    most_down = max(down for _, down in self.sampling.values())
    if len(components) > 1:
      units = -(-self.width // (8 * most_across))
      units *= -(-self.height // (8 * most_down))
      of_unit = [self.sampling[each] for each in components]
      return [units * across * down for across, down in of_unit], units
    across, down = self.sampling[components[0]]
    units = -(-self.width * across // (8 * most_across))
    units *= -(-self.height * down // (8 * most_down))
    return [units], units


def check(data: bytes) -> int:
  """Returns where the last scan ends, 0 if the JPEG makes no sense.

  Each block of a scan takes as many bits as the shortest code, at least. What
  makes no sense is left to the decoder, which says so.

  Raises:
    EOFError: the scans are too few or too short for the picture.
    OSError: the codes are arithmetic, whose length tells nothing.
  """
  try:
    return _check(data)
  except (LookupError, ValueError, ArithmeticError):
    return 0


def _check(data: bytes) -> int:
  frame = None
  shortest: dict[int, int] = {}  # table: bits of its shortest code
  restart_units = last_end = 0
  at = 2
  while at < len(data):
    if data[at] != 0xFF:
      raise ValueError
    code = data[at + 1]
    at += 1
    if code == 0xFF:  # fill
      continue
    at += 1
    if code == _END[1]:
      break
    if code == 0x01 or 0xD0 <= code <= 0xD8:  # they stand alone
      continue
    length = int.from_bytes(data[at : at + 2], "big")
    segment = data[at + 2 : at + length]
    at += length
    if code in _ARITHMETIC_FRAMES:
      raise OSError("arithmetic codes in a JPEG")
    if code in _FRAMES:
      frame = _frame(segment, progressive=code == 0xC2)
    elif code == _TABLES:
      shortest |= _shortest_codes(segment)
    elif code == _RESTARTS:
      restart_units = int.from_bytes(segment[:2], "big")
    elif code == _SCAN and frame is not None:
      found = _MARKER.search(data, at)
      end = found.start() if found else len(data)
      bits, units = _least_bits(frame, segment, shortest)
      restarts = (units - 1) // restart_units if restart_units else 0
      if bits > 8 * (end - at) or restarts > sum(
        1 for _ in _RESTART.finditer(data, at, end)
      ):
        raise EOFError(
          f"the JPEG's data is too short for {frame.width} x {frame.height}"
          " pixels"
        )
      at = last_end = end
  if frame is not None and any(
    any(bits != 0 for bits in each) for each in frame.missing_bits.values()
  ):
    raise EOFError("the JPEG's last scans are missing")
  return last_end


def _frame(segment: bytes, progressive: bool) -> _Frame:
  sampling = {}
  for i in range(segment[5]):
    component, factors, _ = segment[6 + 3 * i : 9 + 3 * i]
    sampling[component] = factors >> 4, factors & 15
  return _Frame(
    height=int.from_bytes(segment[1:3], "big"),
    width=int.from_bytes(segment[3:5], "big"),
    sampling=sampling,
    progressive=progressive,
    missing_bits={each: [None] * 64 for each in sampling},
  )


def _shortest_codes(segment: bytes) -> dict[int, int]:
  """Returns the bits of the shortest code of each table in a DHT segment."""
  found = {}
  while segment:
    counts = segment[1:17]
    found[segment[0]] = next((i for i, n in enumerate(counts, 1) if n), 1)
    segment = segment[17 + sum(counts) :]
  return found


def _least_bits(
  frame: _Frame, segment: bytes, shortest: dict[int, int]
) -> tuple[int, int]:
  """Returns the bits that a scan needs at least, and its number of units.

  Notes in the frame what the scan codes.
  """
  count = segment[0]
  components = [segment[1 + 2 * i] for i in range(count)]
  tables = [segment[2 + 2 * i] for i in range(count)]
  first, last, approximation = segment[1 + 2 * count : 4 + 2 * count]
  if not frame.progressive:
    first, last, approximation = 0, 63, 0
  for component in components:
    kept = frame.missing_bits[component]
    kept[first : last + 1] = [approximation & 15] * (last + 1 - first)
  blocks, units = frame.blocks(components)
  bits = 0
  for table, number in zip(tables, blocks, strict=True):
    if first == 0:  # a refinement has a bit for each block
      bits += number * (1 if approximation >> 4 else shortest[table >> 4])
    if not frame.progressive:
      bits += number * shortest[0x10 | table & 15]
  return bits, units


def with_filler(data: bytes, last_end: int) -> bytes:
  """Returns the JPEG with data behind its last scan that is not its own.

  A decoder that has all it needs does not look at it, so that the picture is
  the same. Where it is another one, data was missing.
  """
  return data[:last_end] + _FILLER + _END
