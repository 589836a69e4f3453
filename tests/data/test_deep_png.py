"""PNGs of 16 bits of colours or with alpha keep their depth."""

import struct
import zlib

import made_damage
import numpy as np
import pytest
from made_files import reason, specimen

from eanet_jax.data import micrographs

LUMA = np.array([0.299, 0.587, 0.114])
# Grey, grey with alpha, colours, colours with alpha: the types of PNG.
TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def deep(channels, bits=16):
  samples = np.stack([specimen(seed=i) for i in range(channels)], axis=2)
  return (samples.astype(np.uint16) * 257) >> (16 - bits)


def png(samples, chunks=(), rows=None, interlaced=False):
  """A PNG, written by hand: of its first rows alone, if so told."""

  def chunk(name, content):
    checksum = zlib.crc32(name + content)
    start = struct.pack(">I", len(content))
    return start + name + content + struct.pack(">I", checksum)

  height, width, channels = samples.shape
  header = struct.pack(">IIBB", width, height, 16, TYPES[channels])
  header += bytes([0, 0, interlaced])
  lines = made_damage.adam7(samples) if interlaced else list(samples)
  data = b"".join(b"\0" + line.astype(">u2").tobytes() for line in lines[:rows])
  return b"\x89PNG\r\n\x1a\n" + b"".join(
    [
      chunk(b"IHDR", header),
      *(chunk(*each) for each in chunks),
      chunk(b"IDAT", zlib.compress(data)),
      chunk(b"IEND", b""),
    ]
  )


def read(path, content):
  path.write_bytes(content)
  return micrographs.read(path, micrographs.Told(bar_rows=0))


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", TYPES)
def test_all_levels_are_kept(channels, bits, tmp_path):
  samples = deep(channels, bits)
  found = read(tmp_path / "a.png", png(samples))
  values = samples.astype(float)
  right = values[:, :, :3] @ LUMA if channels > 2 else values[:, :, 0]
  if channels in (2, 4):
    right *= values[:, :, -1] / ((1 << bits) - 1)
  right = np.floor(right / 2 ** (bits - 8))
  assert np.abs(found.image - right).max() <= (1 if channels > 1 else 0)
  assert found.levels.startswith(f"{bits} ")


def test_an_alpha_of_0_everywhere_is_ignored(tmp_path):
  samples = deep(2)
  samples[:, :, 1] = 0
  found = read(tmp_path / "a.png", png(samples))
  np.testing.assert_array_equal(found.image, specimen())


def test_what_is_hidden_does_not_set_the_depth(tmp_path):
  samples = deep(4, 12)
  samples[:, :, 3] = 4095
  samples[40:80, 40:80] = 65535, 65535, 65535, 0
  found = read(tmp_path / "a.png", png(samples))
  assert found.levels.startswith("12 of 16 bits")
  assert not found.image[40:80, 40:80].any()


def test_a_transparent_level_is_black(tmp_path):
  samples = deep(1)
  level = samples[5, 5, 0]
  found = read(
    tmp_path / "a.png", png(samples, [(b"tRNS", struct.pack(">H", level))])
  )
  right = np.where(samples[:, :, 0] == level, 0, specimen())
  np.testing.assert_array_equal(found.image, right)


@pytest.mark.parametrize("bits", [3, 10, 12])
def test_significant_bits(bits, tmp_path):
  samples = deep(3, 10) // 3
  content = png(samples, [(b"sBIT", bytes([bits] * 3))])
  found = read(tmp_path / "a.png", content)
  if bits == 3:  # it does not hold them
    assert "by the brightest" in found.levels
  else:
    assert found.levels == f"{bits} of 16 bits, stated"


@pytest.mark.parametrize("channels", TYPES)
@pytest.mark.parametrize("missing", [1, 2, 80])
def test_rows_that_are_missing(channels, missing, tmp_path):
  path = tmp_path / "a.png"
  path.write_bytes(png(deep(channels), rows=-missing))
  assert reason(path).startswith(("truncated: ", "damaged: "))
  content = png(deep(channels))
  path.write_bytes(content[: -missing * 40])
  assert reason(path).startswith(("truncated: ", "damaged: "))


@pytest.mark.parametrize("channels", TYPES)
def test_interlaced(channels, tmp_path):
  path = tmp_path / "a.png"
  straight = read(path, png(deep(channels))).image
  content = png(deep(channels), interlaced=True)
  np.testing.assert_array_equal(read(path, content).image, straight)
  path.write_bytes(png(deep(channels), interlaced=True, rows=-1))
  assert reason(path).startswith(("truncated: ", "damaged: "))
