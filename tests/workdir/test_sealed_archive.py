"""An archive from elsewhere is told in a line, and nothing of it is kept."""

import hashlib
import json
import stat
import struct
import zipfile

import pytest

from eanet_jax import errors
from eanet_jax.workdir import sealed_archive

MEMBERS = {"a.csv": b"1,2\n", "deep/er/b.bin": bytes(range(256)) * 40}
MODE = (stat.S_IFREG | 0o644) << 16


@pytest.fixture
def sound(tmp_path):
  path = tmp_path / "sound.zip"
  sealed_archive.write(path, "workdir", {"jax": "1"}, MEMBERS)
  return path


def unpack(path, kind="workdir"):
  into = path.parent / f"{path.name}-unpacked"
  into.mkdir()
  sealed_archive.unpack(path, kind, into, "a packed workdir")
  return into


def told(path, kind="workdir"):
  """What is said of a file that cannot be used: one line, which names it."""
  with pytest.raises(errors.UserError) as caught:
    unpack(path, kind)
  (line,) = str(caught.value).splitlines()
  assert line.startswith(str(path)) or f"in {path} " in line
  assert not (path.parent / "outside").exists()
  return line


def made(path, entries, manifest=None, *, listed=None, **changes):
  """Writes a zip file by hand: entries [(name, content, changes of its info)].

  Its manifest lists them truly, but for `listed` and `changes`.
  """
  content = {
    "format": 1,
    "kind": "workdir",
    "versions": {},
    "members": {
      name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
      for name, data, _ in entries
    }
    | (listed or {}),
  } | changes
  text = json.dumps(content) if manifest is None else manifest
  with zipfile.ZipFile(path, "w") as archive:
    for name, data, of_info in [
      ("MANIFEST.json", text.encode(), {}),
      *entries,
    ]:
      info = zipfile.ZipInfo(name)
      info.external_attr = MODE
      compress = of_info.pop("compress_type", zipfile.ZIP_STORED)
      for field, value in of_info.items():
        setattr(info, field, value)
      archive.writestr(info, data, compress)
  return path


def test_what_was_packed_comes_back_and_the_same_bytes_again(sound, tmp_path):
  into = unpack(sound)
  there = {
    path.relative_to(into).as_posix(): path.read_bytes()
    for path in into.rglob("*")
    if path.is_file()
  }
  assert there.keys() - MEMBERS.keys() == {"MANIFEST.json"}
  assert {name: there[name] for name in MEMBERS} == MEMBERS
  of_file = tmp_path / "a.csv"
  of_file.write_bytes(MEMBERS["a.csv"])
  again = tmp_path / "again.zip"
  members = {"a.csv": of_file, "deep/er/b.bin": MEMBERS["deep/er/b.bin"]}
  sealed_archive.write(again, "workdir", {"jax": "1"}, members)
  assert again.read_bytes() == sound.read_bytes()
  assert zipfile.ZipFile(sound).testzip() is None


