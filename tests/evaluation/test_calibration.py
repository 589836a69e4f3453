"""Calibration by hand, on simulated networks, and by brute force."""

import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import special

from eanet_jax.data import view_store
from eanet_jax.evaluation import answers, calibration


def rows_of(p_of_class_1):
  p = np.array(p_of_class_1, np.float64)
  return np.stack([1 - p, p], axis=-1)


def simulated(k, num_classes, temperature, seed):
  """Logits that are `temperature` times those the labels are drawn from."""
  rng = np.random.default_rng(seed)
  honest = rng.normal(size=(k, num_classes)) * 1.5
  p = special.softmax(honest, axis=-1)
  labels = (p.cumsum(-1) < rng.random((k, 1))).sum(-1)
  return honest * temperature, np.minimum(labels, num_classes - 1)


def answered(logits, labels, group):
  """Answers for views of micrographs 0..m-1, each of its own specimen."""
  names = tuple(map(str, range(len(labels))))
  views = view_store.Views(
    images=np.zeros((len(group), 1, 1, 1), np.uint8),
    micrograph=np.asarray(group, np.int32),
    labels=np.asarray(labels),
    specimens=names,
    files=names,
    class_names=("a", "b", "c"),
    skipped=(),
    unmatched=(),
    digest="",
  )
  return answers.Answers(views, np.arange(len(group)), logits)


def loss(logits, labels, group, t):
  """Mean -log p of micrographs, one after another."""
  p = special.softmax(np.asarray(logits) / t, axis=-1)
  return -np.mean(
    [np.log(p[group == i, y].mean()) for i, y in enumerate(labels)]
  )


def test_reliability_by_hand():
  # Tops 0.95 right, 0.95 wrong, 0.75 right, 0.625 wrong.
  p = rows_of([0.95, 0.05, 0.75, 0.375])
  found = calibration.reliability(p, np.array([1, 1, 1, 1]))
  # (2 * |1/2 - 0.95| + |1 - 0.75| + |0 - 0.625|) / 4
  assert found["ece"] == pytest.approx((0.9 + 0.25 + 0.625) / 4)
  assert [row["count"] for row in found["bins"]] == [0] * 6 + [1, 1, 0, 2]
  last = found["bins"][-1]
  assert last["confidence"] == pytest.approx(0.95)
  assert last["accuracy"] == 0.5
  assert (last["low"], last["high"]) == (0.9, 1.0)
  assert found["bins"][8] == {
    "low": 0.8,
    "high": 0.9,
    "count": 0,
    "confidence": None,
    "accuracy": None,
  }
  json.dumps(found, allow_nan=False)


def test_a_probability_on_an_edge_belongs_to_the_bin_above_and_1_to_the_last():
  p = rows_of([0.5, 0.75, 1.0, 1.0])
  found = calibration.reliability(p, np.array([0, 1, 1, 0]), bins=4)
  assert [row["count"] for row in found["bins"]] == [0, 0, 1, 3]
  assert [row["low"] for row in found["bins"]] == [0, 0.25, 0.5, 0.75]


def test_certain_and_right_is_0_certain_and_wrong_is_1():
  p = np.eye(3)[[0, 2, 1]]
  assert calibration.reliability(p, np.array([0, 2, 1]))["ece"] == 0
  assert calibration.reliability(p, np.array([1, 0, 2]))["ece"] == 1


def test_one_bin_is_the_gap_between_confidence_and_accuracy():
  p = rows_of([0.9, 0.8, 0.3])
  found = calibration.reliability(p, np.array([1, 0, 0]), bins=1)
  assert found["ece"] == pytest.approx(0.8 - 2 / 3)


def test_a_calibrated_network_has_a_small_error_and_a_sharper_one_a_large_one():
  logits, labels = simulated(20_000, 3, 1.0, 0)
  honest = special.softmax(logits, axis=-1)
  sharper = special.softmax(3 * logits, axis=-1)
  assert calibration.reliability(honest, labels)["ece"] < 0.015
  assert calibration.reliability(sharper, labels)["ece"] > 0.1


