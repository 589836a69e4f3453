"""A run on a thousand classes: its files stay small and can be read."""

import base64
import re
import xml.etree.ElementTree as ET

import made_results
import pytest

from eanet_jax.reporting import confusions, console_tables, html_pages, plots
from eanet_jax.workdir import results_json

COUNTS = {"a": {"a": 6, "b": 2}, "b": {"a": 2}, "c": {"c": 1}, "d": {"b": 4}}


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
  """The workdir of a made-up run on a thousand classes."""
  workdir = tmp_path_factory.mktemp("thousand")
  results_json.write(workdir, made_results.many_classes(1000))
  html_pages.write(workdir)
  return workdir


def size_px(picture: str) -> tuple[float, float]:
  """Width and height of an SVG in a data URI."""
  svg = ET.fromstring(base64.b64decode(picture.partition(",")[2]))
  return tuple(
    float(svg.get(side).removesuffix("pt")) / 0.75
    for side in ("width", "height")
  )


def test_a_matrix_is_that_of_the_cells_that_occur():
  assert confusions.matrix(COUNTS, "abcd").tolist() == [
    [6, 2, 0, 0],
    [2, 0, 0, 0],
    [0, 0, 1, 0],
    [0, 4, 0, 0],
  ]


def test_pairs_are_the_most_frequent_mistakes_first():
  assert confusions.pairs(COUNTS) == [
    ("d", "b", 4, 1.0),
    ("b", "a", 2, 1.0),
    ("a", "b", 2, 0.25),
  ]


def test_results_of_a_thousand_classes_are_small(thousand):
  # Dense matrices, as in format 1, took 140 MB.
  assert (thousand / "results.json").stat().st_size < 4e6
  results = results_json.read(thousand)
  assert results == made_results.many_classes(1000)


def test_the_page_of_a_thousand_classes_is_bounded(thousand):
  text = (thousand / "report.html").read_text()
  assert len(text) < 4e5
  for part in (
    "to tell apart\n    1,000 classes.",
    "The 20 of 1,000 classes with the lowest F1",
    "These are the 40 of 2,000 with the lowest share",
    "and 1,960 more",
  ):
    assert part in text
  pictures = re.findall(r'src="(data:image/svg[^"]*)"', text)
  assert len(pictures) == 4
  for picture in pictures:
    width, height = size_px(picture)
    assert width <= 600 and height <= 1100


def test_up_to_twenty_classes_have_a_matrix_and_a_row_each(tmp_path):
  results_json.write(tmp_path, made_results.many_classes(20))
  text = html_pages.write(tmp_path).read_text()
  assert "Confusion matrix" in text and "most frequent mistakes" not in text
  assert all(f'scope="row">alloy_{i:04d}<' in text for i in range(20))


def test_bars_of_specimens_are_coloured_only_where_colours_tell_classes():
  rows = [{"class": "a", "specimen": "a/1", "micrographs": 2, "accuracy": 0.5}]

  def svg(class_names):
    drawn = plots.specimens(rows, class_names)
    return base64.b64decode(drawn.partition(",")[2]).decode()

  assert ">1 (2)<" in svg("abc") and ">a<" in svg("abc")
  assert ">a/1 (2)<" in svg("abcdefg") and ">a<" not in svg("abcdefg")


def test_the_console_shows_the_most_frequent_mistakes_of_many_classes():
  results = made_results.many_classes(1000)
  lines = console_tables.table(results.test, results.class_names).splitlines()
  pairs = confusions.pairs(results.test["micrograph"]["confusion"])
  assert len(lines) < 30 and max(map(len, lines)) <= 80
  first = pairs[0]
  assert f"10 of {len(pairs)} pairs of classes" in lines[-11]
  assert f"  {first.true} called {first.called}: " in lines[-10]
