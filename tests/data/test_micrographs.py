"""Cleaning, finding, resizing and tiling; vendor files where they are."""

import subprocess
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from made_files import (
  BAINITE,
  HEIGHT,
  VENDOR,
  WIDTH,
  jpeg,
  panel,
  reason,
  specimen,
  with_bar,
)

from eanet_jax.data import micrographs, synthetic


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(
  rows=st.integers(14, 48),
  level=st.one_of(st.integers(0, 70), st.integers(190, 255)),
  mean=st.floats(40, 200),
  spread=st.floats(4, 60),
  seed=st.integers(0, 1 << 16),
)
def test_bar_is_found_exactly(rows, level, mean, spread, seed):
  ink = 255 if level < 128 else 0
  grey = specimen(220, 300, seed, mean, spread)
  bar = panel(rows, 300, level, ink)
  assert micrographs.crop_data_bar(np.concatenate([grey, bar])) == rows
  assert micrographs.crop_data_bar(grey) == 0


@pytest.mark.parametrize("level", [0, 255, 128])
@pytest.mark.parametrize("rows", [21, 30, 40])
def test_bar_after_jpeg(rows, level):
  image = with_bar(rows, level=level, ink=255 - level if level != 128 else 0)
  assert abs(micrographs.crop_data_bar(jpeg(image, 85)) - rows) <= 2
  assert micrographs.crop_data_bar(jpeg(specimen(), 85)) == 0


def test_rows_below_a_zeiss_panel():
  below = np.concatenate([np.zeros((1, WIDTH), np.uint8), specimen(1)])
  image = np.concatenate([with_bar(24, level=243, ink=0), below])
  assert micrographs.crop_data_bar(image) == 26


def test_frame_and_cells():
  bar = panel(30).copy()
  bar[[0, -1]] = bar[:, ::40] = 255
  image = np.concatenate([specimen(), bar])
  assert micrographs.crop_data_bar(image) == 30


def test_saturated_specimen_has_no_bar():
  assert micrographs.crop_data_bar(specimen(mean=20, spread=60)) == 0
  assert micrographs.crop_data_bar(specimen(mean=230, spread=60)) == 0
  image = np.concatenate([specimen(mean=220, spread=60), panel(24)])
  assert micrographs.crop_data_bar(image) == 24


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_void_at_the_bottom_is_specimen(share):
  image = specimen()
  x = np.arange(WIDTH)
  edge = HEIGHT - 25 + 12 * np.sin(x / 17) + 10 * (x > share * WIDTH)
  image[np.arange(HEIGHT)[:, None] > edge] = 0
  assert micrographs.crop_data_bar(image) == 0


def test_drawn_micrographs():
  for label, name, index in synthetic.catalogue()[::200]:
    drawing = synthetic.draw(3, label, name, index)
    found = micrographs.crop_data_bar(drawing.image)
    assert found == drawing.bar_rows
    above = drawing.image[: len(drawing.image) - found]
    assert micrographs.crop_data_bar(above) == 0


def test_flat_images_have_no_bar():
  assert micrographs.crop_data_bar(np.zeros((100, 100), np.uint8)) == 0
  half = specimen()
  half[80:] = 0  # more than any bar takes
  assert micrographs.crop_data_bar(half) == 0
  assert micrographs.crop_data_bar(specimen(20, 40)) == 0


def test_find(tmp_path, tmp_path_factory):
  names = ["b/2.png", "b/10.TIF", "a.bmp", "b.jpeg", "B/x.Jpg", "b/c/d.tiff"]
  others = ["._a.bmp", ".git/x.png", "b/notes.txt", "png"]
  for name in names + others:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
  (tmp_path / "folder.png").mkdir()
  (tmp_path / "b" / "loop").symlink_to(tmp_path)
  (tmp_path / "all").symlink_to(tmp_path / "b")
  (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
  names.append("gone.png")
  elsewhere = tmp_path_factory.mktemp("elsewhere")
  (elsewhere / "e.png").write_bytes(b"x")
  (tmp_path / "c").symlink_to(elsewhere)
  names.append("c/e.png")
  found = micrographs.find(tmp_path)
  assert [p.relative_to(tmp_path).as_posix() for p in found] == sorted(names)
  with pytest.raises(micrographs.MicrographError, match="not a folder"):
    micrographs.find(tmp_path / "a.bmp")


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
  paths = micrographs.find(BAINITE)[::8] if BAINITE.is_dir() else []
  if not paths:
    pytest.skip("no light micrographs here")
  for path in paths:
    assert micrographs.read(path).image.shape == (1200, 1600)