@hypothesis.given(
  seed=st.integers(0, 10_000),
  k=st.integers(1, 40),
  num_classes=st.integers(2, 5),
  bins=st.integers(1, 15),
  spread=st.floats(0, 30),
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_an_error_is_between_0_and_1_and_every_row_in_one_bin(
  seed, k, num_classes, bins, spread
):
  rng = np.random.default_rng(seed)
  p = special.softmax(spread * rng.normal(size=(k, num_classes)), axis=-1)
  labels = rng.integers(0, num_classes, k)
  found = calibration.reliability(p, labels, bins)
  assert 0 <= found["ece"] <= 1
  assert len(found["bins"]) == bins
  assert sum(row["count"] for row in found["bins"]) == k
  for row in found["bins"]:
    if row["count"]:
      assert row["low"] - 1e-9 <= row["confidence"] <= row["high"] + 1e-9
  right = sum(
    row["count"] * row["accuracy"] for row in found["bins"] if row["count"]
  )
  assert right == pytest.approx((p.argmax(-1) == labels).sum())


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 8.0])
def test_a_known_temperature_is_found(temperature):
  logits, labels = simulated(20_000, 3, temperature, 1)
  found = calibration.fit_temperature(logits, labels, np.arange(len(labels)))
  assert found == pytest.approx(temperature, rel=0.04)


