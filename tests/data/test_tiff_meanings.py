"""What the samples and pages of a TIFF mean, or why they are refused."""

import re
import struct

import made_tiff
import numpy as np
import pytest
from drawn_tiff import (
  HEIGHT,
  LUMA,
  NO_BAR,
  WIDTH,
  drawn,
  grey_of,
  outcome,
  write,
)
from made_files import reason, specimen

from eanet_jax.data import micrographs


@pytest.mark.parametrize(
  ("said", "how"),
  [
    ("predictor that its compression lacks", {"predictor": 2}),
    (
      "predictor that its compression lacks",
      {"predictor": 2, "compression": "packbits"},
    ),
    (r"rare predictor \(7\)", {"compression": "lzw", "tags": {317: (3, [7])}}),
    (r"rare predictor \(3\)", {"compression": "lzw", "tags": {317: (3, [3])}}),
    ("complex numbers", {"tags": {339: (3, [6])}}),
    ("complex numbers", {"tags": {339: (3, [5])}}),
    (r"rare kind \(8 bits\)", {"tags": {339: (3, [3])}}),
    (r"rare kind \(48 bits\)", {"tags": {258: (3, [48])}}),
    ("compressed by JPEG 2000", {"tags": {259: (3, [34712])}}),
    ("compressed by old-style JPEG", {"tags": {259: (3, [6])}}),
    ("compressed by WebP", {"tags": {259: (3, [50001])}}),
    (r"a rare method \(99\)", {"tags": {259: (3, [99])}}),
    ("JPEG of 12 bits", {"tags": {259: (3, [7]), 258: (3, [12])}}),
    ("CIELab colours", {"tags": {262: (3, [8])}}),
    ("raw data of a colour sensor", {"tags": {262: (3, [32803])}}),
    (r"an unknown kind \(77\)", {"tags": {262: (3, [77])}}),
    ("3 colours with 1 channels", {"tags": {262: (3, [2])}}),
    ("palette of the TIFF is not whole", {"tags": {262: (3, [3])}}),
    ("tag 262 of the TIFF is text", {"tags": {262: (2, b"")}}),
    ("a TIFF of 0 channels", {"tags": {277: (3, [0])}}),
  ],
)
def test_refused(said, how, tmp_path):
  assert re.search(said, reason(write(tmp_path / "a.tif", **how)))


COLOURED = drawn("u8", "RGB")


@pytest.mark.parametrize(
  ("said", "count", "tags"),
  [
    ("channels have different bits", 3, {258: (3, [5, 6, 5])}),
    ("channels have different kinds", 3, {339: (3, [1, 1, 3])}),
    ("subsampled YCbCr colours without JPEG", 3, {262: (3, [6])}),
    (
      "unusual YCbCr",
      3,
      {
        262: (3, [6]),
        530: (3, [1, 1]),
        532: (5, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1]),
      },
    ),
    ("4 colours with 3 channels", 3, {262: (3, [5])}),
    ("unusual printing inks", 4, {262: (3, [5]), 332: (3, [2])}),
    ("premultiplied alpha whose 0 is white", 2, {262: (3, [0]), 338: (3, [1])}),
  ],
)
def test_colours_that_are_refused(said, count, tags, tmp_path):
  samples = np.concatenate([COLOURED, COLOURED], axis=2)[:, :, :count]
  assert said in reason(write(tmp_path / "a.tif", samples, tags=tags))


@pytest.mark.parametrize("kind", ["u8", "u16"])
@pytest.mark.parametrize("planar", [False, True])
def test_printing_inks(kind, planar, tmp_path):
  full = 255 if kind == "u8" else 65535
  inks = drawn(kind, "RGBA")
  paper = 1 - inks.astype(float) / full
  right = (paper[:, :, :3] * paper[:, :, 3:]) @ LUMA * 255
  path = write(tmp_path / "a.tif", inks, photometric=5, planar=planar)
  assert outcome(path, right, exact=False) == "right"


