"""`eanet predict`: rows as they come, in parts, and gone on with."""

import csv
import json
import shutil

import pyarrow.parquet
import pytest
from conftest import eanet

from eanet_jax.data import file_readers
from eanet_jax.inference import classify


@pytest.fixture(scope="module")
def images(tmp_path_factory, drawn_folder):
  """Seven drawn micrographs of three folders, and a bad file."""
  folder = tmp_path_factory.mktemp("images")
  for i, file in enumerate(sorted(drawn_folder.rglob("*.bmp"))[::13][:7]):
    (folder / f"heat{i % 3}").mkdir(exist_ok=True)
    shutil.copy(file, folder / f"heat{i % 3}" / f"{i}.bmp")
  (folder / "heat0" / "words.png").write_text("words")
  return folder


def rows(path):
  with path.open(newline="") as file:
    return list(csv.DictReader(file))


def predict(trained, images, out, *options, code=1):
  done = eanet("predict", trained, images, "--out", out, *options)
  assert done.returncode == code, done.stderr
  assert "Traceback" not in done.stderr
  return done


@pytest.fixture(scope="module")
def whole(trained, images, tmp_path_factory):
  """The table of all files, which nobody interrupted."""
  out = tmp_path_factory.mktemp("whole") / "whole.csv"
  predict(trained, images, out)
  return out


def test_an_interrupted_table_is_gone_on_with(
  trained, images, whole, tmp_path, monkeypatch
):
  out = tmp_path / "p.csv"
  lines = whole.read_bytes().splitlines(keepends=True)
  out.write_bytes(b"".join(lines[:4]) + lines[4][:-30])
  read, streamed = [], classify.Classifier.stream
  monkeypatch.setattr(
    classify.Classifier,
    "stream",
    lambda self, files, *a, **named: (
      read.extend(files) or streamed(self, files, *a, **named)
    ),
  )
  done = predict(trained, images, out, "--resume")
  assert "3 in the table before" in done.stdout
  assert len(read) == 5
  assert out.read_bytes() == whole.read_bytes()
  # A file of those before could not be used: the exit code still says so.
  done = predict(trained, images, out, "--resume")
  assert "0 files classified, 0 could not be used, 8 in the" in done.stdout
  done = predict(trained, images, out, "--resume", "--bar-rows=9", code=2)
  (line,) = done.stderr.splitlines()
  assert "another network, or was made with other options" in line
  assert out.read_bytes() == whole.read_bytes()


def test_shards_are_everything_once_and_other_kinds_say_the_same(
  trained, images, whole, tmp_path
):
  found = []
  for i in (1, 2, 3):
    out = tmp_path / f"{i}.jsonl"
    code = eanet("predict", trained, images, "--out", out, f"--shard={i}/3")
    assert code.returncode in (0, 1), code.stderr
    found += map(json.loads, out.read_text().splitlines())
  found.sort(key=lambda row: row["file"])
  expected = rows(whole)
  as_text = lambda value: "" if value is None else str(value)
  for row, other in zip(found, expected, strict=True):
    assert {k: as_text(v) for k, v in row.items()} == other
  predict(trained, images, tmp_path / "p.parquet")
  kept = pyarrow.parquet.read_table(tmp_path / "p.parquet").to_pylist()
  assert kept == found


def test_files_that_were_trained_on_are_told(trained, images, whole, tmp_path):
  known = sum(bool(row["trained_on"]) for row in rows(whole))
  assert 1 < known < 7  # some were tested on
  done = predict(trained, images, tmp_path / "p.csv")
  assert f"{known} files were trained on: " in done.stdout


def test_levels_are_of_one_answer(trained, images, whole, tmp_path):
  predict(trained, images, tmp_path / "s.csv", "--level=specimen")
  of_files = [row for row in rows(whole) if row["label"]]
  found = rows(tmp_path / "s.csv")
  assert sorted(row["specimen"] for row in found) == [
    str(images / f"heat{i}") for i in range(3)
  ]
  for row in found:
    own = [f for f in of_files if f["file"].startswith(row["specimen"])]
    assert int(row["micrographs"]) == len(own)
    for name in ("CPJ", "HR", "P92"):
      mean = sum(float(f[name]) for f in own) / len(own)
      assert float(row[name]) == pytest.approx(mean, abs=2e-4)
  predict(trained, images, tmp_path / "t.csv", "--level=tile")
  for tile, file in zip(rows(tmp_path / "t.csv"), rows(whole), strict=True):
    assert (tile["file"], tile["CPJ"]) == (file["file"], file["CPJ"])


@pytest.mark.parametrize(
  ("options", "says"),
  [
    (["--shard=0/3"], "no part of several"),
    (["--shard=4/3"], "no part of several"),
    (["--shard=x"], "no part of several"),
    (["--top-k=0"], "below 1"),
    (["--out=p.txt"], ".csv, .jsonl (JSON Lines) or .parquet"),
    (["--out=p.parquet", "--resume"], "written whole"),
  ],
)
def test_mistakes_are_one_line(trained, images, options, says):
  done = eanet("predict", trained, images, *options)
  assert done.returncode == 2
  assert says in done.stderr.splitlines()[-1]


def test_the_first_answer_waits_for_no_other_files(
  trained, drawn_folder, monkeypatch
):
  files = sorted(drawn_folder.rglob("*.bmp"))[:60]
  read, usual = [], file_readers.Readers.read
  monkeypatch.setattr(
    file_readers.Readers,
    "read",
    lambda self, path, told: read.append(path) or usual(self, path, told),
  )
  stream = classify.Classifier.restore(trained).stream(files)
  assert next(stream).file == str(files[0])
  assert len(read) < 40  # all 60 were read before the first answer
  assert [each.file for each in stream] == list(map(str, files[1:]))


def test_fast_looks_once_and_says_nothing_of_novelty(trained):
  usual = classify.Classifier.restore(trained)
  fast = classify.Classifier.restore(trained, fast=True)
  assert fast._network.orientations == 1
  assert fast._judgement._familiar is None
  same = usual._network.orientations == 1
  assert (usual.identity() == fast.identity()) == same
