"""Files are replaced whole, on disk before they are named; links stay links."""

import errno
import os
import pathlib

import pytest

from eanet_jax.runtime import atomic_files


def test_what_a_link_leads_to_is_replaced(tmp_path):
  link, target = tmp_path / "link", tmp_path / "target"
  target.write_text("before")
  link.symlink_to(target)
  atomic_files.write_text(link, "after")
  assert link.is_symlink()
  assert target.read_text() == "after"
  assert sorted(tmp_path.iterdir()) == [link, target]


def test_all_is_on_disk_before_it_is_named_and_then_its_name(
  tmp_path, monkeypatch
):
  # A power failure cannot be tried here; the order of operations can.
  done = []
  fsync, replace = os.fsync, pathlib.Path.replace

  def noted_fsync(opened):
    done.append(os.fstat(opened).st_ino)
    fsync(opened)

  def noted_replace(self, target):
    done.append("named")
    return replace(self, target)

  monkeypatch.setattr(os, "fsync", noted_fsync)
  monkeypatch.setattr(pathlib.Path, "replace", noted_replace)
  with atomic_files.replacing(tmp_path / "built") as building:
    (building / "deep").mkdir(parents=True)
    (building / "deep" / "file").write_text("content")
  paths = ("built/deep", "built/deep/file", "built")
  inodes = [(tmp_path / path).stat().st_ino for path in paths]
  *first, named, last = done
  assert sorted(first) == sorted(inodes)
  assert named == "named"
  assert last == tmp_path.stat().st_ino


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_what_does_not_reach_the_disk_replaces_nothing(
  tmp_path, monkeypatch, number
):
  def fail(_):
    raise OSError(number, os.strerror(number))

  path = tmp_path / "file"
  path.write_text("before")
  monkeypatch.setattr(os, "fsync", fail)
  with pytest.raises(OSError, match=os.strerror(number)):
    atomic_files.write_text(path, "after")
  assert path.read_text() == "before"
  assert list(tmp_path.iterdir()) == [path]
