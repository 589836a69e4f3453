"""Decoding: right grey levels, and a reason for what cannot be read."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
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
  micrographs,
)


def deepened(image, bits):
  """uint16 of so many bits, of which the upper 8 are the image."""
  return (image.astype(np.uint16) * 257) >> (16 - bits)


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


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32"])
def test_words_have_the_fewest_usual_bits_that_hold_the_brightest(
  tmp_path, bits, dtype
):
  if dtype == "int16" and bits == 16:
    pytest.skip("it cannot hold them")
  deep = deepened(specimen(), bits).astype(dtype)
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", deep))
  np.testing.assert_array_equal(micrograph.image, specimen())
  word = np.dtype(dtype).itemsize * 8
  if bits == word:
    assert micrograph.levels == "16 bits"
    assert not micrograph.remarks
  else:
    levels = f"{bits} of {word} bits, by the brightest pixel"
    assert micrograph.levels == levels
    assert micrograph.remarks == (
      f"grey levels taken as {levels}: no depth is stated",
    )


def test_stated_depth(tmp_path):
  path = tmp_path / "a.tif"
  dark = deepened(specimen(), 14) // 5
  tag = (281, "H", 1, (1 << 14) - 1, True)
  tifffile.imwrite(path, dark, extratags=[tag])
  micrograph = micrographs.read(path)
  np.testing.assert_array_equal(micrograph.image, dark >> 6)
  assert micrograph.levels == "14 of 16 bits, stated"
  assert not micrograph.remarks


@pytest.mark.parametrize("stated", [65535, 4000, 1023, 1, 0])
def test_a_stated_depth_that_does_not_fit_is_ignored(tmp_path, stated):
  path = tmp_path / "a.tif"
  deep = np.minimum(deepened(specimen(), 12), 4000)  # 4000 is its own maximum
  tifffile.imwrite(path, deep, extratags=[(281, "H", 1, stated, True)])
  micrograph = micrographs.read(path)
  np.testing.assert_array_equal(micrograph.image, deep >> 4)
  assert "by the brightest" in micrograph.levels


def test_a_stated_depth_that_leaves_no_levels_is_ignored(tmp_path):
  path = tmp_path / "a.tif"
  narrow = specimen().astype(np.uint16)
  tifffile.imwrite(path, narrow, extratags=[(281, "H", 1, 16383, True)])
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_significant_bits_of_a_png_and_of_ome(tmp_path):
  dark = deepened(specimen(), 12) // 5
  path = save(tmp_path / "a.png", dark)
  content = path.read_bytes()
  chunk = b"sBIT\x0c"
  chunk = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
  path.write_bytes(content[:33] + chunk + content[33:])
  ome = '<OME><Image><Pixels SignificantBits="12"/></Image></OME>'
  other = tmp_path / "a.tif"
  tifffile.imwrite(other, dark, description=ome)
  for each in (path, other):
    micrograph = micrographs.read(each)
    np.testing.assert_array_equal(micrograph.image, dark >> 4)
    assert micrograph.levels == "12 of 16 bits, stated"


def test_a_very_dark_picture_with_a_few_bright_pixels_is_told(tmp_path):
  deep = deepened(specimen(), 12)
  deep[5, 5] = 65535
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", deep))
  assert micrograph.levels == "16 bits"
  (remark,) = micrograph.remarks
  assert remark.startswith("very dark")


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


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_bar_of_the_whole_picture_leaves_nothing(tmp_path, dtype):
  path = save_tiff(tmp_path / "a.tif", specimen().astype(dtype))
  with pytest.raises(micrographs.MicrographError, match="at least 32 x 32"):
    micrographs.read(path, micrographs.Told(bar_rows=HEIGHT))


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("colours", [1, 3])
def test_the_bar_does_not_set_the_depth(tmp_path, stated, colours):
  white_bar = panel().astype(np.uint16) * 257
  deep = np.concatenate([deepened(specimen(), 12), white_bar])
  tags = [(34682, fei(WIDTH, HEIGHT, 0.01))] if stated else []
  image = np.stack([deep] * colours, axis=2) if colours > 1 else deep
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", image, tags))
  assert micrograph.crop_rows == 24
  np.testing.assert_array_equal(micrograph.image, specimen())
  kept = micrographs.read(tmp_path / "a.tif", keep_bar=True).image
  clipped = np.minimum(white_bar >> 4, 255)
  np.testing.assert_array_equal(kept, np.concatenate([specimen(), clipped]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_what_is_not_finite_is_black(tmp_path, bad, photometric):
  values = specimen().astype(np.float32)
  if photometric == "miniswhite":
    values = 255 - values
  values[:, :5] = bad
  path = save_tiff(tmp_path / "a.tif", values, photometric=photometric)
  micrograph = micrographs.read(path)
  assert not micrograph.image[:, :5].any()
  low, high = values[:, 5:].min(), values[:, 5:].max()
  assert micrograph.levels == f"{low:g} to {high:g}"
  expected = np.rint((values[:, 5:].astype(float) - low) * 255 / (high - low))
  if photometric == "miniswhite":
    expected = 255 - expected
  np.testing.assert_array_equal(micrograph.image[:, 5:], expected)
  assert micrograph.remarks == ("800 pixels are not finite numbers: black",)
  save_tiff(path, np.full_like(values, bad))
  assert reason(path) == "no pixel is a finite number"


@pytest.mark.parametrize(
  "dtype", ["float16", "float32", "float64", "int16", "int32", "uint32"]
)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_a_hot_pixel_does_not_set_the_scale(tmp_path, dtype, sign, photometric):
  values = specimen().astype(np.float64) - 100
  if dtype == "uint32":
    values = values * 70_000 + 1e9
  middle, reach = values.mean(), np.ptp(values)
  values[7, 7] = middle + sign * 40 * reach
  values = np.maximum(values, 0) if dtype == "uint32" else values
  path = tmp_path / "a.tif"
  save_tiff(path, values.astype(dtype), photometric=photometric)
  micrograph = micrographs.read(path)
  expected = specimen().copy()
  expected[7, 7] = 255 if sign > 0 else 0
  if photometric == "miniswhite":
    expected = 255 - expected
  np.testing.assert_array_equal(micrograph.image, expected)
  assert micrograph.remarks == ("1 outlying pixels are clipped",)


def test_few_bright_particles_on_an_even_ground_are_no_outliers(tmp_path):
  values = np.zeros((HEIGHT, WIDTH), np.float32)
  values[10, 10:20] = np.arange(10)
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", values))
  np.testing.assert_array_equal(
    micrograph.image[10, 10:20], np.rint(np.arange(10) * 255 / 9)
  )


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
