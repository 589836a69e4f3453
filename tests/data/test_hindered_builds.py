"""Builds that are stopped, have no room, or wait: nothing half looks whole."""

import threading
import time

import filelock
import pytest
from made_files import load_views, two_classes

from eanet_jax import errors
from eanet_jax.data import (
  built_files,
  file_readers,
  view_store,
)


@pytest.fixture
def folder(tmp_path):
  return two_classes(tmp_path / "set")


def test_an_interrupted_build_leaves_nothing_that_looks_complete(
  either_way, folder, tmp_path, monkeypatch
):
  count = 0
  read = file_readers.Readers.read

  def interrupted(readers, path, told):
    nonlocal count
    count += 1
    if count == 6:
      raise KeyboardInterrupt
    return read(readers, path, told)

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(file_readers.Readers, "read", interrupted)
    load_views(folder, tmp_path / "data")
  assert not list((tmp_path / "data").rglob("images.u8"))
  views = load_views(folder, tmp_path / "data")
  assert len(views.labels) == 8
  assert not list((tmp_path / "data").rglob("*incomplete*"))


def test_an_interrupted_view_is_made_again(
  either_way, folder, tmp_path, monkeypatch
):
  def interrupted(found, path, *_):
    path.write_bytes(b"half")
    raise KeyboardInterrupt

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(view_store, "_write_images", interrupted)
    load_views(folder, tmp_path / "data")
  assert not list((tmp_path / "data").rglob("images.u8"))
  assert len(load_views(folder, tmp_path / "data").images) == 8


def test_an_unwritable_data_dir_is_named(folder, tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(errors.UserError, match=r"dataset\.data_dir"):
    load_views(folder, tmp_path / "file" / "data")


def test_a_home_folder_that_is_not_there_is_named(folder):
  with pytest.raises(errors.UserError, match="in ~nobody-of-this-name/data: "):
    load_views(folder, "~nobody-of-this-name/data")


def test_a_full_disk_is_told_in_words(folder, tmp_path, monkeypatch):
  import tensorflow as tf

  from eanet_jax.data import sem_steel

  def fail(_):
    full = "/data/micrographs.tfrecord; No space left on device"
    raise tf.errors.ResourceExhaustedError(None, None, full)

  monkeypatch.setattr(sem_steel.SemSteel, "download_and_prepare", fail)
  with pytest.raises(errors.UserError, match=": No space left on device; choo"):
    load_views(folder, tmp_path / "data")


def test_a_build_that_another_run_is_at_is_waited_for(
  folder, tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(built_files, "_QUIET_WAIT_S", 0.01)
  load_views(folder, tmp_path / "data")
  (root,) = (tmp_path / "data").iterdir()
  held = threading.Event()

  def hold():
    with filelock.FileLock(root / ".lock"):
      held.set()
      time.sleep(0.5)

  other = threading.Thread(target=hold)
  other.start()
  held.wait()
  assert len(load_views(folder, tmp_path / "data", image_px=16).images) == 8
  other.join()
  assert f"waiting for another run, which is building {root}" in (
    capsys.readouterr().out
  )
