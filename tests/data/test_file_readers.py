"""What reading a file may take, whatever the file is."""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import made_damage
import numpy as np
import pytest
from conftest import ROOT, eanet
from made_files import load_views, save, save_noise, save_tiff, two_classes
from PIL import Image

from eanet_jax.data import (
  file_limits,
  file_readers,
  image_files,
  micrographs,
  read_ahead,
  reader_process,
)

LITTLE = file_limits.Limits(gb=0.1, s=1.0)


@pytest.fixture
def readers():
  with file_readers.Readers(LITTLE) as readers:
    yield readers


@pytest.fixture
def good(tmp_path):
  return save_noise(tmp_path / "good.png", 0)


def why_not(readers, path) -> str:
  with pytest.raises(micrographs.MicrographError) as error:
    readers.read(path)
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize("keep_bar", [False, True])
def test_a_micrograph_is_what_it_is_without_another_process(
  keep_bar, readers, drawn_folder
):
  path = next(drawn_folder.rglob("*.bmp"))
  there = readers.read(path, keep_bar=keep_bar)
  here = micrographs.read(path, keep_bar=keep_bar)
  np.testing.assert_array_equal(there.image, here.image)
  assert there.crop_rows == here.crop_rows > 0
  assert there.um_per_px == here.um_per_px
  cut = micrographs.read(path).image
  kept = here.image[: len(here.image) - here.crop_rows * keep_bar]
  np.testing.assert_array_equal(kept, cut)


def test_a_reason_is_what_it_is_without_another_process(readers, tmp_path):
  (tmp_path / "a.png").write_text("no image")
  assert why_not(readers, tmp_path / "a.png").startswith("not an image")
  odd = tmp_path / "\udce9.png"
  assert why_not(readers, odd) == "no such file or directory"


def test_a_progressive_jpeg_of_very_many_scans(readers, good, tmp_path):
  path = tmp_path / "scans.jpg"
  path.write_bytes(made_damage.many_scans(side=3000, count=2000))
  began = time.monotonic()
  assert why_not(readers, path) == (
    "takes more than 1 s to read: allow more with dataset.file_limit_s"
  )
  assert time.monotonic() - began < 8
  assert readers.read(good).image.size


def test_a_tiff_of_millions_of_strips(readers, good, tmp_path):
  path = tmp_path / "strips.tif"
  path.write_bytes(made_damage.many_strips(2_000_000))
  assert why_not(readers, path).startswith("takes more than ")
  assert readers.read(good).image.size


@pytest.mark.parametrize(
  ("kind", "dtype"), [("png", np.uint8), ("bmp", np.uint8), ("tif", np.uint16)]
)
def test_more_pixels_than_the_memory_has_bytes(
  kind, dtype, readers, good, tmp_path
):
  path = tmp_path / f"large.{kind}"
  image = np.zeros((12_000, 10_000), dtype)
  Image.fromarray(image).save(path)
  error = why_not(readers, path)
  assert error == (
    "takes more than 0.1 GB of memory to read: allow more with"
    " dataset.file_limit_gb"
  )
  assert readers.read(good).image.size


@pytest.mark.filterwarnings("ignore:Image size")  # as in a process of its own
def test_without_another_limit_a_pixel_counts_a_byte(good, monkeypatch):
  monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
  monkeypatch.setattr(reader_process, "_end_after", lambda *seconds: None)
  pixels = micrographs.read(good).image.size
  reader_process._limit(None, pixels, 1.0)
  assert micrographs.read(good).image.size == pixels
  reader_process._limit(None, pixels - 1, 1.0)
  with pytest.raises(image_files.TooLargeError):
    micrographs.read(good)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux enforces it")
def test_memory_is_limited_where_the_header_says_nothing(readers, tmp_path):
  # One strip of LZW is decoded as a whole: 96 MB twice.
  image = np.zeros((6000, 8000), np.uint16)
  image[::7] = 60_000
  Image.fromarray(image).save(
    tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={278: 6000}
  )
  assert "0.1 GB of memory" in why_not(readers, tmp_path / "a.tif")


def test_64_bit_floats_take_a_byte_for_a_pixel(readers, tmp_path):
  values = np.arange(5000 * 6000.0).reshape(5000, 6000) % 977
  path = save_tiff(tmp_path / "a.tif", values)  # 240 MB, of 107
  with file_readers.Readers(file_limits.Limits(gb=0.1, s=30)) as patient:
    assert patient.read(path).image.shape == (5000, 6000)


def test_a_higher_limit_lets_a_file_in(tmp_path):
  path = tmp_path / "large.png"
  image = np.zeros((6000, 10_000), np.uint8)
  image[::2] = 255
  Image.fromarray(image).save(path)
  with file_readers.Readers(LITTLE) as readers:
    assert "0.1 GB" in why_not(readers, path)
  with file_readers.Readers(file_limits.Limits(gb=0.3, s=60)) as readers:
    assert readers.read(path).image.shape == image.shape


def test_a_decoder_that_crashes_is_one_reason(readers, good, tmp_path):
  path = tmp_path / "scans.jpg"
  path.write_bytes(made_damage.many_scans(side=3000, count=2000))
  assert readers.read(good).image.size
  (reader,) = readers._idle
  crash = lambda: os.kill(reader._process.pid, signal.SIGSEGV)
  timer = threading.Timer(0.3, crash)
  timer.start()
  assert why_not(readers, path) == "damaged: its decoder crashed"
  timer.join()
  assert readers.read(good).image.size


def test_a_process_that_was_ended_between_two_files_is_replaced(readers, good):
  assert readers.read(good).image.size
  (reader,) = readers._idle
  os.kill(reader._process.pid, signal.SIGKILL)
  reader._process.wait()
  assert readers.read(good).image.size


