"""The TFDS builder and the views made of it: exact, whole or not there."""

import json
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from eanet_jax import errors
from eanet_jax.data import micrographs, sources, view_store


def write_image(path: pathlib.Path, seed: int, height=70, width=90):
  path.parent.mkdir(parents=True, exist_ok=True)
  image = np.random.default_rng(seed).integers(0, 256, (height, width))
  Image.fromarray(image.astype(np.uint8)).save(path)
  return image


@pytest.fixture
def folder(tmp_path):
  """Two classes of two specimens of two images, of random pixels."""
  root = tmp_path / "set"
  seed = 0
  for label in ("bainite", "martensite"):
    for specimen in ("a", "b"):
      for i in range(2):
        write_image(root / label / specimen / f"{i}.png", seed)
        seed += 1
  return root


def load(root, data_dir, **kwargs):
  arguments = {"view": "whole", "image_px": 32, "tile_px": 32}
  source = sources.find("folder", str(root))
  return view_store.load(source, str(data_dir), **{**arguments, **kwargs})


def test_records_hold_the_pixels_of_the_files(folder, tmp_path):
  from eanet_jax.data import sem_steel

  builder = sem_steel.SemSteel(
    config="folder", path=str(folder), data_dir=str(tmp_path / "tfds")
  )
  builder.download_and_prepare()
  examples = list(builder.as_dataset(split=sem_steel.SPLIT).as_numpy_iterator())
  assert len(examples) == 8
  assert builder.info.features["label"].names == ["bainite", "martensite"]
  for example in examples:
    file = folder / example["file"].decode()
    np.testing.assert_array_equal(
      example["image"][..., 0], np.asarray(Image.open(file))
    )
    assert example["um_per_px"] == -1
    assert example["crop_rows"] == 0
    assert example["specimen"].decode() == "/".join(file.parts[-3:-1])
  assert [f.suffix for f in tmp_path.rglob("*tfrecord*")]


def test_synthetic_is_the_default_and_keeps_the_scale(tmp_path):
  from eanet_jax.data import sem_steel

  builder = sem_steel.SemSteel(
    source=sources.find("synthetic", images_per_specimen=1),
    data_dir=str(tmp_path),
  )
  builder.download_and_prepare()
  examples = list(builder.as_dataset(split=sem_steel.SPLIT).as_numpy_iterator())
  assert len(examples) == 28
  for example in examples:
    assert example["image"].shape == (512, 512, 1)  # the bar is gone
    assert example["crop_rows"] > 30
    assert 0.03 < example["um_per_px"] < 0.06
  assert sem_steel.SemSteel.BUILDER_CONFIGS[0].name == "synthetic"


def test_views_are_the_resized_micrographs_in_order(folder, tmp_path):
  views = load(folder, tmp_path / "data")
  assert views.images.shape == (8, 32, 32, 1)
  assert list(views.files) == sorted(views.files)
  for i, file in enumerate(views.files):
    expected = micrographs.resize(micrographs.read(folder / file).image, 32, 32)
    np.testing.assert_array_equal(views.images[i, ..., 0], expected)
  assert views.class_names == ("bainite", "martensite")
  assert views.labels.tolist() == [0] * 4 + [1] * 4
  assert views.micrograph.tolist() == list(range(8))


def test_tiles_know_their_micrograph(folder, tmp_path):
  views = load(folder, tmp_path / "data", view="tiles")
  assert views.images.shape == (8 * 4, 32, 32, 1)  # 2 x 2 of 70 x 90
  assert views.micrograph.tolist() == [i for i in range(8) for _ in range(4)]
  assert views.of(np.array([2, 5])).tolist() == [8, 9, 10, 11, 20, 21, 22, 23]


def test_an_unchanged_source_is_not_built_again(folder, tmp_path, monkeypatch):
  first = load(folder, tmp_path / "data")

  def fail(*_):
    raise AssertionError("built again")

  monkeypatch.setattr(view_store, "_build", fail)
  again = load(folder, tmp_path / "data")
  np.testing.assert_array_equal(first.images, again.images)
  os.utime(folder / first.files[0], ns=(1, 1))
  with pytest.raises(AssertionError, match="built again"):
    load(folder, tmp_path / "data")


