"""Burnt-in boxes are found to the pixel and hidden, and nothing else is."""

import numpy as np
import pytest
from made_files import BAINITE, jpeg, panel, save, specimen
from PIL import Image, ImageDraw

from eanet_jax.data import image_folders, micrographs, overlays

BOX = (150, 180, 30, 100)


def with_box(image, box=BOX, paper=255, ink=0, outline=None):
  y, x, height, width = box
  picture = Image.new("L", (width, height), paper)
  draw = ImageDraw.Draw(picture)
  draw.text((10, 4), "50 um", fill=ink)
  draw.rectangle((6, height - 6, width - 7, height - 5), fill=ink)
  if outline is not None:
    draw.rectangle((0, 0, width - 1, height - 1), outline=outline)
  image = image.copy()
  image[y : y + height, x : x + width] = np.asarray(picture)
  return image


GREY = specimen(200, 300)


@pytest.mark.parametrize("paper", [0, 255, 200])
@pytest.mark.parametrize("outline", [None, 60])
def test_box_is_found_exactly(paper, outline):
  ink = 0 if paper else 255
  image = with_box(GREY, paper=paper, ink=ink, outline=outline)
  assert overlays.find(image) == (BOX,)


@pytest.mark.parametrize("y", [0, 8, 170])
@pytest.mark.parametrize("x", [0, 8, 200])
def test_box_in_any_corner(y, x):
  box = (y, x, *BOX[2:])
  assert overlays.find(with_box(GREY, box)) == (box,)


@pytest.mark.parametrize("quality", [60, 75, 95])
@pytest.mark.parametrize("paper", [0, 255])
def test_box_after_jpeg(quality, paper):
  image = jpeg(with_box(GREY, paper=paper, ink=255 - paper), quality)
  (found,) = overlays.find(image)
  assert np.abs(np.subtract(found, BOX)).max() <= 3


@pytest.mark.parametrize("zoom", [0.5, 0.75, 1.5, 2])
def test_box_after_resizing(zoom):
  picture = Image.fromarray(with_box(GREY))
  size = round(300 * zoom), round(200 * zoom)
  (found,) = overlays.find(
    np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
  )
  assert np.abs(np.subtract(found, np.multiply(BOX, zoom))).max() <= 3


def test_scale_line_beside_its_box():
  image = with_box(GREY, (130, 180, 30, 100))
  image[170:173, 150:290] = 255
  image[165:178, [150, 151, 288, 289]] = 255
  assert overlays.find(image) == ((130, 180, 30, 100), (165, 150, 13, 140))
  # Alone it proves nothing.
  image[130:160, 180:280] = GREY[130:160, 180:280]
  assert overlays.find(image) == ()


def test_what_is_no_box():
  assert overlays.find(GREY) == ()
  assert overlays.find(np.zeros((100, 100), np.uint8)) == ()
  assert overlays.find(np.concatenate([GREY, panel(24, 300)])) == ()
  image = GREY.copy()
  image[150:180, 180:280] = 255  # nothing is written in it
  assert overlays.find(image) == ()
  assert overlays.find(with_box(GREY, (85, 100, 30, 100))) == ()  # amid it
  y, x = np.mgrid[:200, :300]
  image[(y - 160) ** 2 + (x - 230) ** 2 < 900] = 255  # a round phase
  assert overlays.find(image) == ()


def test_hidden_box_leaves_no_frame():
  y, x, height, width = BOX
  image = overlays.hidden(with_box(GREY), (BOX,))
  inside = image[y : y + height, x : x + width].astype(float)
  assert abs(inside.mean() - GREY.mean()) < 3
  assert abs(inside.std() - GREY.std()) < 3
  for edge in (y, y + height):
    step = np.abs(image[edge].astype(float) - image[edge - 1])[x : x + width]
    usual = np.abs(np.diff(GREY.astype(float), axis=0)).mean()
    assert step.mean() < 1.3 * usual
  outside = np.ones(image.shape, bool)
  outside[y - 2 : y + height + 2, x - 2 : x + width + 2] = False
  np.testing.assert_array_equal(image[outside], GREY[outside])


@pytest.mark.parametrize("y", [0, 3, 167, 170])
def test_box_at_a_border_is_filled_from_the_other_side(y):
  box = (y, 200, 30, 100)
  image = overlays.hidden(with_box(GREY, box), (box,))
  assert abs(image[y : y + 30, 200:].astype(float).mean() - GREY.mean()) < 5
  assert (image[y : y + 30, 200:] == 255).mean() < 0.01


def test_boxes_above_each_other_are_not_mirrored_into_each_other():
  boxes = (110, 180, 30, 100), (150, 180, 30, 100)
  image = with_box(with_box(GREY, boxes[0]), boxes[1])
  assert overlays.find(image) == boxes
  hidden = overlays.hidden(image, boxes)
  assert (hidden == 255).mean() < 0.01


def test_read_hides_unless_told(tmp_path):
  image = with_box(GREY)
  path = save(tmp_path / "a.png", image)
  found = micrographs.read(path)
  assert found.overlays == (BOX,)
  assert (found.image == 255).mean() < 0.01
  told = micrographs.Told(keep_overlays=True)
  kept = micrographs.read(path, told)
  assert kept.overlays == (BOX,)
  np.testing.assert_array_equal(kept.image, image)
  looked_at = micrographs.read(path, keep_bar=True)
  assert looked_at.overlays == (BOX,)
  np.testing.assert_array_equal(looked_at.image, image)


def test_box_above_a_bar(tmp_path):
  image = np.concatenate([with_box(GREY), panel(24, 300)])
  found = micrographs.read(save(tmp_path / "a.png", image))
  assert (found.crop_rows, found.overlays) == (24, (BOX,))


def test_large_picture_is_searched_in_its_corners():
  image = np.tile(GREY, (15, 10))
  box = (2900, 2800, 60, 180)
  assert overlays.find(with_box(image, box)) == (box,)


def test_light_micrographs():
  paths = image_folders.find(BAINITE)[::8] if BAINITE.is_dir() else []
  if not paths:
    pytest.skip("no light micrographs here")
  for path in paths:
    # A label on white, and the line that shows its length.
    boxes = (1078, 1436, 45, 105), (1151, 1291, 13, 260)
    found = micrographs.read(path).overlays
    assert np.abs(np.subtract(found, boxes)).max() <= 1