def test_threads_read_at_the_same_time(readers, tmp_path):
  for number in range(20):
    save_noise(tmp_path / f"{number}.png", number)
  paths = [tmp_path / f"{number}.png" for number in range(20)] * 3
  with concurrent.futures.ThreadPoolExecutor(3) as pool:
    found = list(pool.map(readers.read, paths))
  for path, micrograph in zip(paths, found, strict=True):
    expected = micrographs.read(path).image
    np.testing.assert_array_equal(micrograph.image, expected)
  assert 1 <= len(readers._idle) <= min(3, read_ahead.workers())


_PARENT = """
import sys, time
from eanet_jax.data import file_limits, file_readers

limits = file_limits.Limits(s=float(sys.argv[2]))
readers = file_readers.Readers(limits, files=1)
if sys.argv[1]:
  readers.start()
  print(readers._idle[0]._process.pid, flush=True)
  readers.read(sys.argv[1])
  print("read", flush=True)
time.sleep(60)
"""


def ended(pid: int, seconds: float) -> bool:
  end = time.monotonic() + seconds
  while time.monotonic() < end:
    try:
      state = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
      return True
    if state.rpartition(")")[2].split()[0] == "Z":  # of no one to wait for it
      return True
    time.sleep(0.05)
  return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("busy", [False, True])
def test_no_process_stays_behind_a_parent_that_is_killed(busy, good, tmp_path):
  path = good
  if busy:
    path = tmp_path / "scans.jpg"
    path.write_bytes(made_damage.many_scans(side=6000, count=8000))
  parent = subprocess.Popen(
    [sys.executable, "-c", _PARENT, path, "2"],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    text=True,
  )
  pid = int(parent.stdout.readline())
  if busy:
    time.sleep(1.5)
  else:
    assert parent.stdout.readline() == "read\n"
  assert not ended(pid, 0)
  parent.kill()
  parent.wait()
  parent.stdout.close()
  assert ended(pid, 15)


def test_a_process_may_be_idle_for_longer_than_a_file_may_take(good):
  with file_readers.Readers(file_limits.Limits(s=0.2)) as readers:
    assert readers.read(good).image.size
    idle = list(readers._idle)
    time.sleep(0.2 * reader_process.PATIENCE + 1.5)
    assert readers.read(good).image.size
    assert readers._idle == idle


def test_a_process_ignores_ctrl_c(readers, good):
  assert readers.read(good).image.size
  (reader,) = readers._idle
  os.kill(reader._process.pid, signal.SIGINT)
  assert readers.read(good).image.size
  assert readers._idle == [reader]
  assert os.getpgid(reader._process.pid) != os.getpgid(0)


def test_decoders_are_quiet(readers, tmp_path, capfd):
  whole = save(
    tmp_path / "a.tif", np.eye(300, dtype=np.uint8), compression="tiff_lzw"
  )
  content = whole.read_bytes()
  for end in range(20, len(content), 60):
    whole.write_bytes(content[:end])
    why_not(readers, whole)
  assert capfd.readouterr() == ("", "")


def test_a_prediction_leaves_the_file_out_and_goes_on(
  trained, drawn_folder, tmp_path
):
  slow = tmp_path / "scans.jpg"
  slow.write_bytes(made_damage.many_scans(side=3000, count=2000))
  files = [slow, *sorted(drawn_folder.rglob("*.bmp"))[:2]]
  out = tmp_path / "p.csv"
  done = eanet("predict", trained, *files, "--out", out, "--file-limit-s", "1")
  assert done.returncode == 1
  assert "2 files classified, 1 could not be used" in done.stdout
  (line,) = done.stderr.splitlines()
  assert line.endswith(
    "takes more than 1 s to read: allow more with --file-limit-s"
  )
  assert len(out.read_text().splitlines()) == 4


def test_an_inspection_says_so_too(tmp_path, good):
  Image.fromarray(np.zeros((6000, 9000), np.uint8)).save(tmp_path / "a.png")
  out = tmp_path / "sheet.png"
  options = "--out", out, "--file-limit-gb", "0.05"
  done = eanet("inspect", tmp_path / "a.png", good, *options)
  assert done.returncode == 1
  assert "0.05 GB of memory to read: allow more with --file-limit-gb" in (
    done.stdout
  )
  assert "1 files usable, 1 not" in done.stdout


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "much"])
def test_a_limit_is_a_number_above_0(value, good):
  done = eanet("inspect", good, f"--file-limit-gb={value}")
  assert done.returncode == 2
  assert "--file-limit-gb" in done.stderr


def test_a_set_is_built_again_only_where_a_file_may_take_more(tmp_path, capsys):
  folder = two_classes(tmp_path / "set")
  large = np.zeros((6000, 9000), np.uint8)
  large[::2] = 255
  save(folder / "bainite" / "a" / "large.png", large)

  def load(gb, **kwargs):
    limits = file_limits.Limits(gb, 60)
    return load_views(folder, tmp_path / "data", limits=limits, **kwargs)

  without = load(0.05)
  ((file, reason),) = without.skipped
  assert file == "bainite/a/large.png"
  assert "0.05 GB" in reason
  assert len(without.files) == 8
  assert capsys.readouterr().out == ""
  (index,) = (tmp_path / "data").rglob("index.json")
  written = index.stat().st_mtime_ns
  assert load(0.04).digest == without.digest
  assert index.stat().st_mtime_ns == written
  whole = load(0.5)
  assert "may take more now" in capsys.readouterr().out
  assert whole.skipped == ()
  assert len(whole.files) == 9
  assert whole.digest != without.digest
  assert json.loads(index.read_text())["beyond_limits"] == {}
  # What is in it stays in it.
  assert load(0.05).digest == whole.digest
  assert len(load(0.05, view="tiles").files) == 9
