"""The data bar's rows are found exactly, and none where there is no bar."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from made_files import HEIGHT, WIDTH, jpeg, panel, specimen, with_bar

from eanet_jax.data import data_bar, synthetic


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
  assert data_bar.crop_data_bar(np.concatenate([grey, bar])) == rows
  assert data_bar.crop_data_bar(grey) == 0


@pytest.mark.parametrize("level", [0, 255, 128])
@pytest.mark.parametrize("rows", [21, 30, 40])
def test_bar_after_jpeg(rows, level):
  image = with_bar(rows, level=level, ink=255 - level if level != 128 else 0)
  assert abs(data_bar.crop_data_bar(jpeg(image, 85)) - rows) <= 2
  assert data_bar.crop_data_bar(jpeg(specimen(), 85)) == 0


def test_rows_below_a_zeiss_panel():
  below = np.concatenate([np.zeros((1, WIDTH), np.uint8), specimen(1)])
  image = np.concatenate([with_bar(24, level=243, ink=0), below])
  assert data_bar.crop_data_bar(image) == 26


def test_frame_and_cells():
  bar = panel(30).copy()
  bar[[0, -1]] = bar[:, ::40] = 255
  image = np.concatenate([specimen(), bar])
  assert data_bar.crop_data_bar(image) == 30


def test_saturated_specimen_has_no_bar():
  assert data_bar.crop_data_bar(specimen(mean=20, spread=60)) == 0
  assert data_bar.crop_data_bar(specimen(mean=230, spread=60)) == 0
  image = np.concatenate([specimen(mean=220, spread=60), panel(24)])
  assert data_bar.crop_data_bar(image) == 24


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_void_at_the_bottom_is_specimen(share):
  image = specimen()
  x = np.arange(WIDTH)
  edge = HEIGHT - 25 + 12 * np.sin(x / 17) + 10 * (x > share * WIDTH)
  image[np.arange(HEIGHT)[:, None] > edge] = 0
  assert data_bar.crop_data_bar(image) == 0


def test_drawn_micrographs():
  for label, name, index in synthetic.catalogue()[::200]:
    drawing = synthetic.draw(3, label, name, index)
    found = data_bar.crop_data_bar(drawing.image)
    assert found == drawing.bar_rows
    above = drawing.image[: len(drawing.image) - found]
    assert data_bar.crop_data_bar(above) == 0


def test_void_above_a_bar_of_its_level():
  image = specimen(200, 300)
  edge = 175 + 9 * np.sin(np.arange(300) / 31)
  image[np.arange(200)[:, None] > edge] = 3
  for level in (0, 255):
    bar = panel(30, 300, level, 255 - level)[2:]  # without its white line
    assert data_bar.crop_data_bar(np.concatenate([image, bar])) == 28


def test_a_bar_may_be_where_it_has_no_sharp_edge():
  image = specimen()
  edge = HEIGHT - 25 + 9 * np.sin(np.arange(WIDTH) / 17)
  image[np.arange(HEIGHT)[:, None] > edge] = 0
  assert data_bar.find(image) == data_bar.Found(0, doubtful=True)
  assert data_bar.find(specimen()) == data_bar.Found(0)


def test_stated_rows_are_set_off_or_not():
  image = np.concatenate([specimen(200, 300), panel(40, 300)])
  assert data_bar.is_set_off(image, 40)
  for rows in (20, 30, 50, 60):
    assert not data_bar.is_set_off(image, rows), rows
  for rows in (10, 24, 40):
    assert not data_bar.is_set_off(specimen(200, 300), rows), rows


def test_flat_images_have_no_bar():
  assert data_bar.crop_data_bar(np.zeros((100, 100), np.uint8)) == 0
  half = specimen()
  half[80:] = 0  # more than any bar takes
  assert data_bar.crop_data_bar(half) == 0
  assert data_bar.crop_data_bar(specimen(20, 40)) == 0
