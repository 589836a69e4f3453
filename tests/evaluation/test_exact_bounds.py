"""What few specimens show, against the binomial distribution itself."""

import pytest
from scipy import stats

from eanet_jax.evaluation import exact_bounds, metrics


def test_a_bound_is_where_so_many_right_ones_become_unlikely():
  for right, total in ((4, 4), (1, 4), (25, 28), (99, 100)):
    least = exact_bounds.least(right, total)
    tail = stats.binom.sf(right - 1, total, least)
    assert tail == pytest.approx(exact_bounds.DOUBT, rel=1e-9)
  assert exact_bounds.least(0, 5) == 0
  for total in (1, 4, 29):
    assert exact_bounds.least(total, total) == pytest.approx(
      metrics.least_if_all_right(total), rel=1e-12
    )
  assert round(exact_bounds.least(4, 4), 2) == 0.47


@pytest.mark.parametrize("wrong", [0, 1, 3, 9])
def test_so_many_are_needed_and_not_one_less(wrong):
  for share in (0.5, 0.9, 0.99):
    total = exact_bounds.needed(share, wrong)
    assert exact_bounds.least(total - wrong, total) >= share
    assert exact_bounds.least(total - wrong - 1, total - 1) < share
  assert exact_bounds.needed(0.9) == 29


def test_what_nobody_could_measure_is_an_error():
  with pytest.raises(ValueError, match="needs more"):
    exact_bounds.needed(0.999999)
