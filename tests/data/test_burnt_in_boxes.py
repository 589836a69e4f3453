"""What is burnt into the images of one class alone is not what is learnt."""

import json

import numpy as np
import pytest
from conftest import launch
from PIL import Image, ImageDraw
from scipy import ndimage


def field(seed):
  """Grains that are the same in every class."""
  rng = np.random.default_rng(seed)
  grains = ndimage.gaussian_filter(rng.normal(size=(240, 320)), 2)
  levels = 120 + 35 * grains / grains.std() + rng.normal(0, 6, grains.shape)
  return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def labelled(image):
  """With a scale box, as programs of light microscopes burn it in."""
  picture = Image.fromarray(image)
  draw = ImageDraw.Draw(picture)
  draw.rectangle((210, 180, 305, 225), fill=255)
  draw.text((236, 186), "50 um", fill=0)
  draw.rectangle((220, 208, 295, 212), fill=0)
  return np.asarray(picture)


def accuracy(folder, tmp_path, data_dir, overlays):
  """Of a network that is told "a" and "b" of images of the same grains."""
  workdir = tmp_path / overlays
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={workdir}",
    "--config.dataset.source=folder",
    f"--config.dataset.path={folder}",
    f"--config.dataset.data_dir={data_dir}",
    f"--config.dataset.overlays={overlays}",
    "--config.dataset.image_px=32",
    "--config.split.by=micrograph",
    "--config.split.test_fraction=0.4",
    "--config.model.patch_px=8",
    "--config.model.width=16",
    "--config.model.num_blocks=1",
    "--config.model.mlp_width=16",
    "--config.train.epochs=30",
    "--config.optimizer.learning_rate=4e-3",
    "--config.evaluation.bootstrap_resamples=50",
  )
  assert done.returncode == 0, done.stderr
  results = json.loads((workdir / "results.json").read_text())
  return results["test"]["micrograph"]["accuracy"], results


@pytest.fixture
def folder(tmp_path):
  """Of class a each image has a box, of class b none."""
  for label in "ab":
    (tmp_path / "set" / label).mkdir(parents=True)
    for i in range(40):
      image = field(100 * (label == "b") + i)
      image = labelled(image) if label == "a" else image
      Image.fromarray(image).save(tmp_path / "set" / label / f"{i}.png")
  return tmp_path / "set"


def test_a_box_on_one_class_teaches_nothing(folder, tmp_path, data_dir):
  kept, _ = accuracy(folder, tmp_path, data_dir, "keep")
  assert kept > 0.95  # the box would be learnt
  hidden, results = accuracy(folder, tmp_path, data_dir, "hide")
  # As by chance: of 32 test images, 24 or more right once in 200 times.
  assert hidden < 0.75
  assert results["baselines"]["texture"]["micrograph"]["accuracy"] < 0.75
