"""`eanet pack`: a packed workdir is as good as the folder."""

import json
import shutil
import tempfile
import zipfile

import pytest
from conftest import eanet

from eanet_jax import Classifier


@pytest.fixture(scope="module")
def packed(trained, tmp_path_factory):
  out = tmp_path_factory.mktemp("packed") / "steel.eanet.zip"
  done = eanet("pack", trained, "--out", out)
  assert done.returncode == 0, done.stderr
  assert done.stdout.startswith(f"{out}: ")
  return out


@pytest.fixture
def scratch(tmp_path, monkeypatch):
  """Where packed workdirs are unpacked to."""
  folder = tmp_path / "scratch"
  folder.mkdir()
  monkeypatch.setattr(tempfile, "tempdir", str(folder))
  return folder


def test_it_holds_one_checkpoint_and_is_the_same_again(
  packed, trained, tmp_path
):
  members = set(zipfile.ZipFile(packed).namelist())
  files = {name for name in members if "/" not in name}
  assert {"MANIFEST.json", "config.json", "results.json"} < files
  assert {"examples.npz", "trained_on.csv", "checksums.json"} < files
  folders = {tuple(name.split("/")[1:3]) for name in members - files}
  assert len({step for step, item in folders if item == "variables"}) == 1
  assert {item for _, item in folders} == {"variables", "meta"}
  again = tmp_path / "again.zip"
  assert eanet("pack", trained, "--out", again).returncode == 0
  assert again.read_bytes() == packed.read_bytes()


def test_it_answers_as_the_folder_and_leaves_nothing_behind(
  packed, trained, drawn_folder, tmp_path, scratch
):
  files = drawn_folder / "CPJ" / "CPJ-1"
  tables = [tmp_path / "folder.csv", tmp_path / "packed.csv"]
  for workdir, table in zip((trained, packed), tables, strict=True):
    done = eanet("predict", workdir, files, "--out", table)
    assert done.returncode == 0, done.stderr
  assert tables[0].read_bytes() == tables[1].read_bytes()
  pages = [tmp_path / "folder.html", tmp_path / "packed.html"]
  for workdir, page in zip((trained, packed), pages, strict=True):
    done = eanet("report", workdir, "--out", page)
    assert done.returncode == 0, done.stderr
  assert pages[0].read_bytes() == pages[1].read_bytes()
  one, two = (Classifier.restore(each) for each in (trained, packed))
  assert one.identity() == two.identity()
  assert list(scratch.iterdir()) == []


def test_a_damaged_file_is_told_in_a_line(
  packed, drawn_folder, tmp_path, scratch
):
  whole = packed.read_bytes()
  damaged = tmp_path / "damaged.eanet.zip"
  place = whole.index(b'"macro_f1": ') + 13
  damaged.write_bytes(whole[:place] + b"9" + whole[place + 1 :])
  for command in (
    ("report", damaged),
    ("predict", damaged, drawn_folder),
    ("export", damaged, "--format=stablehlo"),
    ("pack", packed),
    ("predict", tmp_path / "missing.eanet.zip", drawn_folder),
  ):
    done = eanet(*command)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"eanet: {command[1]}")
    assert str(scratch) not in line
  assert list(scratch.iterdir()) == []


def test_what_is_wrong_inside_names_the_file(trained, tmp_path, scratch):
  run = shutil.copytree(trained, tmp_path / "run")
  for name in ("results.json", "checksums.json"):
    (run / name).unlink()
  out = tmp_path / "unfinished.eanet.zip"
  assert eanet("pack", run, "--out", out).returncode == 0
  done = eanet("report", out)
  assert done.returncode == 2
  assert f"{out} holds no results" in done.stderr
  assert list(scratch.iterdir()) == []


def test_a_file_that_was_changed_is_not_packed(trained, tmp_path):
  run = shutil.copytree(trained, tmp_path / "run")
  results = json.loads((run / "results.json").read_text())
  results["test"]["micrograph"]["accuracy"] = 1.0
  (run / "results.json").write_text(json.dumps(results))
  done = eanet("pack", run, "--out", tmp_path / "no.eanet.zip")
  assert done.returncode == 2
  assert "was changed since its run ended" in done.stderr
  assert not (tmp_path / "no.eanet.zip").exists()
