"""From a stranger's folder to its split: what was taken for what is said."""

import shutil

import numpy as np
import pytest
from made_files import save_noise, two_classes

from eanet_jax import errors
from eanet_jax.configuration import recipes
from eanet_jax.data import dataset


@pytest.fixture
def load(tmp_path, no_tensorflow):
  def loaded(path, **fields):
    config = recipes.load("smoke").unlock()
    config.dataset.source = "folder"
    config.dataset.path = str(path)
    config.dataset.data_dir = str(tmp_path / "data")
    config.dataset.image_px = 32
    config.dataset.update(fields)
    return dataset.load(config)

  return loaded


def files_of(data, part):
  return {data.views.files[i] for i in part}


def test_a_split_in_folders_is_used_and_said(load, tmp_path):
  root = tmp_path / "set"
  for part in ("train", "val", "test"):
    for i, label in enumerate(("a", "b")):
      for k in range(2):
        seed = 4 * len(part) + 2 * i + k
        save_noise(root / part / label / f"s{part}" / f"{k}.png", seed)
  data = load(root)
  assert data.split.by == "user"
  for name, part in (
    ("train", data.split.train),
    ("val", data.split.validation),
    ("test", data.split.test),
  ):
    assert files_of(data, part) == {
      f"{name}/{label}/s{name}/{k}.png" for label in "ab" for k in range(2)
    }
  first, *_ = data.describe("")
  assert first.endswith("4 to test, as the folders or the table say")


def test_specimens_of_one_picture_are_together_and_it_is_named(load, tmp_path):
  root = two_classes(tmp_path / "set")
  for specimen in "cd":
    for i in range(2):
      seed = ord(specimen) + 10 * i
      save_noise(root / "bainite" / specimen / f"{i}.png", seed)
  shutil.copy(root / "bainite/a/0.png", root / "bainite/b/again.png")
  data = load(root)
  sides = [
    name
    for name, part in (
      ("seen", np.concatenate([data.split.train, data.split.validation])),
      ("tested", data.split.test),
    )
    if {"bainite/a/0.png", "bainite/b/again.png"} & files_of(data, part)
  ]
  assert len(sides) == 1
  assert (
    "note: the same picture: bainite/a/0.png = bainite/b/again.png"
    in data.describe("")
  )


def test_one_picture_in_two_classes_is_refused_unless_allowed(load, tmp_path):
  root = two_classes(tmp_path / "set")
  shutil.copy(root / "bainite/a/0.png", root / "martensite/a/again.png")
  with pytest.raises(errors.UserError, match="same picture is in two classes"):
    load(root)
  data = load(root, allow_duplicates=True)
  assert len(data.views.labels) == 9


def test_swapped_classes_are_built_again(load, tmp_path):
  """Even where sizes and times are the same."""
  root = two_classes(tmp_path / "set")
  before = load(root).views
  (root / "bainite").rename(root / "beside")
  (root / "martensite").rename(root / "bainite")
  (root / "beside").rename(root / "martensite")
  after = load(root).views
  np.testing.assert_array_equal(after.images[:4], before.images[4:])
  assert after.digest != before.digest
