"""Nothing in a folder vanishes: it is an image, or there is a line about it."""

import os

import numpy as np
import pytest
from conftest import eanet
from made_files import reason, save, specimen, write
from PIL import Image

from eanet_jax.data import image_folders, micrographs


def listed(root):
  listing = image_folders.search(root)
  return [path.as_posix() for path in listing.images], listing.left_out()


def test_find(tmp_path, tmp_path_factory):
  names = ["b/2.png", "b/10.TIF", "a.bmp", "b.jpeg", "B/x.Jpg", "b/c/d.tiff"]
  names += ["b/e.jfif", "b/f.JPE", "b/g.tif "]
  write(tmp_path, *names, "._a.bmp", ".git/x.png", "b/notes.txt", "png")
  (tmp_path / "folder.png").mkdir()
  (tmp_path / "b" / "loop").symlink_to(tmp_path)
  (tmp_path / "all").symlink_to(tmp_path / "b")
  (tmp_path / "up").symlink_to(tmp_path.parent)
  (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
  names.append("gone.png")
  elsewhere = write(tmp_path_factory.mktemp("elsewhere"), "e.png")
  (tmp_path / "c").symlink_to(elsewhere)
  names.append("c/e.png")
  found = image_folders.find(tmp_path)
  assert [p.relative_to(tmp_path).as_posix() for p in found] == sorted(names)
  assert listed(tmp_path)[1] == (
    "right in the folder: 1 file without an ending is no image",
    "b: 1 .txt file is no image",
    "hidden, not looked at: 2 files, in or as ._a.bmp (1 file), .git (1 file)",
    "all: a link to a folder that is looked into already",
    "b/loop: a link to a folder that is looked into already",
    "up: a link to a folder that is looked into already",
  )
  with pytest.raises(micrographs.MicrographError, match="not a folder"):
    image_folders.find(tmp_path / "a.bmp")


def test_files_of_other_kinds_are_told_by_their_ending_with_what_to_do(
  tmp_path,
):
  write(tmp_path, "a/1.png", "a/x/1.dm3", "b/2.dm3", "b/3.DM3", "b/s.webp")
  write(tmp_path, "b/talk.pptx", "b/all.zip", "b/notes.md", "b/more.md")
  assert listed(tmp_path)[1] == (
    "b and 1 other folder: 3 .dm3 files cannot be read: export as TIFF",
    "b: 1 .pptx file cannot be read: save the pictures in it as TIFF or PNG",
    "b: 1 .webp file cannot be read: save as TIFF or PNG",
    "b: 1 .zip file cannot be read: unpack",
    "b: 2 .md files are no images",
  )


def test_what_is_beside_an_image_of_its_name_is_no_surprise(tmp_path):
  write(tmp_path, "1.tif", "1.hdr", "1-tif.hdr", "1.TXT", "1.tif.xml", "1.csv")
  assert listed(tmp_path) == (["1.tif"], ())
  write(tmp_path, "2.hdr", "1.md")
  assert listed(tmp_path)[1] == (
    "right in the folder: 1 .hdr file is no image",
    "right in the folder: 1 .md file is no image",
  )


@pytest.mark.parametrize(
  "file",
  [
    "@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/1.png",
    "$RECYCLE.BIN/1.png",
    "System Volume Information/1.png",
    "__MACOSX/1.png",
    "lost+found/1.png",
    "Thumbs.db",
    "Desktop.ini",
  ],
)
def test_what_a_system_leaves_is_not_looked_at_and_counted(tmp_path, file):
  write(tmp_path, "a/1.png", f"a/{file}", f"b/{file}")
  name = file.split("/")[0]
  assert listed(tmp_path) == (
    ["a/1.png"],
    (f"left there by a system, not looked at: {name} (2 files)",),
  )


def test_many_hidden_files_are_one_line(tmp_path):
  write(tmp_path, "1.png", *(f"._{i}.tif" for i in range(9)), ".Trash-0/2.png")
  images, (line,) = listed(tmp_path)
  assert images == ["1.png"]
  assert line.startswith("hidden, not looked at: 10 files, in or as .Trash-0 ")
  assert line.endswith(" and 5 more")


def test_a_contact_sheet_is_not_taken_for_a_micrograph(tmp_path):
  path = save(tmp_path / "a.png", specimen())
  sheet = tmp_path / "sheet.png"
  assert eanet("inspect", path, "--out", sheet).returncode == 0
  assert listed(tmp_path) == (
    ["a.png"],
    ("written by this program, no micrographs: sheet.png",),
  )
  # Only what it is marked by tells: the same pixels are a picture like others.
  save(tmp_path / "other.png", np.asarray(Image.open(sheet)))
  assert listed(tmp_path)[0] == ["a.png", "other.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / "a.png")
  assert listed(tmp_path) == (["a.png"], ())


def test_a_folder_that_cannot_be_read_is_found_and_says_why(
  tmp_path, closed_folder
):
  (tmp_path / "closed").mkdir()
  save(tmp_path / "open.png", specimen())
  expected = [tmp_path / "closed", tmp_path / "open.png"]
  assert image_folders.expand([tmp_path]) == expected
  assert reason(expected[0]) == "permission denied"
  assert reason(tmp_path) == "a folder, not a file"


def test_a_path_that_cannot_be_looked_at_stands_for_itself(tmp_path):
  path = tmp_path / ("n" * 300)
  assert image_folders.expand([path]) == [path]
  assert reason(path) == "file name too long"


def test_what_is_left_out_of_several_folders_is_told(tmp_path):
  write(tmp_path, "a/1.png", "a/1.dm3", "b/x.czi")
  left_out = []
  files = image_folders.expand([tmp_path / "a", tmp_path / "b"], left_out)
  assert files == [tmp_path / "a" / "1.png", tmp_path / "b"]
  assert left_out == [
    "right in the folder: 1 .dm3 file cannot be read: export as TIFF",
    "right in the folder: 1 .czi file cannot be read: export as TIFF",
  ]


def test_files_beside_are_told_by_image(tmp_path):
  write(tmp_path, "a/1.tif", "a/1.txt", "a/1.hdr", "a/2.txt", "b/1.tif")
  images = [tmp_path / "a/1.tif", tmp_path / "b/1.tif", tmp_path / "no/1.tif"]
  assert image_folders.beside(images) == {images[0]: ["1.hdr", "1.txt"]}