def test_single_views_by_hand():
  # Two of three right with a margin of 1: p = 2/3 at 1/T = log 2.
  logits = np.array([[1, 0], [0, 1], [1, 0]], "f4")
  found = calibration.fit_temperature(logits, np.array([0, 1, 1]), np.arange(3))
  assert found == pytest.approx(1 / np.log(2), rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_several_views_agree_with_a_search_of_every_temperature(seed):
  rng = np.random.default_rng(seed)
  labels = rng.integers(0, 3, 25)
  group = rng.permutation(np.concatenate([np.arange(25)] * 2 + [[3] * 7]))
  logits = rng.normal(size=(len(group), 3)) * 4
  logits[np.arange(len(group)), labels[group]] += 3
  found = calibration.fit_temperature(logits, labels, group)
  every = np.geomspace(0.05, 20, 1001)
  least = min(loss(logits, labels, group, t) for t in every)
  assert loss(logits, labels, group, found) <= least + 1e-7


def test_of_two_minima_the_lower_is_found():
  # A sharp view that is right among views a little wrong has two valleys.
  rng = np.random.default_rng(5)
  for _ in range(20):
    labels = rng.integers(0, 2, 3)
    group = np.repeat(np.arange(3), 4)
    logits = rng.normal(size=(12, 2)) * 10 ** rng.uniform(-1, 1.5, (12, 1))
    found = calibration.fit_temperature(logits, labels, group)
    every = np.geomspace(0.05, 20, 801)
    least = min(loss(logits, labels, group, t) for t in every)
    assert loss(logits, labels, group, found) <= least + 1e-4


@hypothesis.given(
  seed=st.integers(0, 10_000),
  m=st.integers(1, 12),
  num_classes=st.integers(2, 4),
  views=st.integers(1, 3),
  spread=st.floats(0, 100),
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_a_temperature_is_in_range_and_never_worse_than_1(
  seed, m, num_classes, views, spread
):
  rng = np.random.default_rng(seed)
  labels = rng.integers(0, num_classes, m)
  group = np.repeat(np.arange(m), views)
  logits = spread * rng.normal(size=(len(group), num_classes))
  t = calibration.fit_temperature(logits, labels, group)
  assert 0.05 <= t <= 20
  before, after = (loss(logits, labels, group, each) for each in (1, t))
  assert after <= before * (1 + 1e-9) + 1e-12


@hypothesis.given(seed=st.integers(0, 10_000), spread=st.floats(0.1, 30))
@hypothesis.settings(max_examples=30, deadline=None)
def test_the_class_of_a_single_view_does_not_depend_on_the_temperature(
  seed, spread
):
  rng = np.random.default_rng(seed)
  logits = spread * rng.normal(size=(30, 3))
  labels = rng.integers(0, 3, 30)
  t = calibration.fit_temperature(logits, labels, np.arange(30))
  scaled = special.softmax(logits / t, axis=-1)
  np.testing.assert_array_equal(scaled.argmax(-1), logits.argmax(-1))


@pytest.mark.parametrize("margin", [1, 30, 1e4])
def test_all_right_goes_to_the_lower_bound_and_all_wrong_to_the_upper(margin):
  labels = np.array([0, 1, 2, 1])
  logits = (margin * np.eye(3)[labels]).astype("f4")
  one_each = np.arange(4)
  fit = calibration.fit_temperature
  assert fit(logits, labels, one_each) == pytest.approx(0.05)
  assert fit(logits, (labels + 1) % 3, one_each) == pytest.approx(
    20.0, rel=1e-4
  )


def test_a_certain_mistake_is_finite():
  logits = np.array([[1e30, 0], [0, 5], [3, 0]], "f4")
  t = calibration.fit_temperature(logits, np.array([1, 1, 0]), np.arange(3))
  assert t == pytest.approx(20, rel=1e-3)


def test_a_summary_mends_overconfident_test_micrographs():
  logits, labels = simulated(6000, 3, 4.0, 2)
  half = np.arange(3000)
  found = calibration.summary(
    answered(logits[:3000], labels[:3000], half),
    answered(logits[3000:], labels[3000:], half),
  )
  assert set(found) == {"temperature", "before", "after"}
  assert found["temperature"] == pytest.approx(4, rel=0.1)
  assert found["before"]["ece"] > 0.1
  assert found["after"]["ece"] < 0.03
  json.dumps(found, allow_nan=False)


def test_a_summary_is_of_micrographs_not_of_views():
  # Two views of micrograph 0 (p of class 1 0.9 and 0.5), one of 1 (0.2).
  logits = np.log(rows_of([0.9, 0.2, 0.5])).astype("f4")
  group, labels = np.array([0, 1, 0]), np.array([1, 1])
  both = answered(logits, labels, group)
  found = calibration.summary(both, both)
  assert found["before"]["ece"] == pytest.approx((0.3 + 0.8) / 2)
  assert sum(row["count"] for row in found["after"]["bins"]) == 2


def in_folds(temperature, seed=0, size=600):
  """Simulated answers, one view each, in five folds."""
  logits, labels = simulated(size, 3, temperature, seed)
  return answered(logits, labels, np.arange(size)), np.arange(size) % 5


def test_a_fold_is_judged_by_the_temperature_of_the_others():
  given, folds = in_folds(3.0)
  found = calibration.of_folds(given, folds)
  nested = np.empty_like(given.logits)
  for fold in range(5):
    rest = folds != fold
    t = calibration.fit_temperature(
      given.logits[rest], given.labels[rest], np.arange(rest.sum())
    )
    nested[~rest] = given.logits[~rest] / t
  p = special.softmax(nested, axis=-1)
  own = p[np.arange(600), given.labels]
  assert found["losses"][1] == pytest.approx(-np.log(own).mean())
  assert found["after"] == calibration.reliability(p, given.labels)
  assert found["applied"]
  assert found["temperature"] == pytest.approx(3, rel=0.15)
  assert found["losses"][1] < found["losses"][0]


def test_a_temperature_that_says_nothing_is_not_applied():
  honest = calibration.of_folds(*in_folds(1.0, size=60))
  assert not honest["applied"]
  assert "does not make" in honest["reason"]

  labels = np.arange(30) % 3
  right = answered(5 * np.eye(3)[labels], labels, np.arange(30))
  found = calibration.of_folds(right, np.arange(30) % 5)
  assert not found["applied"]
  assert "every answer is right" in found["reason"]

  # Of answers that are all wrong and sure, none is worth anything.
  wrong = answered(50 * np.eye(3)[(labels + 1) % 3], labels, np.arange(30))
  found = calibration.of_folds(wrong, np.arange(30) % 5)
  assert not found["applied"]
  assert "at a bound" in found["reason"]
