"""Rows of tiles, micrographs and specimens, worked out by hand."""

import numpy as np
import pytest

from eanet_jax.inference import answer_rows, predictions

CLASSES = ("P92", "tile", "HR")  # one is called like a column


def prediction(file, *views, novelties=None, **more):
  """Of a file whose views have these probabilities."""
  p = np.asarray(views)
  mean = p.mean(0)
  return predictions.Prediction(
    file,
    label=CLASSES[int(mean.argmax())],
    probability=float(mean.max()),
    probabilities=mean,
    logits=np.log(p).astype(np.float32),
    novelty=None if novelties is None else float(np.mean(novelties)),
    novelties=None if novelties is None else np.asarray(novelties),
    corners=np.array([[0, 5], [0, 105]])[: len(p)],
    **more,
  )


def complete(table, rows):
  assert all(set(row) <= set(table.columns) for row in rows)
  return [tuple(row.get(name) for name in table.columns) for row in rows]


def test_tiles_have_their_places_and_own_answers():
  table = answer_rows.Table("tile", CLASSES, "id")
  one = prediction("f", (0.5, 0.2, 0.3), (0.1, 0.8, 0.1), novelties=[0.5, 1.5])
  assert list(table.columns)[4:9] == [
    "label", "probability", "P92", "tile (class)", "HR",
  ]  # fmt: skip
  assert complete(table, table.rows(one)) == [
    ("f", 0, 0, 5, "P92", 0.5, 0.5, 0.2, 0.3, 0.5, "known", "", "id"),
    ("f", 1, 0, 105, "tile", 0.8, 0.1, 0.8, 0.1, 1.5, "foreign", "", "id"),
  ]


def test_the_most_probable_have_columns():
  table = answer_rows.Table("micrograph", CLASSES, "id", top_k=2)
  (row,) = complete(table, table.rows(prediction("f", (0.3, 0.1, 0.6))))
  assert row[:5] == ("f", "HR", 0.6, "P92", 0.3)
  assert "P92" not in table.columns
  every = answer_rows.Table("micrograph", CLASSES, "id", top_k=9)
  assert "label_3" in every.columns
  assert "label_4" not in every.columns
  bad = predictions.Prediction("g", error="empty")
  assert table.rows(bad) == [
    {"file": "g", "error": "empty", "network_id": "id"}
  ]


def test_specimens_are_the_mean_of_their_micrographs():
  table = answer_rows.Table("specimen", CLASSES, "id")
  votes = answer_rows.Votes(["s", "t", "s", "s", "s"])
  # Two views of one micrograph count as much as one of another.
  files = [
    prediction("1", (0.6, 0.1, 0.3), (0.4, 0.1, 0.5), novelties=[1, 2]),
    prediction("2", (0.4, 0.2, 0.4), novelties=[0.2]),
    predictions.Prediction("3", error="empty"),
    prediction("4", (0.1, 0.1, 0.8), novelties=[1.3]),
  ]
  assert votes.add("t", predictions.Prediction("5", error="text")) is not None
  found = [votes.add("s", each) for each in files]
  assert found[:3] == [None] * 3
  row = table.of_specimen(found[3])
  mean = np.mean([(0.5, 0.1, 0.4), (0.4, 0.2, 0.4), (0.1, 0.1, 0.8)], axis=0)
  assert [row[n] for n in ("P92", "tile", "HR")] == pytest.approx(mean.round(4))
  expected = {
    "specimen": "s",
    "micrographs": 3,
    "unusable": 1,
    "label": "HR",
    "agree": 0.3333,
    "novelty": 1.0,
    "foreign": 2,
    "verdict": "foreign",
    "error": "1 file could not be used: empty",
  }
  assert {name: row[name] for name in expected} == expected
  lost = answer_rows.Vote("t", 1)
  lost.add(predictions.Prediction("5", error="text"))
  assert table.of_specimen(lost)["error"] == (
    "no file of it could be used: text"
  )


def test_shares_of_named_slots_are_means_at_every_level():
  shares = {"lath": np.array([0.25, 0.75])}
  one = prediction("f", (0.5, 0.2, 0.3), (0.1, 0.8, 0.1), structure=shares)
  two = prediction("g", (0.5, 0.2, 0.3), structure={"lath": np.array([0.1])})
  classes = ("P92", "share of lath", "HR")
  found = {}
  for level in answer_rows.LEVELS:
    table = answer_rows.Table(level, classes, "id", structure=("lath",))
    assert "share of lath (class)" in table.columns
    votes = answer_rows.Votes(["s", "s"])
    votes.add("s", one)
    vote = votes.add("s", two)
    rows = [table.of_specimen(vote)] if level == "specimen" else table.rows(one)
    found[level] = [row["share of lath"] for row in rows]
  assert found == {"tile": [0.25, 0.75], "micrograph": [0.5], "specimen": [0.3]}
