"""`eanet evaluate`: known classes are scored, unknown ones counted."""

import csv
import json
import shutil

import pytest
from conftest import eanet

from eanet_jax.evaluation import drift


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, trained, drawn_folder):
  """Some drawn micrographs; one class is spelled otherwise, one unknown.

  Of each class a specimen that was trained on, and one that was not.
  """
  folder = tmp_path_factory.mktemp("labelled") / "labelled"
  split = json.loads((trained / "results.json").read_text())["split"]
  for name, own in {"CPJ": "cpj", "HR": "HR", "P92": "wool"}.items():
    all_of_it = sorted(path.name for path in (drawn_folder / name).iterdir())
    new = [each for each in all_of_it if each in split["test_specimens"]]
    seen = [each for each in all_of_it if each not in new]
    for specimen in (new[0], seen[0]):
      source = drawn_folder / name / specimen
      shutil.copytree(source, folder / own / specimen)
  (folder / "HR" / "bad.png").write_text("words")
  return folder


def test_scores_are_those_of_its_own_table(trained, labelled, tmp_path):
  out = tmp_path / "out"
  done = eanet("evaluate", trained, labelled, "--out", out)
  assert done.returncode == 1, done.stderr
  assert "words" not in done.stdout
  assert "bad.png" in done.stderr
  with (out / "predictions.csv").open(newline="") as file:
    rows = [row for row in csv.DictReader(file) if row["label"]]
  found = json.loads((out / "evaluation.json").read_text())
  known = [row for row in rows if row["true"] != "wool"]
  scored = [row for row in known if not row["trained_on"]]
  assert len(rows) == 18
  assert len(known) == 12
  assert len(scored) == 6
  test = found["test"]["micrograph"]
  right = sum(row["label"] == row["true"] for row in scored)
  assert test["examples"] == len(scored)
  assert test["accuracy"] == pytest.approx(right / len(scored))
  seen = found["trained_on"]["micrograph"]["examples"]
  assert seen == 12 - len(scored)
  assert found["unknown_classes"] == [
    {"class": "wool", "micrographs": 6, "foreign": None}  # it cannot tell
  ]
  assert [each["specimen"] for each in found["per_specimen"]] == sorted(
    {row["specimen"] for row in scored}
  )
  assert len(found["skipped"]) == 1
  assert any("tested on" in each for each in found["warnings"])
  page = (out / "evaluation.md").read_text()
  assert f"| accuracy | {right / len(scored):.3f}" in page
  assert "| wool | 6 | – |" in page


def test_a_table_does_and_one_class_may(trained, labelled, tmp_path):
  table = tmp_path / "labels.csv"
  split = json.loads((trained / "results.json").read_text())["split"]
  (new,) = (
    each
    for each in (labelled / "HR").iterdir()
    if each.name in split["test_specimens"]
  )
  files = sorted(new.rglob("*.bmp"))
  lines = [f"{file},HR,s" for file in files]
  table.write_text("\n".join(["file,class,specimen", *lines]))
  out = tmp_path / "out"
  done = eanet("evaluate", trained, table, "--out", out, "--fast")
  assert done.returncode == 0, done.stderr
  found = json.loads((out / "evaluation.json").read_text())
  assert found["test"]["micrograph"]["per_class"]["HR"]["support"] == 3


def test_mistakes_are_one_line(trained, labelled, tmp_path):
  (tmp_path / "empty").mkdir()
  for arguments, says in (
    ((tmp_path / "empty",), "no image in it is of a class"),
    ((labelled, f"--out={labelled}/x"), "lies inside"),
    ((tmp_path / "nothing",), "no such folder"),
  ):
    done = eanet("evaluate", trained, *arguments)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_drift_is_the_share_beyond_nine_tenths():
  import numpy as np

  before = {"grey": np.arange(101.0), "um": np.full(101, np.nan)}
  new = {"grey": np.array([1, 50, 96, 97, 60, 70, 80, 90.0]), "um": np.ones(8)}
  (found,) = drift.compared(new, before)
  assert found["name"] == "grey"
  assert (found["trained_low"], found["trained_high"]) == (5, 95)
  assert found["beyond"] == 3 / 8
  (remark,) = drift.remarks([found], None)
  assert "38% of the files are outside 5 to 95" in remark
  novelty = drift.novelty_of([0.5] * 16 + [1.5] * 4)
  assert (novelty["foreign"], novelty["micrographs"]) == (4, 20)
  (remark,) = drift.remarks([], novelty)
  assert "4 of 20" in remark
  assert drift.remarks([], drift.novelty_of([0.5] * 18 + [1.5] * 2)) == []
