"""Scores of each level by hand, from what is answered for views."""

import dataclasses

import numpy as np

from eanet_jax.data import view_store
from eanet_jax.evaluation import answers, scoring

# Of a data set of 6 micrographs, 3 specimens, 2 classes.
LABELS = np.array([0, 0, 1, 1, 0, 1])
SPECIMENS = ("x", "x", "y", "y", "z", "y")


def views_of(micrograph):
  return view_store.Views(
    images=np.zeros((len(micrograph), 1, 1, 1), np.uint8),
    micrograph=np.array(micrograph, np.int32),
    labels=LABELS,
    specimens=SPECIMENS,
    files=tuple("012345"),
    class_names=("a", "b"),
    skipped=(),
    unmatched=(),
    digest="",
  )


def log_of(p_of_class_1):
  p = np.array(p_of_class_1)
  return np.log(np.stack([1 - p, p], axis=-1)).astype("f4")


def scores(p_of_class_1, micrograph):
  """Of views of these micrographs, each with this probability of class b."""
  return score(
    log_of(p_of_class_1), views_of(micrograph), np.arange(len(micrograph))
  )


def score(logits, views, chosen, **keywords):
  return scoring.score(answers.Answers(views, chosen, logits), **keywords)


def test_a_micrographs_class_is_its_mean_probability_over_tiles():
  # Micrograph 0 (a): two tiles a little b, one surely a: a by the mean.
  # Micrograph 5 (b): all tiles b. Micrograph 4 (a): b by the mean.
  result = scores(
    [0.6, 0.6, 0.1, 0.9, 0.7, 0.8, 0.4, 0.9],
    [0, 0, 0, 5, 5, 5, 4, 4],
  )
  assert result["tile"]["confusion"] == {"a": {"a": 2, "b": 3}, "b": {"b": 3}}
  assert result["micrograph"]["confusion"] == {
    "a": {"a": 1, "b": 1},
    "b": {"b": 1},
  }
  assert result["specimen"]["confusion"] == {
    "a": {"a": 1, "b": 1},
    "b": {"b": 1},
  }


def test_a_specimens_class_is_its_mean_probability_over_micrographs():
  # Specimen y: two micrographs a little a, one surely b: b by the mean.
  result = scores([0.1, 0.4, 0.4, 0.9, 0.7], [0, 3, 2, 5, 4])
  assert result["micrograph"]["confusion"] == {
    "a": {"a": 1, "b": 1},
    "b": {"a": 2, "b": 1},
  }
  assert result["specimen"]["confusion"] == {
    "a": {"a": 1, "b": 1},
    "b": {"b": 1},
  }
  assert result["specimen"]["examples"] == 3


def test_micrographs_of_a_specimen_weigh_the_same_whatever_their_tiles():
  # Three tiles of micrograph 2 say a by 0.8, one of micrograph 3 b by 0.9.
  result = scores([0.2, 0.2, 0.2, 0.9, 0.1], [2, 2, 2, 3, 0])
  assert result["specimen"]["confusion"] == {"a": {"a": 1}, "b": {"b": 1}}


def test_tiles_are_a_level_only_where_a_micrograph_has_several():
  assert set(scores([0.1, 0.9], [0, 2])) == {"micrograph", "specimen"}
  assert set(scores([0.1, 0.9, 0.9], [0, 2, 2])) == {
    "tile",
    "micrograph",
    "specimen",
  }


def test_logits_are_of_the_views_chosen():
  views = views_of([0, 0, 3, 3, 4, 5])
  chosen = np.array([5, 2, 3])
  result = score(log_of([0.9, 0.2, 0.3]), views, chosen)
  assert result["tile"]["confusion"] == {"a": {}, "b": {"a": 2, "b": 1}}
  assert result["micrograph"]["confusion"] == {"a": {}, "b": {"a": 1, "b": 1}}
  assert result["specimen"]["confusion"] == {"a": {}, "b": {"b": 1}}
  assert result["specimen"]["per_class"]["b"]["support"] == 1


def test_intervals_are_given_where_resamples_are_asked_for():
  views = views_of([0, 2, 3, 4])
  logits = log_of([0.1, 0.9, 0.2, 0.3])
  plain = score(logits, views, np.arange(4))
  drawn = score(logits, views, np.arange(4), resamples=50)
  for level in ("micrograph", "specimen"):
    assert "interval_95" not in plain[level]
    low, high = drawn[level]["interval_95"]["accuracy"]
    assert 0 <= low <= drawn[level]["accuracy"] <= high <= 1


def test_intervals_are_over_micrographs_where_no_class_has_two_specimens():
  # Half of 4 micrographs, each of two tiles.
  views = dataclasses.replace(
    views_of([0, 0, 1, 1, 2, 2, 3, 3]), specimens=tuple("aabbab")
  )
  logits = log_of([0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1])
  drawn = score(logits, views, np.arange(8), resamples=50)
  assert "interval_95" not in drawn["specimen"]
  for level in ("tile", "micrograph"):
    low, high = drawn[level]["interval_95"]["accuracy"]
    assert low < drawn[level]["accuracy"] == 0.5 < high
  # Nor does one specimen of each class in a test say that there are no others.
  views = dataclasses.replace(views, specimens=tuple("aabbxb"))
  drawn = score(logits, views, np.arange(8), resamples=50)
  assert "interval_95" not in drawn["micrograph"]


def test_the_order_of_tiles_does_not_matter():
  p = np.array([0.6, 0.6, 0.1, 0.9, 0.7, 0.8, 0.4, 0.9])
  micrograph = np.array([0, 0, 0, 5, 5, 5, 4, 4])
  order = np.random.default_rng(0).permutation(8)
  assert scores(p, micrograph) == scores(p[order], micrograph[order])


def test_each_specimen_has_its_share_of_right_micrographs():
  # x: one of two right; y: both tiles' mean is right; z is not answered.
  micrograph = [0, 1, 3, 3]
  logits = log_of([0.1, 0.8, 0.9, 0.4])
  answered = answers.Answers(views_of(micrograph), np.arange(4), logits)
  assert scoring.by_specimen(answered) == [
    {"specimen": "x", "class": "a", "micrographs": 2, "accuracy": 0.5},
    {"specimen": "y", "class": "b", "micrographs": 1, "accuracy": 1.0},
  ]
