"""Every score against scikit-learn or by hand."""

import json
import tracemalloc
import warnings

import hypothesis
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import strategies as st

from eanet_jax.evaluation import metrics

settings = hypothesis.settings(deadline=None, max_examples=100)


@st.composite
def predictions(draw):
  """(labels, predicted, number of classes); any class may be absent."""
  l = draw(st.integers(2, 5))
  k = draw(st.integers(1, 30))
  column = st.lists(st.integers(0, l - 1), min_size=k, max_size=k)
  return np.array(draw(column)), np.array(draw(column)), l


@settings
@hypothesis.given(predictions())
def test_tallies_are_those_of_scikit_learns_matrices(drawn):
  labels, predicted, l = drawn
  units = np.arange(len(labels)) % 2
  whole = metrics.tally(labels, predicted, l)
  of_units = metrics.tally_units(labels, predicted, units, 2, l)
  # A resample of unit 0 twice and unit 1 never; and one of each.
  again = of_units.resampled(np.array([[2, 0], [1, 1]]))
  for counts, rows in (
    (whole, units >= 0),
    (metrics.Tally(*(each[0] for each in of_units)), units == 0),
    (metrics.Tally(*(each[0] // 2 for each in again)), units == 0),
    (metrics.Tally(*(each[1] for each in again)), units >= 0),
  ):
    matrix = sklearn.metrics.confusion_matrix(
      labels[rows], predicted[rows], labels=range(l)
    )
    np.testing.assert_array_equal(counts.right, np.diag(matrix))
    np.testing.assert_array_equal(counts.support, matrix.sum(1))
    np.testing.assert_array_equal(counts.predicted, matrix.sum(0))
    assert counts.right.dtype == np.int64


@settings
@hypothesis.given(predictions())
def test_headline_scores_equal_scikit_learns(drawn):
  labels, predicted, l = drawn
  got = metrics.headline(metrics.tally(labels, predicted, l))
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of classes that do not occur
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(
      labels, predicted, average="macro", zero_division=0
    )
    expected = {
      "accuracy": sklearn.metrics.accuracy_score(labels, predicted),
      "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(
        labels, predicted
      ),
      "macro_precision": precision,
      "macro_recall": recall,
      "macro_f1": f1,
      "kappa": np.nan_to_num(
        sklearn.metrics.cohen_kappa_score(labels, predicted)
      ),
    }
  assert tuple(got) == metrics.HEADLINE
  for name, value in expected.items():
    np.testing.assert_allclose(got[name], value, atol=1e-12, err_msg=name)


@settings
@hypothesis.given(predictions())
def test_class_scores_equal_scikit_learns(drawn):
  labels, predicted, l = drawn
  got = metrics.class_scores(metrics.tally(labels, predicted, l))
  expected = sklearn.metrics.precision_recall_fscore_support(
    labels, predicted, labels=range(l), zero_division=0
  )
  for name, values in zip(
    ("precision", "recall", "f1"), expected, strict=False
  ):
    np.testing.assert_allclose(got[name], values, atol=1e-12)


def test_scores_of_a_stack_of_tallies_are_those_of_each():
  rng = np.random.default_rng(0)
  labels, predicted = rng.integers(0, 3, (2, 60))
  units = np.arange(60) % 4
  together = metrics.headline(
    metrics.tally_units(labels, predicted, units, 4, 3)
  )
  for i in range(4):
    own = units == i
    counts = metrics.tally(labels[own], predicted[own], 3)
    for name, value in metrics.headline(counts).items():
      np.testing.assert_allclose(together[name][i], value)


def test_scores_by_hand():
  # 3 of 4 of the first class are right, 1 of 2 of the second.
  got = metrics.headline(
    metrics.Tally(*map(np.array, ([3, 1], [4, 2], [4, 2])))
  )
  np.testing.assert_allclose(got["accuracy"], 4 / 6)
  np.testing.assert_allclose(got["balanced_accuracy"], (3 / 4 + 1 / 2) / 2)
  by_chance = (4 * 4 + 2 * 2) / 36
  np.testing.assert_allclose(
    got["kappa"], (4 / 6 - by_chance) / (1 - by_chance)
  )


def test_mean_by_group_by_hand():
  values = np.array([[1.0, 0.0], [3.0, 4.0], [5.0, 8.0]])
  np.testing.assert_allclose(
    metrics.mean_by_group(values, np.array([1, 0, 1])), [[3, 4], [3, 4]]
  )
  np.testing.assert_allclose(
    metrics.mean_by_group(np.array([1.0, 2.0, 6.0]), np.array([0, 1, 1])),
    [1, 4],
  )


NAMES = ("a", "b", "c")


def summary(labels, predicted, specimens, resamples=200):
  probabilities = np.eye(3)[np.asarray(predicted)] * 0.7 + 0.1
  return metrics.summary(
    probabilities, np.asarray(labels), np.asarray(specimens), NAMES, resamples
  )


MIXED = (
  [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
  [0, 0, 0, 1, 1, 1, 2, 1, 2, 0, 2, 2],
  [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
)


def test_top2_accuracy_by_hand():
  probabilities = np.array(
    [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]
  )
  labels = np.array([0, 1, 2, 2])
  result = metrics.summary(probabilities, labels, labels, NAMES, 0)
  assert result["top2_accuracy"] == 0.75
  assert result["accuracy"] == 0.5
  assert "interval_95" not in result


def test_summary_of_classes_by_hand():
  result = summary(*MIXED)
  assert result["confusion"] == {
    "a": {"a": 3, "b": 1},
    "b": {"b": 3, "c": 1},
    "c": {"a": 1, "c": 3},
  }
  assert result["examples"] == 12
  assert result["per_class"]["b"] == {
    "precision": 0.75,
    "recall": 0.75,
    "f1": 0.75,
    "support": 4,
  }


def test_interval_of_a_mixed_case_contains_the_score():
  result = summary(*MIXED)
  assert set(result["interval_95"]) == set(metrics.HEADLINE)
  for name, (low, high) in result["interval_95"].items():
    assert low < result[name] < high, name


def test_interval_has_no_width_when_every_specimen_is_right():
  labels, _, specimens = MIXED
  result = summary(labels, labels, specimens)
  assert result["interval_95"]["accuracy"] == [1, 1]
  assert result["interval_95"]["balanced_accuracy"] == [1, 1]


def test_interval_is_wider_when_images_of_a_specimen_fall_together():
  rng = np.random.default_rng(0)
  labels = np.repeat([0, 1, 2], 40)
  specimens = np.repeat(np.arange(12), 10)
  # Four specimens of twelve are wrong, all their images together.
  predicted = (labels + np.isin(specimens, rng.permutation(12)[:4])) % 3
  width = lambda specimens: np.diff(
    summary(labels, predicted, specimens)["interval_95"]["accuracy"]
  )
  assert width(specimens) > 2 * width(np.arange(120))


def test_accuracy_interval_is_the_bootstraps_of_specimens():
  # Half of 10 specimens right: accuracy is binomial(10, 1/2) / 10, whose 2.5
  # and 97.5 % points are 0.2 and 0.8.
  labels = np.tile([0, 1], 10)
  specimens = np.repeat(np.arange(10), 2)
  predicted = np.where(specimens < 5, labels, 2)
  result = summary(labels, predicted, specimens, 4000)
  assert result["interval_95"]["accuracy"] == [0.2, 0.8]


def units_of(classes, each):
  """Support (g, l) of `each` units of so many classes."""
  return np.repeat(np.eye(classes, dtype=int), each, axis=0)


def test_draws_of_few_classes_are_of_units_and_miss_no_class():
  drawn = metrics.draw_units(units_of(3, 3), 500)
  of_classes = drawn.reshape(500, 3, 3).sum(-1)
  assert (drawn.sum(-1) == 9).all() and (of_classes > 0).all()
  assert len(np.unique(of_classes)) > 3  # classes come more or less often


def test_draws_of_many_classes_are_within_each():
  # A free draw of 2 units of each of 300 has them all once in 10^19.
  drawn = metrics.draw_units(units_of(300, 2), 100)
  assert (drawn.reshape(100, 300, 2).sum(-1) == 2).all()
  np.testing.assert_array_equal(np.unique(drawn), [0, 1, 2])
  assert (drawn == 1).mean() == pytest.approx(0.5, abs=0.02)


def test_classes_of_a_single_unit_have_no_draws():
  support = units_of(300, 1)
  assert metrics.draw_units(support, 100) is None
  assert metrics.draw_units(np.concatenate([support, support[:1]]), 100) is None


def test_a_thousand_classes_take_little_memory():
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(1000), 2)
  right = rng.random(2000) < 0.5
  predicted = np.where(right, labels, rng.integers(0, 1000, 2000))
  tracemalloc.start()
  scores = metrics.summary(
    np.eye(1000, dtype=np.float32)[predicted],
    labels,
    np.arange(2000),
    tuple(map(str, range(1000))),
    200,
  )
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert peak < 2e8  # a matrix of each unit would be 1.6e10 bytes
  low, high = scores["interval_95"]["accuracy"]
  assert low < scores["accuracy"] < high


def test_summary_is_the_same_each_time():
  assert summary(*MIXED) == summary(*MIXED)


@pytest.mark.parametrize("label", [0, 1])
def test_summary_is_valid_json_even_with_one_class(label):
  result = summary([label] * 3, [1, 1, 1], ["x", "x", "y"])
  assert json.loads(json.dumps(result, allow_nan=False)) == result
  assert result["kappa"] == 0
