"""A large picture read in bands is the one that is read as a whole."""

import hypothesis
import numpy as np
import pytest
import tifffile
from hypothesis import strategies as st
from made_files import save, save_tiff, specimen, with_bar
from PIL import Image

from eanet_jax.data import (
  image_files,
  micrographs,
  tiff_bands,
  tiff_directories,
)


@pytest.fixture
def in_bands(monkeypatch):
  """Reads a file in bands of a few rows."""

  def read(path, **keywords):
    with monkeypatch.context() as patch:
      patch.setattr(image_files, "_WHOLE_PX", 0)
      patch.setattr(image_files, "_BAND_PX", 37 * 200)
      return micrographs.read(path, **keywords)

  return read


def same(path, in_bands):
  whole = micrographs.read(path)
  banded = in_bands(path)
  np.testing.assert_array_equal(banded.image, whole.image)
  assert banded.crop_rows == whole.crop_rows
  return whole


DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
  "layout",
  [
    {"rowsperstrip": 1000},
    {"rowsperstrip": 7},
    {"rowsperstrip": 7, "compression": "zlib"},
    {"tile": (48, 32)},
    {"tile": (48, 32), "compression": "zlib"},
  ],
  ids=str,
)
def test_numbers_of_all_kinds(dtype, order, layout, in_bands, tmp_path):
  scale = {"uint8": 1, "uint16": 257, "int16": 100}.get(dtype, 1000)
  path = tmp_path / "a.tif"
  image = with_bar().astype(dtype) * scale
  save_tiff(path, image, byteorder=order, **layout)
  assert same(path, in_bands).crop_rows == 24


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_offsets(dtype, in_bands, tmp_path):
  image = with_bar().astype(dtype)
  same(save_tiff(tmp_path / "a.tif", image, bigtiff=True), in_bands)


@pytest.mark.parametrize(
  "compression", ["raw", "packbits", "tiff_lzw", "tiff_deflate", "jpeg"]
)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
@pytest.mark.parametrize("rows", [1000, 16])
def test_colours_and_compressions(compression, mode, rows, in_bands, tmp_path):
  if compression == "jpeg" and mode in ("RGBA", "LA", "P"):
    pytest.skip("there is no such TIFF")
  picture = Image.fromarray(with_bar()).convert("RGB").convert(mode)
  if mode in ("RGBA", "LA"):
    alpha = np.full(with_bar().shape, 255, np.uint8)
    alpha[40:60, 40:60] = 0
    picture.putalpha(Image.fromarray(alpha))
  path = tmp_path / "a.tif"
  picture.save(path, compression=compression, tiffinfo={278: rows})
  same(path, in_bands)


@pytest.mark.parametrize("compression", ["raw", "group3", "group4", "tiff_lzw"])
def test_1_bit(compression, in_bands, tmp_path):
  picture = Image.fromarray(specimen() > 110)
  path = tmp_path / "a.tif"
  picture.save(path, compression=compression, tiffinfo={278: 10})
  same(path, in_bands)


@pytest.mark.parametrize("predictor", [1, 2])
def test_predictors(predictor, in_bands, tmp_path):
  path = tmp_path / "a.tif"
  wide = Image.fromarray(specimen().astype(np.uint16) * 257)
  info = {278: 9, 317: predictor}
  wide.save(path, compression="tiff_lzw", tiffinfo=info)
  same(path, in_bands)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_either_white(photometric, dtype, in_bands, tmp_path):
  path = tmp_path / "a.tif"
  save_tiff(path, with_bar().astype(dtype), photometric=photometric)
  same(path, in_bands)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["tif", "png", "float"])
def test_orientations(orientation, kind, in_bands, tmp_path):
  exif = Image.Exif()
  exif[0x0112] = orientation
  path = tmp_path / ("a.png" if kind == "png" else "a.tif")
  image = specimen().astype(np.float32 if kind == "float" else np.uint8)
  save(path, image, exif=exif)
  turned = same(path, in_bands).image
  flips = {2: np.fliplr, 3: lambda image: np.rot90(image, 2), 4: np.flipud}
  turns = {5: np.transpose, 6: lambda image: np.rot90(image, 3)}
  turns |= {7: lambda image: np.rot90(image.T, 2), 8: np.rot90}
  turn = (flips | turns).get(orientation, lambda image: image)
  np.testing.assert_array_equal(turned, turn(specimen()))


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "RGBA", "LA", "P", "1"])
def test_png(mode, in_bands, tmp_path):
  path = tmp_path / "a.png"
  if mode == "I;16":
    save(path, with_bar().astype(np.uint16) * 100)
  else:
    Image.fromarray(with_bar()).convert("RGB").convert(mode).save(path)
  same(path, in_bands)


def test_alpha_that_is_used_below_the_first_band_alone(in_bands, tmp_path):
  rgba = np.repeat(specimen()[:, :, None], 4, axis=2)
  rgba[..., 3] = 0
  rgba[100:, :, 3] = 255
  for name in ("a.png", "a.tif"):
    whole = same(save(tmp_path / name, rgba), in_bands)
    assert not whole.image[:100].any()


def test_extremes_in_the_last_band(in_bands, tmp_path):
  wide = specimen().astype(np.uint16) * 8  # 12 bits, but for one pixel
  wide[-1, -1] = 60_000
  same(save_tiff(tmp_path / "a.tif", wide), in_bands)
  real = specimen().astype(np.float32)
  real[-1, -1] = 1e6
  same(save_tiff(tmp_path / "b.tif", real), in_bands)


def test_the_largest_page(in_bands, tmp_path):
  path = tmp_path / "a.tif"
  with tifffile.TiffWriter(path) as tiff:
    tiff.write(specimen(40, 50))
    tiff.write(with_bar())
  assert same(path, in_bands).image.shape == specimen().shape


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
  height=st.integers(1, 70),
  width=st.integers(1, 40),
  rows=st.integers(1, 80),
  band_px=st.integers(1, 2000),
  compression=st.sampled_from([None, "zlib"]),
)
def test_bands_are_the_rows_in_order(
  tmp_path_factory, height, width, rows, band_px, compression
):
  path = tmp_path_factory.mktemp("bands") / "a.tif"
  image = np.arange(height * width, dtype=np.uint16).reshape(height, width)
  tifffile.imwrite(path, image, rowsperstrip=rows, compression=compression)
  below = 0
  with path.open("rb") as file:
    page, _ = tiff_directories.largest(file)
    for y, part in tiff_bands.bands(file, page, [0], band_px):
      assert y == below
      np.testing.assert_array_equal(part[:, :, 0], image[y : y + len(part)])
      below += len(part)
      assert len(part) <= max(1, band_px // width)
  assert below == height
