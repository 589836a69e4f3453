"""What so many right answers of so many show, by the binomial distribution.

Takes counts of independent units, such as specimens; gives shares and counts.
It needs no resampling, and says something where no answer is wrong, of which a
bootstrap says nothing.
"""

from scipy import special

DOUBT = 0.05  # one-sided: what is excluded is so with 95 % confidence
_MOST = 100_000  # units that anybody could measure


def least(right: int, total: int) -> float:
  """Returns the share of right answers that this many leave likely.

  With a smaller share p, fewer than 5 of 100 such tests would have so many
  right ones: P(X >= right | total, p) = 0.05, the one-sided bound of Clopper
  and Pearson (1934). 0 where nothing is excluded.
  """
  if right <= 0:
    return 0.0
  return float(special.betaincinv(right, total - right + 1, DOUBT))


def needed(share: float, wrong: int = 0) -> int:
  """Returns how many units, `wrong` of them wrong, exclude less than a share.

  Args:
    share: above 0 and below 1.
    wrong: errors that there are already, 0 or more.

  Raises:
    ValueError: more would be needed than anybody could measure.
  """
  low, high = wrong, _MOST  # of the first too few are right, of the last enough
  if least(high - wrong, high) < share:
    raise ValueError(f"{share} with {wrong} errors needs more than {_MOST}")
  while high - low > 1:
    middle = (low + high) // 2
    if least(middle - wrong, middle) < share:
      low = middle
    else:
      high = middle
  return high
