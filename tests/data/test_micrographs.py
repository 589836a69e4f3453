"""Resizing and tiling; vendor files where they are."""

import subprocess
import sys

import numpy as np
import pytest
from made_files import (
  BAINITE,
  HEIGHT,
  VENDOR,
  WIDTH,
  reason,
  save,
  specimen,
)

from eanet_jax.data import image_folders, micrographs


def test_import_is_light():
  code = "import sys, eanet_jax.data.micrographs; print(*sys.modules)"
  done = subprocess.run(
    [sys.executable, "-c", code], check=True, capture_output=True, text=True
  )
  heavy = {"tensorflow", "jax", "tifffile"}
  assert not heavy & set(done.stdout.split())


def test_resize_is_antialiased():
  stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
  small = micrographs.resize(stripes, 16, 8)
  assert small.shape == (16, 8)
  assert small.dtype == np.uint8
  np.testing.assert_allclose(small[:, 1:-1].astype(int), 127, atol=12)
  np.testing.assert_array_equal(micrographs.resize(stripes, 64, 64), stripes)


def test_tiles_are_a_centred_grid():
  image = specimen(70, 100)
  cut = micrographs.tiles(image, 32)
  assert cut.shape == (6, 32, 32)
  np.testing.assert_array_equal(cut[0], image[3:35, 2:34])
  np.testing.assert_array_equal(cut[4], image[35:67, 34:66])
  with pytest.raises(micrographs.MicrographError, match="tile of 71"):
    micrographs.tiles(image, 71)


def test_views():
  image = specimen(70, 100)
  whole = micrographs.views(image, "whole", 24, 32)
  np.testing.assert_array_equal(whole[0], micrographs.resize(image, 24, 24))
  assert whole.shape == (1, 24, 24)
  cut = micrographs.views(image, "tiles", 32, 32)
  np.testing.assert_array_equal(cut, micrographs.tiles(image, 32))
  assert micrographs.views(image, "tiles", 24, 32).shape == (6, 24, 24)
  with pytest.raises(ValueError, match="view is 'half'"):
    micrographs.views(image, "half", 24, 32)


def test_fei_helios():
  path = VENDOR / "fei_helios_16bit.tif"
  if not path.exists():
    pytest.skip("no vendor files here")
  # Taken with the beam off: nothing but the bar's 29 rows is not black.
  assert "442 specimen rows" in reason(path)


def test_zeiss_palette():
  path = VENDOR / "zeiss_512px.tif"
  if not path.exists():
    pytest.skip("no vendor files here")
  micrograph = micrographs.read(path)
  assert micrograph.image.shape == (350, 512)
  assert micrograph.crop_rows == 34
  assert micrograph.um_per_px == pytest.approx(5.965 / 512, rel=1e-3)


def test_light_micrographs_have_no_bar():
  paths = image_folders.find(BAINITE)[::8] if BAINITE.is_dir() else []
  if not paths:
    pytest.skip("no light micrographs here")
  for path in paths:
    assert micrographs.read(path).image.shape == (1200, 1600)


def test_pixels_are_made_as_wide_as_is_wanted(tmp_path):
  image = specimen()
  path = save(tmp_path / "a.png", image)
  told = micrographs.Told(um_per_px=0.1, resample_um_per_px=0.2)
  found = micrographs.read(path, told)
  assert found.image.shape == (HEIGHT // 2, WIDTH // 2)
  assert (found.um_per_px, found.um_from) == (0.2, "told")
  # Of every second pixel a triangle of four, along rows and along columns.
  expected = image.astype(float)
  for axis in (0, 1):
    of_four = np.lib.stride_tricks.sliding_window_view(expected, 4, axis)
    expected = (of_four @ np.array([1, 3, 3, 1]) / 8).swapaxes(0, axis)
    expected = expected[1::2].swapaxes(0, axis)
  assert np.abs(found.image[1:-1, 1:-1] - expected).max() <= 1
  to_look_at = micrographs.read(path, told, keep_bar=True)
  assert to_look_at.image.shape == image.shape
  assert to_look_at.um_per_px == 0.1


def test_a_file_without_a_scale_cannot_be_resampled(tmp_path):
  path = save(tmp_path / "a.png", specimen())
  told = micrographs.Told(resample_um_per_px=0.2)
  with pytest.raises(micrographs.MicrographError, match="with --um-per-px"):
    micrographs.read(path, told)
  told = micrographs.Told(um_per_px=0.1, resample_um_per_px=2.0)
  with pytest.raises(micrographs.MicrographError, match="at least 32 x 32"):
    micrographs.read(path, told)
  told = micrographs.Told(um_per_px=1.0, resample_um_per_px=0.25)
  (remark,) = micrographs.read(path, told).remarks
  assert "enlarged 4 times" in remark
