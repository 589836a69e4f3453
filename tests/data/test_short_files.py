"""A file that is short is an error, never a picture of grey or black."""

import re
import struct
import zlib

import made_damage
import numpy as np
import pytest
import tifffile
from made_files import reason, save, specimen
from PIL import Image

from eanet_jax.data import jpeg_scans, micrographs

KINDS = {
  "baseline": {},
  "restarts": {"restart_marker_rows": 1},
  "blocks": {"restart_marker_blocks": 5},
  "optimised": {"optimize": True},
  "progressive": {"progressive": True},
}
COLOURS = {
  "grey": specimen(),
  "colour": np.stack([specimen(seed=seed) for seed in range(3)], axis=2),
}


def mid_grey_below(image):
  """An image with an even lower half, of the level that decoders fill with."""
  image = image.copy()
  image[len(image) // 2 :] = 128
  return image


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("change", [np.array, mid_grey_below])
def test_a_whole_jpeg_is_read(kind, colour, change, tmp_path):
  path = save(tmp_path / "a.jpg", change(COLOURS[colour]), **KINDS[kind])
  expected = np.asarray(Image.open(path).convert("L"))
  np.testing.assert_array_equal(micrographs.read(path).image, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.98])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9", b"\xff\xd9" + b"\0" * 500])
