"""Answering only where sure: by hand, and against a loop over all numbers."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eanet_jax.evaluation import metrics, risk_coverage


def test_a_curve_by_hand():
  p = np.array([0.6, 0.9, 0.8, 0.7, 0.95])
  right = np.array([False, True, False, True, True])
  found = risk_coverage.curve(p, right)
  # In order: 0.95 right, 0.9 right, 0.8 wrong, 0.7 right, 0.6 wrong.
  assert found.answered.tolist() == [1, 2, 3, 4, 5]
  assert found.wrong.tolist() == [0, 0, 1, 1, 2]
  assert risk_coverage.most_at(found, 0.0) == (2, 0, 0.9)
  assert risk_coverage.most_at(found, 0.25) == (4, 1, 0.7)
  assert risk_coverage.most_at(found, 0.4) == (5, 2, 0.6)


def test_answers_alike_are_taken_together():
  # Else the order of files would decide how well the network does.
  p = np.array([0.9, 0.9, 0.9, 0.5])
  found = risk_coverage.curve(p, np.array([True, True, False, True]))
  assert [each.tolist() for each in found] == [[3, 4], [1, 1], [0.9, 0.5]]
  assert risk_coverage.most_at(found, 0.3) == (4, 1, 0.5)
  assert risk_coverage.most_at(found, 0.2) is None


@hypothesis.given(
  st.lists(
    st.tuples(st.sampled_from([0.4, 0.5, 0.9, 1.0]), st.booleans()), min_size=1
  ),
  st.sampled_from([0.0, 0.05, 0.3]),
)
def test_no_threshold_lets_more_be_answered(answers, error):
  p, right = map(np.array, zip(*answers, strict=True))
  point = risk_coverage.most_at(risk_coverage.curve(p, right), error)
  taken = [p >= threshold for threshold in p]
  allowed = [t.sum() for t in taken if (~right[t]).sum() <= error * t.sum()]
  assert (point.answered if point else 0) == max(allowed, default=0)


@pytest.mark.parametrize("units", [1, 4, 59])
def test_the_bound_without_a_mistake_is_met_by_chance_once_in_20(units):
  least = metrics.least_if_all_right(units)
  assert least**units == pytest.approx(0.05)
