"""A data set is another one where its contents are, and only there."""

import os

import pytest
from made_files import write

from eanet_jax.data import sources


def change(path):
  """Changes the contents, and neither the size nor the time."""
  stat = path.stat()
  path.write_bytes(bytes(stat.st_size))
  os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def swap(first, second):
  """Each folder gets the other's name, as from a zip that was put right."""
  beside = first.with_name("beside")
  first.rename(beside)
  second.rename(first)
  beside.rename(second)


@pytest.mark.parametrize(
  "altered",
  [
    lambda root: change(root / "a/s/1.tif"),
    lambda root: swap(root / "b/s/1.tif", root / "b/s/2.tif"),
    lambda root: swap(root / "a", root / "b"),
    lambda root: write(root, "a/s/2.tif"),
    lambda root: (root / "b/s/2.tif").unlink(),
    lambda root: (root / "b/s/2.tif").rename(root / "b/s/3.tif"),
    lambda root: (root / "a/s").rename(root / "a/t"),
    lambda root: change(root / "a/s/1.hdr"),
  ],
)
def test_digest_changes_with_the_files(tmp_path, altered):
  root = write(
    tmp_path / "set", "a/s/1.tif", "a/s/1.hdr", "b/s/1.tif", "b/s/2.tif"
  )
  (root / "b/s/2.tif").write_bytes(b"other")  # of the same size
  find = lambda: (
    sources.find("folder", str(root), data_dir=str(tmp_path / "data")).digest
  )
  before = find()
  assert find() == before
  altered(root)
  assert find() != before


def test_digest_does_not_change_where_the_folder_moves_or_is_touched(tmp_path):
  write(tmp_path / "set", "a/s/1.tif", "a/s/1.hdr", "b/s/1.tif")
  before = sources.find("folder", str(tmp_path / "set")).digest
  (tmp_path / "set").rename(tmp_path / "moved")
  os.utime(tmp_path / "moved/a/s/1.tif", ns=(1, 1))
  assert sources.find("folder", str(tmp_path / "moved")).digest == before


@pytest.mark.parametrize("beside", ["1.hdr", "1-tif.hdr", "1.txt", "1.TXT"])
def test_digest_changes_with_every_file_that_states_a_scale(tmp_path, beside):
  write(tmp_path, "a/s/1.tif", "b/s/1.tif")
  before = sources.find("folder", str(tmp_path)).digest
  write(tmp_path, f"a/s/{beside}")
  assert sources.find("folder", str(tmp_path)).digest != before


def test_digest_does_not_change_with_other_files(tmp_path):
  write(tmp_path, "a/s/1.tif", "b/s/1.tif")
  before = sources.find("folder", str(tmp_path)).digest
  write(tmp_path, "beside.tif", "a/s/notes.md", "a/s/other.txt")
  assert sources.find("folder", str(tmp_path)).digest == before
