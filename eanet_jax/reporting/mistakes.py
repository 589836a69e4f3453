"""Which classes are taken for which, where a matrix would be too large to read.

Takes the confusions of results.json, gives the commonest of them.
"""

import dataclasses

from eanet_jax.workdir import results_json


@dataclasses.dataclass(frozen=True)
class Mistake:
  """`count` of the `total` examples of class `true` were called `called`."""

  true: str
  called: str
  count: int
  total: int


def commonest(confusion: results_json.Confusion) -> list[Mistake]:
  """Returns all mistakes, the commonest first; of equals, by names."""
  found = [
    Mistake(true, called, count, sum(counts.values()))
    for true, counts in confusion.items()
    for called, count in counts.items()
    if called != true
  ]
  return sorted(found, key=lambda m: (-m.count, m.total, m.true, m.called))
