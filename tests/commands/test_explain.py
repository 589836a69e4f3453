"""`eanet explain`: pictures, a page and arrays of any files."""

import pathlib
import re
import shutil

import numpy as np
import pytest
from conftest import eanet
from PIL import Image

from eanet_jax.commands import explain
from eanet_jax.inference import classify
from eanet_jax.reporting import contribution_pictures


@pytest.fixture(scope="module")
def explained(trained, drawn_folder, tmp_path_factory):
  """What two folders, with a file of the same name and a bad one, give."""
  here = tmp_path_factory.mktemp("explain")
  files = sorted(drawn_folder.rglob("*.bmp"))
  for name, file in (("a", files[0]), ("b", files[-1])):
    (here / name).mkdir()
    shutil.copy(file, here / name / "x&<b>.bmp")
  (here / "b" / "words.png").write_text("these are words")
  out = here / "out"
  command = ("explain", trained, here / "a", here / "b", "--out", out)
  done = eanet(*command, "--um-per-px", "0.02", "--arrays")
  return here, out, command, done


def test_every_file_has_its_picture_and_the_bad_one_a_line(explained):
  _, out, _, done = explained
  assert done.returncode == 1, done.stderr
  assert "2 files explained, 1 could not be used" in done.stdout
  assert "words.png: " in done.stderr
  assert "Traceback" not in done.stderr
  pictures = {"x__b_.png", "x__b_-2.png"}
  arrays = {name.replace(".png", ".npz") for name in pictures}
  there = {path.name for path in out.iterdir()}
  assert there == {"index.html"} | pictures | arrays
  with Image.open(out / "x__b_.png") as picture:
    assert picture.width > 900
  page = (out / "index.html").read_text()
  assert "x&amp;&lt;b&gt;.bmp" in page
  assert "<b>.bmp" not in page
  assert page.count("data:image/jpeg") == page.count('loading="lazy"') == 6
  assert set(re.findall(r'href="([^"#]+)"', page)) == pictures
  assert "words.png" in page
  assert not re.search(r'(src|href)="(http|/)', page)


def test_arrays_add_up_to_what_the_classifier_says(explained, trained):
  here, out, _, _ = explained
  (found,) = classify.Classifier.restore(trained)([here / "a"])
  with np.load(out / "x__b_.npz") as arrays:
    logits = arrays["maps"].sum(axis=(1, 2)) + arrays["constants"]
    np.testing.assert_allclose(logits, arrays["logits"], rtol=1e-6)
    np.testing.assert_allclose(logits, found.logits[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(arrays["probabilities"], found.probabilities)
    assert arrays["class_names"].tolist() == ["CPJ", "HR", "P92"]
    with Image.open(here / "a" / "x&<b>.bmp") as picture:
      height = picture.height - found.crop_rows
    assert arrays["extent"].tolist() == [0, 0, height, 512]
    assert arrays["um_per_px"] == 0.02


def test_a_class_may_be_asked_for_and_its_folder_used_again(explained):
  _, out, command, _ = explained
  before = (out / "x__b_.png").read_bytes()
  done = eanet(*command, "--class", "HR", "--keep-going")
  assert done.returncode == 0, done.stderr
  assert (out / "x__b_.png").read_bytes() != before
  assert "Red speaks for HR" in (out / "index.html").read_text()


def test_mistakes_are_one_line(explained, trained, tmp_path):
  here, _, command, _ = explained
  (tmp_path / "mine.txt").write_text("")
  for arguments, said in (
    ((*command, "--class", "TRIP"), "the network knows CPJ, HR, P92"),
    ((*command[:3], "--out", tmp_path), "holds other files"),
    ((*command[:3], "--out", tmp_path / "mine.txt"), "is a file"),
    ((*command[:3], "--out", here / "a" / "out"), "to be explained"),
    (("explain", tmp_path / "no", here / "a"), "no such folder"),
  ):
    if "--out" not in arguments:
      arguments = (*arguments, "--out", tmp_path / "new")
    done = eanet(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line
  assert (tmp_path / "mine.txt").read_text() == ""


def test_names_of_files_are_told_apart_on_any_disk():
  files = ["a/x.tif", "b/X.tif", "c/x.png", "c/x-2.png", "\u00e4/\udce4 1.bmp"]
  found = explain.names([pathlib.Path(file) for file in files])
  assert found == ["x", "X-2", "x-3", "x-2-2", "_ 1"]


def test_colours_are_red_and_blue_and_fade_to_the_micrograph():
  grey = np.full((1, 4), 100.0)
  pixels = contribution_pictures.blend(grey, np.array([[-2, 0, np.nan, 1]]))
  blue, none, unseen, red = pixels[0]
  assert blue[2] > blue[0] + 80
  assert red[0] > red[2] + 80
  assert (none == unseen).all()
  assert np.ptp(none) == 0


@pytest.mark.parametrize(
  ("width_um", "expected"),
  [(100, "20 µm"), (4000, "1 mm"), (3.9, "500 nm"), (4, "1 µm")],
)
def test_scale_bars_are_of_a_round_length(width_um, expected):
  length, text = contribution_pictures.bar_length(width_um)
  assert text == expected
  assert width_um / 10 <= length <= width_um / 4
