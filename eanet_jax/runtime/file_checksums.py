"""The checksum of a file: has it changed since it was written?"""

import pathlib
import zlib

_CHUNK_BYTES = 2**24


def crc32(path: pathlib.Path) -> int:
  """Returns the CRC-32 of a file, of which a part is in memory at a time."""
  found = 0
  with path.open("rb") as file:
    while chunk := file.read(_CHUNK_BYTES):
      found = zlib.crc32(chunk, found)
  return found
