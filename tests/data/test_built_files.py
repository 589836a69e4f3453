"""What was built and is damaged since is told, and built again."""

import os
import shutil

import numpy as np
import pytest
from made_files import load_views, two_classes


@pytest.fixture
def folder(tmp_path):
  return two_classes(tmp_path / "set")


def flip(file):
  content = bytearray(file.read_bytes())
  content[len(content) // 2] ^= 0x10
  file.write_bytes(content)


def relabel(file):
  file.write_text(file.read_text().replace("[0, 0,", "[0, 1,"))


DAMAGES = [
  (flip, "has changed"),
  (lambda file: os.truncate(file, 9), "has changed"),
  (lambda file: file.write_bytes(b""), "has changed"),
  (os.remove, "is missing"),
]


@pytest.mark.parametrize(
  ("name", "damage", "says"),
  [
    *(("images.u8", *each) for each in DAMAGES),
    *(("index.json", *each) for each in DAMAGES),
    ("index.json", relabel, "has changed"),
  ],
)
def test_damaged_views_are_told_and_built_again(
  name, damage, says, folder, tmp_path, capsys
):
  sound = load_views(folder, tmp_path / "data")
  images = np.array(sound.images)  # not the file that is damaged
  (file,) = (tmp_path / "data").rglob(name)
  damage(file)
  again = load_views(folder, tmp_path / "data")
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(f"{file.parent} is damaged ({name} ")
  assert says in line
  np.testing.assert_array_equal(again.images, images)
  np.testing.assert_array_equal(again.labels, sound.labels)
  load_views(folder, tmp_path / "data")
  assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"images.u8": "1"}'])
def test_damaged_checksums_are_told_too(content, folder, tmp_path, capsys):
  load_views(folder, tmp_path / "data")
  (file,) = (tmp_path / "data").rglob("views/*/checksums.json")
  file.write_text(content)
  assert len(load_views(folder, tmp_path / "data").images) == 8
  assert "is damaged" in capsys.readouterr().out


@pytest.mark.parametrize(("damage", "says"), DAMAGES)
@pytest.mark.parametrize(
  "name", ["*.tfrecord*", "dataset_info.json", "label.labels.txt"]
)
def test_damaged_records_are_told_and_built_again(
  name, damage, says, folder, tmp_path, capsys
):
  sound = load_views(folder, tmp_path / "data")
  (file,) = (tmp_path / "data").rglob(name)
  damage(file)
  shutil.rmtree(next((tmp_path / "data").glob("*/views")))
  again = load_views(folder, tmp_path / "data")
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(f"{file.parent} is damaged ({file.name} ")
  assert says in line
  np.testing.assert_array_equal(again.images, sound.images)
  np.testing.assert_array_equal(again.labels, sound.labels)
