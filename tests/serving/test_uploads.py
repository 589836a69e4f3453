"""What is sent becomes files of a private folder, and nothing else."""

import multiprocessing
import os
import pathlib
import signal
import stat
import tempfile

import pytest

from eanet_jax.serving import limits, uploads

KIND = "multipart/form-data; boundary=xyz"


def part(name, content=b"x", more=b""):
  name = name if isinstance(name, bytes) else name.encode()
  return b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="' + (
    name + b'"\r\n' + more + b"\r\n" + content + b"\r\n"
  )


def body(*parts):
  return b"".join(parts) + b"--xyz--\r\n"


def received(folder, data, step=7, **allowed):
  form = uploads.Form(KIND, folder, limits.Limits(**allowed))
  try:
    for start in range(0, len(data), step):
      form.feed(data[start : start + step])
    return form.finish()
  finally:
    form.close()


def status(folder, data, **given):
  with pytest.raises(limits.Refused) as refusal:
    received(folder, data, **given)
  assert "\n" not in refusal.value.reason
  assert str(folder) not in refusal.value.reason
  return refusal.value.status


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_files_come_as_they_were_sent(tmp_path, step):
  contents = [bytes(range(256)) * 9, b"", b"\r\n--xy\r\n--xz ", b"b"]
  names = ["a.png", "b.tif", "c d.bmp", "a.png"]
  data = body(*map(part, names, contents))
  found = received(tmp_path, data, step)
  assert [each.name for each in found] == names
  assert [each.path.read_bytes() for each in found] == contents
  assert len({each.path for each in found}) == 4


@pytest.mark.parametrize(
  ("sent", "told"),
  [
    ("../../x.png", "x.png"),
    ("/etc/passwd", "passwd"),
    (r"C:\micrographs\steel.tif", "steel.tif"),
    ("a/../..", "unnamed"),
    ("....", "unnamed"),
    ("/", "unnamed"),
    ("a\0b.png", "a_b.png"),
    ("a\x1b[2J\u202egnp.exe", "a_[2J_gnp.exe"),
    ("Gefüge 1.png", "Gefüge 1.png"),
    (b"\xff.png", "\ufffd.png"),
  ],
)
def test_names_are_cleaned(tmp_path, sent, told):
  name = sent.decode("utf-8", "replace") if isinstance(sent, bytes) else sent
  assert uploads.cleaned(name) == told
  (found,) = received(tmp_path, body(part(sent)))
  assert found.name == told
  assert found.path.parent.parent == tmp_path


@pytest.mark.parametrize("long", ["x" * 4000 + ".tiff", "ü" * 900, "." * 500])
def test_long_names_are_cut(tmp_path, long):
  name = uploads.cleaned(long)
  assert len(name.encode()) <= 200
  assert name.endswith(".tiff") == long.endswith(".tiff")
  (tmp_path / name).touch()


def test_limits_hold_while_files_come(tmp_path):
  many = body(*[part(f"{i}.png") for i in range(4)])
  (tmp_path / "usual").mkdir()
  assert len(received(tmp_path / "usual", many)) == 4
  for name, allowed in (
    ("files", {"files": 3}),
    ("request", {"request_mb": 1e-4}),
    ("file", {"file_mb": 1e-6}),
  ):
    (tmp_path / name).mkdir()
    data = many if name != "file" else body(part("a.png", b"xx"))
    assert status(tmp_path / name, data, **allowed) == 413
  written = list((tmp_path / "file").rglob("*.png"))
  assert written[0].stat().st_size <= 1


@pytest.mark.parametrize(
  "data",
  [
    b"",
    b"words",
    body(),
    body(part("")),
    body(part("a.png"))[:-12],
    part("a.png", b"y" * 99)[:-40],
    b"--xyz\r\n" + b"a" * 10_000,
    body(part("a.png", more=b"X: y\r\n" * 99)),
    body(b'--xyz\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n3\r\n'),
    body(b"--xyz\r\n\r\n\r\n"),
  ],
)
def test_a_malformed_body_is_refused(tmp_path, data):
  assert status(tmp_path, data, step=1000) == 400


@pytest.mark.parametrize(
  "kind",
  ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x"],
)
def test_another_type_is_refused(tmp_path, kind):
  with pytest.raises(limits.Refused) as refusal:
    uploads.Form(kind, tmp_path, limits.Limits())
  assert refusal.value.status == 415


def test_a_part_that_no_file_was_chosen_for_is_passed_over(tmp_path):
  (found,) = received(tmp_path, body(part("", b""), part("a.png")))
  assert found.name == "a.png"


def test_texts_of_microscopes_get_no_answers_and_lie_beside(tmp_path):
  names = ["a.tif", "a.hdr", "b.txt", "b.png.txt", "b.png", "c.txt"]
  found = received(tmp_path, body(*map(part, names)))
  answered = uploads.to_answer(found)
  assert [each.name for each in answered] == ["a.tif", "b.png", "c.txt"]
  assert (answered[0].path.parent / "a.hdr").exists()


def test_nobody_guesses_beside_which_image_a_text_lay(tmp_path):
  names = ["a.tif", "a.tif", "a.hdr"]
  found = received(tmp_path, body(*map(part, names)))
  with pytest.raises(limits.Refused, match="requests of their own"):
    uploads.to_answer(found)
  found[2].path.unlink()
  assert len(uploads.to_answer(found[:2])) == 2


def stay(place, told):
  tempfile.tempdir = place
  with uploads.home() as home:
    (home / "left").mkdir()
    told.put(str(home))
    signal.pause()


def test_a_home_is_private_and_is_removed_even_after_a_crash(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
  context = multiprocessing.get_context("spawn")
  told = context.Queue()
  other = context.Process(target=stay, args=(str(tmp_path), told))
  other.start()
  crashed = pathlib.Path(told.get(timeout=60))
  with uploads.home() as home:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert home.parent == tmp_path
    assert crashed.is_dir()  # it is in use
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    with uploads.home():
      assert not crashed.exists()
      assert home.is_dir()
  assert list(tmp_path.iterdir()) == []


def test_only_own_folders_are_removed(tmp_path, monkeypatch):
  monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
  elsewhere = tmp_path / "elsewhere"
  elsewhere.mkdir()
  (elsewhere / "kept").touch()
  (tmp_path / "eanet-serve-link").symlink_to(elsewhere)
  (tmp_path / "eanet-serve-file").touch()
  with uploads.home():
    assert (elsewhere / "kept").exists()
    assert (tmp_path / "eanet-serve-file").exists()
  monkeypatch.setattr(os, "getuid", lambda: 12345)
  (tmp_path / "eanet-serve-other").mkdir()
  with uploads.home():
    assert (tmp_path / "eanet-serve-other").is_dir()
