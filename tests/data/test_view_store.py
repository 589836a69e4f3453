"""Views: exact, whole or not there, and the same without TensorFlow."""

import dataclasses
import functools
import json
import os

import numpy as np
import pytest
from conftest import run
from made_files import load_views, save, save_noise, two_classes, with_bar

from eanet_jax import errors
from eanet_jax.data import (
  file_limits,
  file_readers,
  micrographs,
  sources,
  synthetic,
  view_store,
)


@pytest.fixture
def folder(tmp_path):
  return two_classes(tmp_path / "set")


def test_views_are_the_resized_micrographs_in_order(folder, tmp_path):
  views = load_views(folder, tmp_path / "data")
  assert views.images.shape == (8, 32, 32, 1)
  assert list(views.files) == sorted(views.files)
  for i, file in enumerate(views.files):
    expected = micrographs.resize(micrographs.read(folder / file).image, 32, 32)
    np.testing.assert_array_equal(views.images[i, ..., 0], expected)
  assert views.class_names == ("bainite", "martensite")
  assert views.labels.tolist() == [0] * 4 + [1] * 4
  assert views.micrograph.tolist() == list(range(8))


def test_tiles_know_their_micrograph(folder, tmp_path):
  views = load_views(folder, tmp_path / "data", view="tiles")
  assert views.images.shape == (8 * 4, 32, 32, 1)  # 2 x 2 of 70 x 90
  assert views.micrograph.tolist() == [i for i in range(8) for _ in range(4)]
  assert views.of(np.array([2, 5])).tolist() == [8, 9, 10, 11, 20, 21, 22, 23]


def test_an_unchanged_source_is_not_built_again(folder, tmp_path, monkeypatch):
  first = load_views(folder, tmp_path / "data")

  def fail(*_):
    raise AssertionError("built again")

  monkeypatch.setattr(view_store, "_build", fail)
  again = load_views(folder, tmp_path / "data")
  np.testing.assert_array_equal(first.images, again.images)
  os.utime(folder / first.files[0], ns=(1, 1))
  folder = folder.rename(folder.with_name("moved"))
  (folder / "notes.dm3").write_text("x")
  again = load_views(folder, tmp_path / "data")
  np.testing.assert_array_equal(first.images, again.images)
  (line,) = again.unmatched  # of now, not of when it was built
  assert "1 .dm3 file" in line
  save_noise(folder / first.files[0], 99)
  with pytest.raises(AssertionError, match="built again"):
    load_views(folder, tmp_path / "data")


def test_unusable_files_are_listed_and_the_others_used(
  either_way, folder, tmp_path
):
  (folder / "bainite" / "a" / "text.png").write_text("no image")
  save_noise(folder / "martensite" / "b" / "tiny.png", 0, 8, 8)
  (folder / "notes.png").write_text("beside the classes")
  views = load_views(folder, tmp_path / "data")
  assert len(views.labels) == 8
  assert {file: why for file, why in views.skipped}.keys() == {
    "bainite/a/text.png",
    "martensite/b/tiny.png",
  }
  assert views.unmatched == ("files beside the class folders (1 image)",)
  # Of the same records.
  again = load_views(folder, tmp_path / "data", image_px=16)
  assert (again.skipped, again.unmatched) == (views.skipped, views.unmatched)


@pytest.mark.parametrize("usable", [0, 2])
def test_a_class_of_too_few_usable_images_is_an_error(
  usable, either_way, folder, tmp_path
):
  for i in range(4):
    (folder / "pearlite" / "a").mkdir(parents=True, exist_ok=True)
    (folder / "pearlite" / "a" / f"{i}.png").write_text("no image")
  for i in range(usable):
    save_noise(folder / "pearlite" / "a" / f"good{i}.png", i)
  with pytest.raises(errors.UserError, match=f"pearlite has {usable} usable"):
    load_views(folder, tmp_path / "data")
  assert not list((tmp_path / "data").rglob("index.json"))
  assert not list((tmp_path / "data").rglob("dataset_info.json"))


def test_tiles_larger_than_every_micrograph_are_an_error(
  either_way, folder, tmp_path
):
  with pytest.raises(errors.UserError, match="tile_px"):
    load_views(folder, tmp_path / "data", view="tiles", tile_px=500)


def unlike(folder):
  """Adds to a folder what is not as the rest of it; returns its source."""
  save(folder / "bainite" / "a" / "2 µm.bmp", with_bar())
  wide = np.random.default_rng(9).integers(0, 1 << 16, (90, 120))
  save(folder / "bainite" / "b" / "2.tif", wide.astype(np.uint16))
  save_noise(folder / "martensite" / "b" / "small.png", 8, 40, 50)
  save_noise(folder / "martensite" / "b" / "tiny.png", 9, 8, 8)
  (folder / "bainite" / "a" / "text.png").write_text("no image")
  (folder / "beside.png").write_text("of no class")
  return sources.find("folder", str(folder))