def test_every_byte_that_is_changed_is_seen_or_of_no_effect(sound):
  whole = sound.read_bytes()
  damaged = sound.parent / "damaged.zip"
  seen = 0
  for i in range(0, len(whole), 97):
    damaged.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
    into = sound.parent / f"damaged-{i}"
    into.mkdir()
    try:
      sealed_archive.unpack(damaged, "workdir", into, "a packed workdir")
    except errors.UserError:
      seen += 1
    else:  # a date, say
      assert all((into / n).read_bytes() == MEMBERS[n] for n in MEMBERS)
  assert seen > 0.9 * len(whole) / 97
  for length in (0, 1, 21, 22, 100, len(whole) // 2, len(whole) - 1):
    damaged.write_bytes(whole[:length])
    into = sound.parent / f"short-{length}"
    into.mkdir()
    with pytest.raises(errors.UserError, match="damaged"):
      sealed_archive.unpack(damaged, "workdir", into, "a packed workdir")


@pytest.mark.parametrize(
  "name",
  [
    "../outside",
    "/tmp/outside",
    "a/../../outside",
    "a//b",
    "./a",
    "a/",
    "..",
    "C:outside",
    "C:/outside",
    "a\\..\\outside",
    ".hidden",
    "a\nb",
    "x" * 300,
    "ä",
  ],
)
def test_no_name_leads_elsewhere(tmp_path, name):
  path = made(tmp_path / "x.zip", [(name, b"", {})])
  assert "no plain relative one" in told(path)


@pytest.mark.parametrize(
  ("entries", "says"),
  [
    (
      [("a", b"/etc/x", {"external_attr": (stat.S_IFLNK | 0o777) << 16})],
      "link",
    ),
    ([("a", b"", {"external_attr": (stat.S_IFIFO | 0o644) << 16})], "link"),
    ([("a", b"1", {}), ("A", b"2", {})], "twice"),
    ([("a", b"1", {}), ("a/b", b"2", {})], "a file and a folder"),
    (
      [("a", b"\0" * 10**7, {"compress_type": zipfile.ZIP_DEFLATED})],
      "compressed",
    ),
    ([("a", b"1", {}), ("manifest.json", b"{}", {})], "twice"),
  ],
)
def test_a_member_that_is_no_plain_file_is_refused(tmp_path, entries, says):
  assert says in told(made(tmp_path / "x.zip", entries))


def test_a_member_that_is_there_twice_is_refused(tmp_path):
  with pytest.warns(UserWarning, match="Duplicate"):
    path = made(tmp_path / "x.zip", [("a", b"1", {}), ("a", b"1", {})])
  assert "twice" in told(path)


SHA256 = hashlib.sha256(b"1").hexdigest()


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    ({"members": {}}, "is not in its MANIFEST.json"),
    ({"listed": {"b": {"bytes": 1, "sha256": SHA256}}}, "'b' is missing"),
    ({"listed": {"a": {"bytes": 2, "sha256": SHA256}}}, "the size of a"),
    ({"listed": {"a": {"bytes": 1, "sha256": "0"}}}, "the checksum of a"),
    ({"listed": {"a": {"bytes": 1}}}, "members.a.sha256 is missing"),
    ({"kind": "dossier"}, "of the kind 'dossier'"),
    ({"format": 2}, "newer version of this program"),
    ({"execute": "rm -r ~"}, "its field execute is unknown"),
    ({"manifest": "{"}, "is not JSON"),
    ({"manifest": "[" * 10**5}, "is not JSON"),
  ],
)
def test_a_manifest_that_does_not_fit_is_told(tmp_path, changes, says):
  path = made(tmp_path / "x.zip", [("a", b"1", {})], **changes)
  assert says in told(path)


def test_sizes_are_bounded_before_anything_is_read(sound, monkeypatch):
  whole = sound.read_bytes()
  many = sound.parent / "many.zip"
  # Zip's own list is said to have more than anybody would read into memory.
  end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 2**30, 0, 0)
  many.write_bytes(whole[:-22] + end)
  assert "too many members" in told(many)
  many.write_bytes(whole[:-22] + end.replace(b"\t\0\t\0", b"\xff\xff\xff\xff"))
  (many.parent / f"{many.name}-unpacked").rmdir()
  assert "too many members" in told(many)
  long = sound.parent / "64-bit.zip"
  long.write_bytes(whole[:-22] + b"PK\6\7" + bytes(16) + whole[-22:])
  assert "64 bits" in told(long)
  monkeypatch.setattr(sealed_archive, "_MOST_BYTES", 5000)
  assert "its members are too large" in told(sound)
  with pytest.raises(errors.UserError, match="more than one file can hold"):
    sealed_archive.write(sound.parent / "no.zip", "workdir", {}, MEMBERS)
  assert not (sound.parent / "no.zip").exists()
