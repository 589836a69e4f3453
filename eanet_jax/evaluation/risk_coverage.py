"""How many answers are right if only the surest are taken.

Takes top probabilities and which answers are right, gives the accuracy of the
surest n for every n. NumPy only.
"""

import typing

import numpy as np


class Curve(typing.NamedTuple):
  """The surest answers of a test: arrays (c,), from few answers to all.

  Answers of the same probability are taken together, so that c may be less than
  the number of answers.

  Attributes:
    answered: int, how many are taken.
    wrong: int, how many of these are wrong.
    probability: float, the lowest among them.
  """

  answered: np.ndarray
  wrong: np.ndarray
  probability: np.ndarray


class Point(typing.NamedTuple):
  """So many of the surest answers, with how many mistakes among them."""

  answered: int
  wrong: int
  probability: float


def curve(probability: np.ndarray, right: np.ndarray) -> Curve:
  """Returns the risk-coverage curve of Geifman and El-Yaniv (2017).

  "Selective Classification for Deep Neural Networks", Eq. 1 and 2: the coverage
  is answered / k, the selective risk wrong / answered.

  Args:
    probability: float (k,), of the class that is named.
    right: bool (k,).
  """
  order = np.argsort(-probability, kind="stable")
  sorted_p = probability[order]
  last = np.flatnonzero(np.append(sorted_p[1:] < sorted_p[:-1], True))
  return Curve(last + 1, np.cumsum(~right[order])[last], sorted_p[last])


def most_at(found: Curve, error: float) -> Point | None:
  """Returns the most answers with a share of mistakes of at most `error`.

  None if even the surest answers have a larger one. The mistakes are those of
  the answers that the number is chosen by: on others there may be more.
  """
  enough = np.flatnonzero(found.wrong <= error * found.answered)
  if not len(enough):
    return None
  return Point(*(each[enough[-1]].item() for each in found))