def drawings():
  """Three of each class of the drawn source."""
  source = sources.find("synthetic", images_per_specimen=3)
  first = ("CPJ-1", "HR-1", "P92-1")
  kept = tuple(each for each in source.entries if each.specimen in first)
  return dataclasses.replace(source, entries=kept)


@pytest.mark.parametrize("name", ["folder", "synthetic"])
def test_without_tensorflow_every_byte_is_the_same(
  name, folder, tmp_path, monkeypatch, request
):
  source = unlike(folder) if name == "folder" else drawings()
  draw = functools.cache(synthetic.draw)  # once for all builds
  monkeypatch.setattr(
    synthetic, "draw_all", lambda seed, items: (draw(seed, *i) for i in items)
  )

  def build(way):
    for view in ("whole", "tiles"):
      view_store.load(
        source,
        str(tmp_path / way),
        limits=file_limits.Limits(),
        view=view,
        image_px=32,
        tile_px=64,
      )
    files = [p for p in (tmp_path / way).rglob("views/*/*") if p.is_file()]
    return {str(p.relative_to(tmp_path / way)): p.read_bytes() for p in files}

  through_records = build("records")
  request.getfixturevalue("no_tensorflow")
  assert build("direct") == through_records
  assert len(through_records) == 2 * 3
  assert list((tmp_path / "records").rglob("*tfrecord*"))
  assert not list((tmp_path / "direct").rglob("*tfrecord*"))
  if name == "synthetic":
    return
  unusable = ["bainite/a/text.png", "martensite/b/tiny.png"]
  for path, content in through_records.items():
    if path.endswith("index.json"):
      skipped = [file for file, _ in json.loads(content)["skipped"]]
      small = ["martensite/b/small.png"] * ("tiles-" in path)
      assert skipped == unusable + small


def test_without_tensorflow_micrographs_are_read_as_they_are_needed(
  folder, tmp_path, monkeypatch, no_tensorflow
):
  for i in range(100):
    save_noise(folder / "bainite" / "a" / f"more{i}.png", i, 40, 40)
  waiting, most = 0, 0
  read, views = file_readers.Readers.read, micrographs.views

  def counted_read(readers, path, told):
    nonlocal waiting
    waiting += 1
    return read(readers, path, told)

  def counted_views(*arguments):
    nonlocal waiting, most
    most, waiting = max(most, waiting), waiting - 1
    return views(*arguments)

  monkeypatch.setattr(file_readers.Readers, "read", counted_read)
  monkeypatch.setattr(micrographs, "views", counted_views)
  assert len(load_views(folder, tmp_path / "data").images) == 108
  assert most <= 17  # of 108


@pytest.mark.parametrize(
  ("error", "text"),
  [("ModuleNotFoundError", "no tensorflow"), ("OSError", "libtensorflow.so")],
)
def test_a_new_process_without_tensorflow_builds_what_was_never_built(
  error, text, folder, tmp_path
):
  (tmp_path / "tensorflow.py").write_text(f"raise {error}({text!r})")
  program = (
    "import sys\n"
    f"sys.path.insert(0, {str(tmp_path)!r})\n"
    "from eanet_jax.data import file_limits, sources, view_store\n"
    f"source = sources.find('folder', {str(folder)!r})\n"
    "for px in (32, 48):\n"
    f"  views = view_store.load(source, {str(tmp_path / 'data')!r},"
    " limits=file_limits.Limits(), view='whole', image_px=px, tile_px=px)\n"
    "  print(views.images.shape)"
  )
  done = run("-c", program)
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines() == [
    f"TensorFlow cannot be imported ({text}): the data set is built without"
    " TFRecords",
    "(8, 32, 32, 1)",
    "(8, 48, 48, 1)",
  ]


def test_the_published_layout_builds_from_bmp_files(tmp_path):
  root = tmp_path / "download"
  seed = 0
  for alloy in ("CPJ7", "CPJ-8A", "HR52-B", "HR66", "P92", "P92LBN", "TAF"):
    for i in range(3):
      save_noise(root / "SEM images" / alloy / f"{alloy}_{i}.bmp", seed)
      seed += 1
  save_noise(root / "Overview" / "plate.bmp", 99)
  (root / "tensile.csv").write_text("alloy,UTS\nCPJ-7,800\n")
  source = sources.find("nine_cr", str(root))
  views = view_store.load(
    source,
    str(tmp_path / "data"),
    limits=file_limits.Limits(),
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
  load_views(folder, tmp_path / "data")
  (index,) = (tmp_path / "data").rglob("index.json")
  assert set(json.loads(index.read_text())) == {
    "micrograph",
    "labels",
    "specimens",
    "files",
    "class_names",
    "skipped",
    "beyond_limits",
    "unmatched",
    "copies",
    "remarks",
    "numbers",
  }
