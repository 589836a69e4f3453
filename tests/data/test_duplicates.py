"""Copies and frames of one field are found, other fields are not."""

import io
import time

import numpy as np
import pytest
from made_files import BAINITE
from PIL import Image
from scipy import ndimage

from eanet_jax.data import duplicates, image_folders, micrographs, synthetic


def field(seed, height=240, width=300, contrast=25):
  """Grains, with light that falls off to the sides, as a microscope's does."""
  rng = np.random.default_rng(seed)
  grains = ndimage.gaussian_filter(rng.normal(size=(height, width)), 4)
  y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
  light = -40 * (x**2 + y**2) + 10 * x
  levels = 140 + contrast * grains / grains.std() + light
  return np.clip(levels, 0, 255).astype(np.uint8)


def pairs(*images):
  return duplicates.pairs(map(duplicates.fingerprint, images))


def likeness(images):
  """Correlations of the thumbnails as they are."""
  prints = [duplicates.fingerprint(image) for image in images]
  return np.corrcoef([each["thumbnail"].ravel() for each in prints])


def as_jpeg(image):
  content = io.BytesIO()
  Image.fromarray(image).save(content, "JPEG", quality=30)
  return np.asarray(Image.open(content))


COPIES = {
  "equal": lambda image: image.copy(),
  "jpeg": as_jpeg,
  "smaller": lambda image: micrographs.resize(image, 97, 122),
  "larger": lambda image: micrographs.resize(image, 500, 600),
  "dimmer": lambda image: (image * 0.6 + 20).astype(np.uint8),
  "noisy": lambda image: np.clip(
    image + np.random.default_rng(9).normal(0, 20, image.shape), 0, 255
  ).astype(np.uint8),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_found(name):
  images = [field(0), field(1), COPIES[name](field(0)), field(2)]
  assert pairs(*images) == [(0, 2)]


def test_a_frame_that_drifted_a_little_is_found():
  image = field(0, 480, 600)
  assert pairs(image[:-2, :-2], image[2:, 2:]) == [(0, 1)]


def test_other_fields_in_the_same_light_are_not_alike():
  images = [field(seed, contrast=5) for seed in range(20)]
  assert likeness(images).min() > 0.9
  assert pairs(*images) == []


def test_what_is_drawn_over_all_images_does_not_make_them_alike():
  images = [(100 + field(seed) / 4).astype(np.uint8) for seed in range(6)]
  for image in images:  # as a data bar that was not found
    image[-30:] = 0
    image[-24:-8, 10:90:4] = 255
  assert likeness(images).min() > 0.9
  assert pairs(*images) == []


def test_fine_structure_that_a_thumbnail_does_not_show_is_not_alike():
  stripes = np.tile(np.array([0, 255], np.uint8), (64, 64))
  assert pairs(stripes, stripes.T.copy(), stripes, stripes[:, ::-1]) == [(0, 2)]


def test_equal_pictures_are_paired_with_the_first():
  images = [field(1), field(0), field(0), field(0)]
  assert pairs(*images) == [(1, 2), (1, 3)]
  assert pairs() == []


def test_drawings_are_all_different():
  items = [item for item in synthetic.catalogue() if item[2] < 2]
  drawn = synthetic.draw_all(0, items, 1)
  assert pairs(*(each.image[: -each.bar_rows] for each in drawn)) == []


def test_light_micrographs_are_all_different():
  paths = image_folders.find(BAINITE) if BAINITE.is_dir() else []
  if not paths:
    pytest.skip("no light micrographs here")
  assert pairs(*(micrographs.read(path).image for path in paths)) == []


def test_thousands_are_compared_in_seconds():
  rng = np.random.default_rng(0)
  prints = np.zeros(4000, duplicates.FINGERPRINT)
  prints["pixels"] = rng.integers(0, 256, prints["pixels"].shape)
  prints["thumbnail"] = rng.normal(size=prints["thumbnail"].shape)
  prints[3999]["thumbnail"] = 3 * prints[7]["thumbnail"]
  begun = time.process_time()
  assert duplicates.pairs(prints) == [(7, 3999)]
  assert time.process_time() - begun < 20
