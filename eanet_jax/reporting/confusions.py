"""Which classes are taken for which: a whole matrix, or its largest cells.

Takes the counts of results.json, in which only what occurs is listed. A matrix
of a thousand classes is a million cells, of which a person can read some tens.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eanet_jax.workdir import results_json


class Confused(NamedTuple):
  """So many examples of class `true`, a share of it, were called `called`."""

  true: str
  called: str
  examples: int
  share: float


def matrix(
  confusion: results_json.Confusion, class_names: Sequence[str]
) -> np.ndarray:
  """Returns int64 (l, l): rows are true classes, columns are predicted ones."""
  order = {name: i for i, name in enumerate(class_names)}
  counts = np.zeros((len(order), len(order)), np.int64)
  for true, row in confusion.items():
    for called, count in row.items():
      counts[order[true], order[called]] = count
  return counts


def pairs(confusion: results_json.Confusion) -> list[Confused]:
  """Returns every pair of classes that were confused, the most frequent first.

  Of equals, the one that is the larger share of its class is first.
  """
  found = [
    Confused(true, called, count, count / sum(row.values()))
    for true, row in confusion.items()
    for called, count in row.items()
    if called != true
  ]
  return sorted(found, key=lambda pair: (-pair.examples, -pair.share))
