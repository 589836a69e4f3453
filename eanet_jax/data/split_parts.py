"""The three parts of a split, and sharing things out among them."""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

_T = TypeVar("_T")


class Parts(NamedTuple, Generic[_T]):
  """One thing for each part of a split: a fraction, names, indices."""

  train: _T
  validation: _T
  test: _T


# Where there is not a specimen for each part, the first parts get one; and of
# parts that miss as much, the first. What a seed draws rests on this order.
_SERVED = ("train", "test", "validation")


def joined(of_classes: Sequence[Parts[np.ndarray]]) -> Parts[np.ndarray]:
  """Returns the sorted indices of all classes together, part by part."""
  parts = zip(*of_classes, strict=True)
  return Parts(*(np.sort(np.concatenate(part)) for part in parts))


def share_out(
  sizes: Mapping[str, int], fractions: Parts[float]
) -> Parts[list[str]]:
  """Gives each name in turn to the part that is furthest below its share.

  Parts with a fraction of 0 get none, each other part at least one.
  """
  shares, total = fractions._asdict(), sum(sizes.values())
  served = [part for part in _SERVED if shares[part] > 0][: len(sizes)]
  targets = {part: shares[part] * total for part in served}
  names = Parts([], [], [])._asdict()
  filled = dict.fromkeys(_SERVED, 0)
  for position, (name, size) in enumerate(sizes.items()):
    wanting = [part for part in targets if not names[part]]
    if len(sizes) - position > len(wanting):
      wanting = list(targets)
    part = max(wanting, key=lambda part: targets[part] - filled[part])
    names[part].append(name)
    filled[part] += size
  return Parts(**names)
