"""Decoding: right grey levels, and a reason for what cannot be read."""

import io
import os
import warnings
from unittest import mock

import hypothesis
import numpy as np
import pytest
import tifffile
from hypothesis import strategies as st
from made_files import (
  HEIGHT,
  WIDTH,
  fei,
  panel,
  reason,
  save,
  save_tiff,
  specimen,
  with_bar,
)
from PIL import Image

from eanet_jax.data import (
  file_limits,
  file_readers,
  image_files,
  micrographs,
)


@pytest.mark.parametrize("name", ["a.bmp", "a.png", "a.tif", "a.TIFF"])
def test_8_bit_grey_is_kept(tmp_path, name):
  micrograph = micrographs.read(save(tmp_path / name, with_bar()))
  np.testing.assert_array_equal(micrograph.image, specimen())
  assert micrograph.image.dtype == np.uint8
  assert micrograph.crop_rows == 24
  assert micrograph.um_per_px is None


def test_jpeg(tmp_path):
  path = save(tmp_path / "a.jpg", with_bar(), quality=90)
  assert abs(micrographs.read(path).crop_rows - 24) <= 2


@pytest.mark.parametrize("factor", [256, 257])
@pytest.mark.parametrize("kind", ["png", "little", "big"])
def test_16_bits_give_the_8_bit_original(tmp_path, kind, factor):
  wide = with_bar().astype(np.uint16) * factor
  if kind == "png":
    path = save(tmp_path / "a.png", wide)
  else:
    order = "<" if kind == "little" else ">"
    path = save_tiff(tmp_path / "a.tif", wide, byteorder=order)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_12_bits_in_16(tmp_path):
  path = save(tmp_path / "a.png", specimen().astype(np.uint16) * 16)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_dark_16_bits_stay_dark(tmp_path):
  dark = specimen().astype(np.uint16) * 64  # 14 bits
  path = save(tmp_path / "a.png", dark)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen() // 4)


def test_stated_depth(tmp_path):
  path = tmp_path / "a.tif"
  wide = specimen().astype(np.uint16) * 64
  tag = (281, "H", 1, (1 << 14) - 1, True)
  tifffile.imwrite(path, wide, extratags=[tag])
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_min_is_white(tmp_path, dtype, order):
  grey = specimen()
  stored = (255 - grey).astype(dtype)
  if dtype == "uint16":
    stored *= 257
  path = tmp_path / "a.tif"
  save_tiff(path, stored, photometric="miniswhite", byteorder=order)
  np.testing.assert_array_equal(micrographs.read(path).image, grey)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint32"])
