"""What a page says of an answer is what the program says of it."""

import csv
import io
import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from eanet_jax.exporting import page_script
from eanet_jax.inference import answer_rows, confidence, prediction_sets

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")
NAMES = ["P92", "HR", "CPJ", "label", "wrought, cast", 'so "called"']
# What only the training micrographs can tell, and a page does not have.
LACKING = {"nearest", "nearest_specimen", "nearest_distance", "trained_on"}


def made_cases(count=300):
  """(what the page is asked, what the program says) of random answers."""
  rng = np.random.default_rng(0)
  asked, expected = [], []
  for i in range(count):
    names = NAMES[: rng.integers(2, len(NAMES) + 1)]
    p = rng.dirichlet(np.full(len(names), rng.choice([0.2, 1, 5])))
    if i % 7 == 0:
      p[:2] = p[:2].mean()  # equal ones, in the order of the classes
    novelty = rng.choice([None, 0.2, 0.999, 1.0, 1.234, 17.5])
    field = rng.choice([None, 3.2, 4.6, 10, 56.5, 57, 1234.5, 20, 40])
    fields = [None, (20.0, 40.0), (33.3, 33.3)][rng.integers(3)]
    sets, coverage = None, 0
    if rng.random() < 0.7:
      coverage = int(rng.integers(50, 100))
      least = np.sort(rng.random((len(names), 50)), axis=1)[:, ::-1]
      sets = prediction_sets.Sets(least, np.full(len(names), 200))
    known = confidence.Confidence(names, sets, coverage, "specimen", fields)
    column = coverage - 50
    asked.append(
      {
        "names": names,
        "p": p.tolist(),
        "novelty": novelty,
        "field": field,
        "after": {
          "foreign": {"novelty_above": 1.0},
          "other_magnification": {
            "field_um": fields,
            "factor": confidence.SAME_FIELD,
          },
          "sets": sets
          and {
            "usual_percent": coverage,
            "least_probability_by_percent": {
              str(coverage): sets.least[:, column].tolist()
            },
          },
        },
      }
    )
    within = [names.index(each) for each in known.set_of(p)]
    expected.append([within, *known.verdict(p, novelty, field)])
  return asked, expected


NUMBERS = [0.001234, 0.00001234, 1.0, 9.995, 99.96, 123.4, 999.6, 1234567, 0.5]
ROWS = [
  {
    "file": 'a, "b".png',
    "label": "P92",
    "probability": 0.9876,
    "probabilities": [0.9876, 0.01, 0.0024, 0, 0, 0],
    "set": ["P92", "HR"],
    "novelty": None,
    "verdict": "unsure",
    "reason": "may be P92 0.99, HR 0.01",
    "um_per_px": None,
    "um_from": "none",
    "crop_rows": 64,
    "bar_from": "looks",
    "remarks": ["one", "two"],
    "error": "",
  },
  {"file": "c.png", "error": "not an image"},
]


@pytest.fixture(scope="module")
def said():
  """What the page says, and what it should say of the cases."""
  cases, expected = made_cases()
  asked = {"numbers": NUMBERS, "cases": cases, "names": NAMES, "rows": ROWS}
  script = pathlib.Path(__file__).with_name("page_answers.mjs")
  done = subprocess.run(
    [NODE, script, page_script.FOLDER],
    input=json.dumps(asked),
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout), expected


def test_verdicts_and_sets_are_those_of_predict(said):
  found, expected = said
  assert {word for _, word, _ in expected} == {
    "",
    *(confidence.KNOWN, confidence.UNSURE, confidence.FOREIGN),
    confidence.OTHER_MAGNIFICATION,
  }
  assert found["verdicts"] == expected


def test_numbers_are_written_as_python_writes_them(said):
  assert said[0]["numbers"] == [f"{number:.3g}" for number in NUMBERS]


def test_tables_have_the_columns_of_predict(said):
  table = answer_rows.Table("micrograph", NAMES, "abc")
  columns = [name for name in table.columns if name not in LACKING]
  assert said[0]["columns"] == columns
  rows = list(csv.DictReader(io.StringIO(said[0]["csv"])))
  assert [*rows[0]] == columns
  assert rows[0]["file"] == 'a, "b".png'
  assert (rows[0]["set"], rows[0]["remarks"]) == ("P92; HR", "one; two")
  assert (rows[0]["P92"], rows[0]["novelty"]) == ("0.9876", "")
  assert (rows[1]["error"], rows[1]["label"]) == ("not an image", "")
  lines = [json.loads(line) for line in said[0]["json_lines"].splitlines()]
  assert [*lines[0]] == columns
  assert lines[0]["novelty"] is None
  assert lines[0]["crop_rows"] == 64