def test_ycbcr_that_is_not_subsampled(tmp_path):
  tags = {530: (3, [1, 1])}
  path = write(tmp_path / "a.tif", COLOURED, photometric=6, tags=tags)
  assert outcome(path, COLOURED[:, :, 0], exact=True) == "right"


def test_premultiplied_alpha_lies_on_black_already(tmp_path):
  samples = drawn("u8", "grey+alpha")
  path = write(tmp_path / "a.tif", samples, tags={338: (3, [1])})
  assert outcome(path, samples[:, :, 0], exact=True) == "right"


def test_alpha_of_12_bits_in_16(tmp_path):
  samples = drawn("u12", "grey+alpha").astype(np.uint16)
  for photometric in (0, 1):
    path = tmp_path / "a.tif"
    write(path, samples, photometric=photometric, tags={338: (3, [2])})
    right = grey_of("u12", "grey+alpha", photometric == 0)
    assert outcome(path, right, exact=False) == "right"
    assert micrographs.read(path).levels.startswith("12 of 16 bits")


def test_the_brightest_colour_sets_the_depth(tmp_path):
  samples = drawn("u12", "RGB").astype(np.uint16)
  samples[:, :, 1:] //= 16  # their grey has 11 bits
  path = write(tmp_path / "a.tif", samples, photometric=2)
  right = samples.astype(float) @ LUMA / 16
  assert outcome(path, right, exact=False) == "right"


def test_a_channel_of_unknown_meaning_is_told(tmp_path):
  samples = drawn("u8", "RGBA")
  path = write(tmp_path / "a.tif", samples, photometric=2, tags={338: (3, [0])})
  micrograph = micrographs.read(path, NO_BAR)
  right = grey_of("u8", "RGB", False)
  assert np.abs(micrograph.image - right).max() <= 1
  assert micrograph.remarks == ("1 channel of unknown meaning: not looked at",)


def test_the_first_of_the_largest_pages_is_used_and_told(tmp_path):
  main, other = (
    made_tiff.page(specimen(HEIGHT, WIDTH, seed)[..., None]) for seed in (0, 1)
  )
  small = made_tiff.page(specimen(20, 24)[..., None])
  path = tmp_path / "a.tif"
  for pages, said in (
    ([main], ()),
    ([small, main], ()),
    ([(small, [main])], ()),
    ([main, other, small], ("2 pages of this size: the first is used",)),
    (
      [(small, [main, other]), other],
      ("3 pages of this size: the first is used",),
    ),
  ):
    micrograph = micrographs.read(write(path, pages=pages), NO_BAR)
    np.testing.assert_array_equal(micrograph.image, specimen(HEIGHT, WIDTH))
    assert micrograph.remarks == said


def test_pages_in_a_ring_end(tmp_path):
  path = write(tmp_path / "a.tif")
  content = bytearray(path.read_bytes())
  content[-4:] = content[4:8]  # the next page is this one
  path.write_bytes(content)
  assert not micrographs.read(path, NO_BAR).remarks


def test_a_page_that_cannot_be_found_is_told(tmp_path):
  path = write(tmp_path / "a.tif")
  path.write_bytes(path.read_bytes()[:-4] + b"\xff\xff\xff\x7f")
  micrograph = micrographs.read(path, NO_BAR)
  assert micrograph.remarks == ("1 page found: what should follow is damaged",)


def test_a_tag_of_pixels_that_cannot_be_read_is_no_default(tmp_path):
  path = write(tmp_path / "a.tif")
  content = bytearray(path.read_bytes())
  (start,) = struct.unpack("<I", content[4:8])
  (count,) = struct.unpack("<H", content[start : start + 2])
  entries = range(start + 2, start + 2 + 12 * count, 12)
  for entry in entries:
    if content[entry : entry + 2] == struct.pack("<H", 258):
      content[entry + 2 : entry + 4] = struct.pack("<H", 99)  # no type
  path.write_bytes(content)
  assert reason(path) == "damaged: tag 258 of the TIFF is of an unknown type"