def test_a_short_jpeg_is_an_error(kind, colour, share, end, tmp_path):
  jpeg = made_damage.jpeg_bytes(COLOURS[colour], **KINDS[kind])
  start = jpeg.index(b"\xff\xda")
  cut = start + 20 + int(share * (len(jpeg) - start - 20))
  while jpeg[cut - 1] == 0xFF:  # half a marker
    cut -= 1
  path = tmp_path / "a.jpg"
  path.write_bytes(jpeg[:cut] + end)
  assert reason(path).startswith("truncated: ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_of_another_size(kind, tmp_path):
  jpeg = made_damage.jpeg_bytes(specimen(64, 64), **KINDS[kind])
  path = tmp_path / "a.jpg"
  path.write_bytes(made_damage.with_size(jpeg, 9400, 9400))
  assert reason(path) == (
    "truncated: the JPEG's data is too short for 9400 x 9400 pixels"
  )


def test_last_scans_that_are_missing(tmp_path):
  jpeg = made_damage.jpeg_bytes(specimen(), progressive=True)
  path = tmp_path / "a.jpg"
  parts = made_damage.segments(jpeg)
  scans = [i for i, (code, _) in enumerate(parts) if code == 0xDA]
  for last in scans[:-1]:
    path.write_bytes(made_damage.of_segments(parts[: last + 1]))
    assert reason(path) == "truncated: the JPEG's last scans are missing"


def test_arithmetic_codes_are_told(tmp_path):
  jpeg = made_damage.jpeg_bytes(specimen())
  path = tmp_path / "a.jpg"
  path.write_bytes(jpeg.replace(b"\xff\xc0", b"\xff\xc9"))
  assert "arithmetic" in reason(path)


def test_what_is_no_jpeg_is_left_to_the_decoder():
  for content in (b"", b"\xff", b"\xff\xd8\xff\xc0\0\x04ab", b"\xff\xd8abc"):
    assert jpeg_scans.check(content) == 0


def png(rows, height, width=64, interlaced=False) -> bytes:
  """A PNG of `height` rows whose data are `rows`, and nothing else is wrong."""

  def chunk(name, content):
    checksum = zlib.crc32(name + content)
    start = struct.pack(">I", len(content))
    return start + name + content + struct.pack(">I", checksum)

  header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
  data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
  return b"\x89PNG\r\n\x1a\n" + b"".join(
    [chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")]
  )


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("last", [0, 2, 100, 253, 255])
@pytest.mark.parametrize("height", [63, 64])
def test_a_png_without_its_last_rows(interlaced, last, height, tmp_path):
  image = specimen(height, 64)
  image[-5:] = last
  rows = made_damage.adam7(image) if interlaced else list(image)
  path = tmp_path / "a.png"
  path.write_bytes(png(rows, height, interlaced=interlaced))
  np.testing.assert_array_equal(micrographs.read(path).image, image)
  for missing in (1, 2, len(rows) // 2):
    path.write_bytes(png(rows[:-missing], height, interlaced=interlaced))
    assert reason(path).startswith("truncated: ")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_without_its_last_strips(dtype, compression, tmp_path):
  path = tmp_path / "a.tif"
  image = specimen().astype(dtype)
  tifffile.imwrite(path, image, rowsperstrip=16, compression=compression)
  content = bytearray(path.read_bytes())
  with tifffile.TiffFile(path) as tiff:
    tags = tiff.pages.first.tags
    for code in (273, 279):
      # The number of values, in the tag's entry.
      struct.pack_into("<I", content, tags[code].offset + 4, 7)
  path.write_bytes(bytes(content))
  assert reason(path).startswith(("truncated: ", "damaged: "))


@pytest.mark.parametrize(
  "compression", ["tiff_lzw", "tiff_deflate", "packbits"]
)
def test_a_tiff_with_a_short_strip(compression, tmp_path):
  path = save(tmp_path / "a.tif", specimen(), compression=compression)
  content = bytearray(path.read_bytes())
  with tifffile.TiffFile(path) as tiff:
    tag = tiff.pages.first.tags[279]
    struct.pack_into("<I", content, tag.offset + 8, tag.value[0] // 2)
  path.write_bytes(bytes(content))
  assert reason(path).startswith(("truncated: ", "damaged: "))


def test_a_jpeg_in_a_tiff_with_a_header_of_another_size(tmp_path):
  path = save(tmp_path / "a.tif", specimen(64, 64), compression="jpeg")
  content = path.read_bytes()
  frame = content.index(b"\xff\xc0")
  size = struct.pack(">HH", 4096, 4096)
  content = bytearray(content[: frame + 5] + size + content[frame + 9 :])
  with tifffile.TiffFile(path) as tiff:
    for code in (256, 257, 278):
      tag = tiff.pages.first.tags[code]
      kind = "<H" if tag.dtype == 3 else "<I"
      struct.pack_into(kind, content, tag.offset + 8, 4096)
  path.write_bytes(bytes(content))
  assert reason(path).startswith("truncated: ")


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9, 0.97])
@pytest.mark.parametrize(
  ("compression", "change"),
  [
    ("jpeg", np.array),
    ("jpeg", mid_grey_below),
    ("group3", lambda image: image > 110),
    ("group4", lambda image: image > 110),
    ("tiff_ccitt", lambda image: image > 110),
    ("group4", lambda image: mid_grey_below(image) > 110),  # white
    ("group4", lambda image: mid_grey_below(image) > 130),  # black
  ],
)
def test_a_short_strip_of_jpeg_or_fax(compression, change, share, tmp_path):
  image = change(specimen())
  path = save(tmp_path / "a.tif", image, compression=compression)
  whole = micrographs.read(path, micrographs.Told(bar_rows=0)).image
  if compression != "jpeg":
    np.testing.assert_array_equal(whole, image * np.uint8(255))
  content = bytearray(path.read_bytes())
  with tifffile.TiffFile(path) as tiff:
    tag = tiff.pages.first.tags[279]
    assert tag.count == 1
    shorter = int(tag.value[0] * share)
    struct.pack_into("<I", content, tag.offset + 8, shorter)
  path.write_bytes(bytes(content))
  assert reason(path).startswith(("truncated: ", "damaged: "))


@pytest.mark.parametrize("rle", [False, True])
def test_a_short_bmp(rle, tmp_path):
  path = save(tmp_path / "a.bmp", specimen())
  content = path.read_bytes()
  if rle:  # one row of runs, then the end of the picture
    start = struct.unpack_from("<I", content, 10)[0]
    content = bytearray(content[:start]) + bytes([200, 9, 0, 0, 0, 1])
    struct.pack_into("<I", content, 30, 1)
    path.write_bytes(bytes(content))
    error = reason(path)
    assert re.match("truncated|damaged|blank", error), error
    return
  path.write_bytes(content[:-300])
  assert reason(path).startswith("truncated: ")