def test_unusable_files_are_listed_and_the_others_used(folder, tmp_path):
  (folder / "bainite" / "a" / "text.png").write_text("no image")
  write_image(folder / "martensite" / "b" / "tiny.png", 0, 8, 8)
  (folder / "notes.png").write_text("beside the classes")
  views = load(folder, tmp_path / "data")
  assert len(views.labels) == 8
  assert {file: why for file, why in views.skipped}.keys() == {
    "bainite/a/text.png",
    "martensite/b/tiny.png",
  }
  assert views.unmatched == ("files beside the class folders (1 image)",)
  again = load(folder, tmp_path / "data", image_px=16)  # of the same records
  assert (again.skipped, again.unmatched) == (views.skipped, views.unmatched)


@pytest.mark.parametrize("usable", [0, 2])
def test_a_class_of_too_few_usable_images_is_an_error(usable, folder, tmp_path):
  for i in range(4):
    (folder / "pearlite" / "a").mkdir(parents=True, exist_ok=True)
    (folder / "pearlite" / "a" / f"{i}.png").write_text("no image")
  for i in range(usable):
    write_image(folder / "pearlite" / "a" / f"good{i}.png", i)
  with pytest.raises(errors.UserError, match=f"pearlite has {usable} usable"):
    load(folder, tmp_path / "data")
  assert not list((tmp_path / "data").rglob("index.json"))
  assert not list((tmp_path / "data").rglob("dataset_info.json"))


def test_tiles_larger_than_every_micrograph_are_an_error(folder, tmp_path):
  with pytest.raises(errors.UserError, match="tile_px"):
    load(folder, tmp_path / "data", view="tiles", tile_px=500)


def test_an_interrupted_build_leaves_nothing_that_looks_complete(
  folder, tmp_path, monkeypatch
):
  count = 0
  read = micrographs.read

  def interrupted(path):
    nonlocal count
    count += 1
    if count == 6:
      raise KeyboardInterrupt
    return read(path)

  monkeypatch.setattr(micrographs, "read", interrupted)
  with pytest.raises(KeyboardInterrupt):
    load(folder, tmp_path / "data")
  monkeypatch.undo()
  views = load(folder, tmp_path / "data")
  assert len(views.labels) == 8
  leftovers = [p for p in (tmp_path / "data").rglob("*incomplete*")]
  assert not leftovers


def test_an_interrupted_view_is_made_again(folder, tmp_path, monkeypatch):
  def interrupted(builder, path, *_):
    path.write_bytes(b"half")
    raise KeyboardInterrupt

  monkeypatch.setattr(view_store, "_write_images", interrupted)
  with pytest.raises(KeyboardInterrupt):
    load(folder, tmp_path / "data")
  monkeypatch.undo()
  assert len(load(folder, tmp_path / "data").images) == 8


def test_an_unwritable_data_dir_is_named(folder, tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(errors.UserError, match=r"dataset\.data_dir"):
    load(folder, tmp_path / "file" / "data")


def test_the_published_layout_builds_from_bmp_files(tmp_path):
  root = tmp_path / "download"
  seed = 0
  for alloy in ("CPJ7", "CPJ-8A", "HR52-B", "HR66", "P92", "P92LBN", "TAF"):
    for i in range(3):
      write_image(root / "SEM images" / alloy / f"{alloy}_{i}.bmp", seed)
      seed += 1
  write_image(root / "Overview" / "plate.bmp", 99)
  (root / "tensile.csv").write_text("alloy,UTS\nCPJ-7,800\n")
  source = sources.find("nine_cr", str(root))
  views = view_store.load(
    source,
    str(tmp_path / "data"),
    view="whole",
    image_px=32,
    tile_px=32,
  )
  assert views.class_names == ("CPJ", "HR", "P92")
  assert len(views.labels) == 18
  assert sorted(set(views.specimens)) == [
    "CPJ-8A",
    "CPJ7",
    "HR52-B",
    "HR66",
    "P92",
    "P92LBN",
  ]
  assert any("TAF" in line for line in views.unmatched)
  assert any("Overview" in line for line in views.unmatched)


def test_index_is_plain_json(folder, tmp_path):
  load(folder, tmp_path / "data")
  (index,) = (tmp_path / "data").rglob("index.json")
  assert set(json.loads(index.read_text())) == {
    "micrograph",
    "labels",
    "specimens",
    "files",
    "class_names",
    "skipped",
    "unmatched",
  }


def test_pixel_statistics_are_of_the_chosen_images():
  images = np.zeros((3, 4, 4, 1), np.uint8)
  images[1], images[2] = 10, 30
  mean, std = view_store.pixel_statistics(images, np.array([1, 2]))
  assert (mean, std) == (20, 10)
  mean, std = view_store.pixel_statistics(images, np.array([1]))
  assert (mean, std) == (10, 1)  # never a division by 0