def test_no_full_scale_takes_the_specimen_extremes(tmp_path, dtype):
  values = specimen().astype(dtype) * 1000 + 70_000
  path = save_tiff(tmp_path / "a.tif", values)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_uint32_above_the_signed_range(tmp_path):
  values = specimen().astype(np.uint32) << 24
  path = save_tiff(tmp_path / "a.tif", values)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_the_bar_does_not_scale_floats(tmp_path):
  bright_bar = panel(level=0, ink=255).astype(np.float32) * 4
  values = np.concatenate([specimen().astype(np.float32), bright_bar])
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", values))
  assert micrograph.crop_rows == 24
  np.testing.assert_array_equal(micrograph.image, specimen())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(tmp_path, bad):
  values = specimen().astype(np.float32)
  values[3, 4] = bad
  path = save_tiff(tmp_path / "a.tif", values)
  with pytest.raises(micrographs.MicrographError, match="not finite"):
    micrographs.read(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_grey_in_colour_clothes(tmp_path, mode):
  suffix = "tif" if mode == "CMYK" else "png"
  picture = Image.fromarray(specimen()).convert("RGB" if mode != "P" else "L")
  picture.convert(mode).save(tmp_path / f"a.{suffix}")
  image = micrographs.read(tmp_path / f"a.{suffix}").image
  np.testing.assert_allclose(image, specimen(), atol=1)


def test_luma(tmp_path):
  rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
  rgb[:50, :, 0] = rgb[50:90, :, 1] = rgb[90:, :, 2] = 255
  image = micrographs.read(save(tmp_path / "a.png", rgb)).image
  assert image[:, 0].tolist() == [76] * 50 + [150] * 40 + [29] * 70


def test_palette_is_looked_up(tmp_path):
  palette = np.repeat(np.arange(256)[::-1, None], 3, axis=1)
  picture = Image.fromarray(specimen())
  picture.putpalette(palette.astype(np.uint8).ravel().tolist())
  picture.save(tmp_path / "a.tif")
  image = micrographs.read(tmp_path / "a.tif").image
  np.testing.assert_array_equal(image, 255 - specimen())


def test_transparent_is_black_but_unused_alpha_is_ignored(tmp_path):
  rgba = np.repeat(specimen()[:, :, None], 4, axis=2)
  rgba[..., 3] = 0
  unused = micrographs.read(save(tmp_path / "a.png", rgba)).image
  np.testing.assert_array_equal(unused, specimen())
  rgba[..., 3] = 255
  rgba[20:40, 20:40, 3] = 0
  holed = micrographs.read(save(tmp_path / "a.png", rgba)).image
  assert not holed[20:40, 20:40].any()
  np.testing.assert_array_equal(holed[40:], specimen()[40:])


def test_transparent_palette_entry(tmp_path):
  picture = Image.fromarray(specimen()).convert("P")
  picture.save(tmp_path / "a.png", transparency=110)
  image = micrographs.read(tmp_path / "a.png").image
  expected = np.where(specimen() == 110, 0, specimen())
  np.testing.assert_array_equal(image, expected)


def test_1_bit(tmp_path):
  bits = specimen() > 110
  Image.fromarray(bits).save(tmp_path / "a.tif")
  micrograph = micrographs.read(tmp_path / "a.tif")
  np.testing.assert_array_equal(micrograph.image, bits * np.uint8(255))


def test_largest_page_is_read(tmp_path):
  with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
    tiff.write(specimen(40, 50))
    tiff.write(with_bar())
    tiff.write(255 - with_bar())
  image = micrographs.read(tmp_path / "a.tif").image
  np.testing.assert_array_equal(image, specimen())


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_orientation_is_obeyed(tmp_path, suffix):
  exif = Image.Exif()
  exif[0x0112] = 3  # stored upside down
  path = tmp_path / f"a.{suffix}"
  save(path, np.rot90(with_bar(), 2), exif=exif)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_reasons(tmp_path):
  path = tmp_path / "a.png"
  assert reason(path) == "no such file or directory"
  path.write_bytes(b"")
  assert reason(path) == "the file is empty"
  path.write_text("alloy,strength\nCPJ-7,600\n")
  assert reason(path) == "not an image (its contents are text)"
  path.write_bytes(bytes(range(256)))
  assert reason(path) == "not an image, or damaged at its beginning"
  path.write_bytes(save(tmp_path / "b.png", specimen()).read_bytes()[:9000])
  assert reason(path).startswith("truncated: ")
  save(path, np.zeros((1, 1), np.uint8))
  assert reason(path) == "1 x 1 pixels: at least 32 x 32 are needed"
  save(path, np.full((64, 64), 7, np.uint8))
  assert reason(path) == "blank: all 64 specimen rows have one grey level"
  (tmp_path / "c.png").mkdir()
  assert reason(tmp_path / "c.png") == "a folder, not a file"
  if hasattr(os, "mkfifo"):
    os.mkfifo(tmp_path / "d.png")
    assert reason(tmp_path / "d.png") == "not a regular file"


def test_bombs(tmp_path, monkeypatch):
  path = save(tmp_path / "a.png", specimen())
  for limit in (HEIGHT * WIDTH - 1, 100):  # Pillow warns of one, raises at one
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      assert "pixels" in reason(path)


def test_postscript_is_never_run(tmp_path):
  path = tmp_path / "a.png"
  path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n")
  assert reason(path).startswith("not an image")


def small_files():
  grey = specimen(40, 48)
  files = []
  for kind, keywords in (
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw", "tiffinfo": {278: 8}}),
    ("TIFF", {"compression": "jpeg"}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"restart_marker_blocks": 3}),
  ):
    for mode in ("L", "RGB"):
      file = io.BytesIO()
      Image.fromarray(grey).convert(mode).save(file, kind, **keywords)
      files.append(file.getvalue())
  for dtype in ("uint16", "float32", "float64"):
    for layout in ({}, {"tile": (16, 32), "compression": "zlib"}):
      file = io.BytesIO()
      tag = (34682, "s", 0, fei(48, 36, 0.1), True)
      image = grey.astype(dtype)
      tifffile.imwrite(file, image, extratags=[tag], **layout)
      files.append(file.getvalue())
  return files


SMALL_FILES = small_files()


@st.composite
def damaged(draw):
  """The bytes of an image file, some of them changed, or its end missing."""
  content = bytearray(draw(st.sampled_from(SMALL_FILES)))
  places = st.one_of(st.integers(0, 300), st.integers(0, len(content) - 1))
  changes = st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)
  for place, value in draw(changes):
    content[min(place, len(content) - 1)] = value
  return bytes(content[: draw(st.none() | st.integers(0, len(content)))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("damaged")


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(content=damaged(), in_bands=st.booleans())
def test_damage_gives_a_micrograph_or_a_reason(folder, content, in_bands):
  path = folder / "damaged.tif"
  path.write_bytes(content)
  whole_px = 0 if in_bands else image_files._WHOLE_PX
  with (
    warnings.catch_warnings(),
    mock.patch.object(image_files, "_WHOLE_PX", whole_px),
    mock.patch.object(image_files, "_BAND_PX", 300),
  ):
    warnings.simplefilter("ignore")
    check_read(micrographs.read, path)


@pytest.fixture(scope="module")
def readers():
  with file_readers.Readers(file_limits.Limits(gb=0.2, s=5)) as readers:
    yield readers


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(content=damaged())
def test_damage_ends_no_process(folder, readers, content):
  path = folder / "in_a_process.tif"
  path.write_bytes(content)
  error = check_read(readers.read, path)
  assert "crashed" not in error


def check_read(read, path) -> str:
  """Reads a file; returns why it cannot be used, "" if it can."""
  try:
    micrograph = read(path)
  except micrographs.MicrographError as error:
    assert str(error)
    assert "\n" not in str(error)
    return str(error)
  assert micrograph.image.dtype == np.uint8
  return ""
