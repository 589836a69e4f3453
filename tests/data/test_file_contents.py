"""Contents are hashed once, and again where anything tells of a change."""

import hashlib
import os

import pytest

from eanet_jax.data import file_contents


@pytest.fixture
def root(tmp_path, monkeypatch):
  """Two files; as if they had been written long ago."""
  monkeypatch.setattr(file_contents, "_SETTLED_NS", -(10**12))
  (tmp_path / "set").mkdir()
  (tmp_path / "set" / "a").write_bytes(b"one")
  (tmp_path / "set" / "b").write_bytes(b"two")
  return tmp_path / "set"


@pytest.fixture
def read(root, monkeypatch):
  """Hashes of both files, and which of them were read for it."""
  hashed = []
  whole = file_contents._hash
  monkeypatch.setattr(
    file_contents,
    "_hash",
    lambda path: hashed.append(path.name) or whole(path),
  )

  def hashes():
    hashed.clear()
    found = file_contents.hashes(root, ["a", "b"], root.parent / "memory")
    return found, sorted(hashed)

  return hashes


def of(content):
  return hashlib.sha256(content).hexdigest()


def test_a_second_look_reads_nothing(read):
  assert read() == ([of(b"one"), of(b"two")], ["a", "b"])
  assert read() == ([of(b"one"), of(b"two")], [])


def test_the_same_size_and_time_do_not_hide_a_change(root, read):
  before = (root / "a").stat()
  os.utime(root / "a", ns=(5, 5))
  read()
  (root / "a").write_bytes(b"new")
  os.utime(root / "a", ns=(5, 5))
  assert (root / "a").stat().st_size == before.st_size
  assert read() == ([of(b"new"), of(b"two")], ["a"])


def test_files_that_change_names_are_read_again(root, read):
  read()
  (root / "a").rename(root / "c")
  (root / "b").rename(root / "a")
  (root / "c").rename(root / "b")
  assert read() == ([of(b"two"), of(b"one")], ["a", "b"])


def test_what_was_written_just_now_is_not_trusted_to_stay(read, monkeypatch):
  monkeypatch.setattr(file_contents, "_SETTLED_NS", 2 * 10**9)
  read()
  assert read()[1] == ["a", "b"]


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"a": 3}', b'{"a": "xy"'])
def test_a_damaged_memory_is_none(root, read, damage):
  right = read()[0]
  (kept,) = (root.parent / "memory").iterdir()
  kept.write_bytes(damage)
  assert read() == (right, ["a", "b"])
  assert read() == (right, [])


def test_what_cannot_be_read_is_not_remembered(root, read):
  (root / "a").unlink()
  assert read()[0] == ["No such file or directory", of(b"two")]
  os.mkfifo(root / "a")
  assert read() == (["not a regular file", of(b"two")], ["a"])
  assert read()[1] == ["a"]


def test_a_memory_that_cannot_be_written_costs_time_only(root, read):
  (root.parent / "memory").write_text("a file")
  assert read() == ([of(b"one"), of(b"two")], ["a", "b"])
  assert read()[1] == ["a", "b"]
