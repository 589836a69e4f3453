"""A thousand classes, a thousand specimens: small files, pages to read."""

import base64
import re
import xml.etree.ElementTree as ET

import made_results
import numpy as np
import pytest

from eanet_jax.evaluation import metrics
from eanet_jax.reporting import console_tables, html_pages, mistakes
from eanet_jax.workdir import results_json

NAMES = tuple(f"alloy {i:04d}" for i in range(1000))


@pytest.fixture(scope="module")
def many():
  """Results of a test micrograph of each of 1,000 classes, half of it right.

  A wrong one is called as the next class.
  """
  labels = np.arange(1000)
  called = np.where(labels % 2, labels, (labels + 1) % 1000)
  scores = metrics.summary(np.eye(1000)[called], labels, labels, NAMES, 100)
  levels = {"micrograph": scores, "specimen": scores}
  return made_results.run_results(
    class_names=list(NAMES),
    validation=levels,
    test=levels,
    baselines=dict.fromkeys(results_json.BASELINES, levels),
    per_specimen=[
      {"specimen": f"{name}/s1", "class": name, "micrographs": 1}
      | {"accuracy": float(i % 2)}
      for i, name in enumerate(NAMES)
    ],
    split={"by": "specimen", "train": 2000, "validation": 1000, "test": 1000}
    | {"test_specimens": [f"{n}/s1" for n in NAMES], "fold": 0, "folds": 0},
  )


def test_results_grow_with_the_classes_not_with_their_square(tmp_path, many):
  results_json.write(tmp_path, many)
  assert (tmp_path / "results.json").stat().st_size < 5e6  # it was 144 MB
  found = results_json.read(tmp_path).test["micrograph"]
  assert found["confusion"]["alloy 0000"] == {"alloy 0001": 1}
  assert found["accuracy"] == 0.5


def test_the_report_is_small_and_says_what_it_leaves_out(tmp_path, many):
  results_json.write(tmp_path, many)
  text = html_pages.write(tmp_path).read_text()
  assert len(text) < 1e6
  told = " ".join(re.sub("<[^>]+>", " ", text).split())
  for part in (
    "The 50 of 1,000 classes with the lowest F1",
    "The commonest 25 of 500 pairs of classes",
    "of the 60 worst of 1,000 specimens",
    "and 950 more",
  ):
    assert part in told, part
  # Each picture fits on a page; the matrix took 9.7 GB to draw.
  for source in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text):
    picture = ET.fromstring(base64.b64decode(source))
    assert float(picture.attrib["height"].removesuffix("pt")) < 1400


def test_the_terminal_shows_the_commonest_mistakes(many):
  lines = console_tables.table(many.test, many.class_names).splitlines()
  assert "micrographs: the commonest 10 of 500 mistakes" in lines
  assert "  alloy 0000 called alloy 0001: 1 of 1" in lines
  assert len(lines) < 25
  assert max(map(len, lines)) <= 80


def test_mistakes_are_in_order_of_how_common_they_are():
  confusion = {"a": {"a": 3, "b": 2, "c": 1}, "b": {"c": 2}, "c": {"c": 9}}
  assert mistakes.commonest(confusion) == [
    mistakes.Mistake("b", "c", 2, 2),
    mistakes.Mistake("a", "b", 2, 6),
    mistakes.Mistake("a", "c", 1, 6),
  ]


def test_no_mistake_at_all_is_said():
  names = NAMES[:30]
  labels = np.arange(30)
  scores = metrics.summary(np.eye(30), labels, labels, names, 0)
  levels = {"micrograph": scores, "specimen": scores}
  told = console_tables.table(levels, names)
  assert "micrographs: none is called another class" in told
