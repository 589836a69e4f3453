"""The three parts of a split, and sharing things out among them."""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from eanet_jax import errors

BY_MICROGRAPH = "--config.split.by=micrograph"  # the way out of too few
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


def by_name(
  specimens: np.ndarray, members: np.ndarray
) -> dict[str, np.ndarray]:
  """Returns the indices of each specimen among these members, by its name."""
  names, number, counts = np.unique(
    specimens[members], return_inverse=True, return_counts=True
  )
  together = members[np.argsort(number, kind="stable")]
  each = np.split(together, np.cumsum(counts)[:-1])
  return dict(zip(names.tolist(), each, strict=True))


def together(
  groups: Mapping[str, np.ndarray], names: Sequence[str]
) -> np.ndarray:
  """Returns the indices of the groups of these names."""
  return np.concatenate([np.empty(0, np.int64), *(groups[n] for n in names)])


def validated_by_micrograph(
  label: str,
  indices: Parts[np.ndarray],
  fractions: Parts[float],
  rng: np.random.Generator,
) -> Parts[np.ndarray]:
  """Moves some of one class's training micrographs to validation.

  Raises:
    UserError: there are too few.
  """
  shuffled = rng.permutation(indices.train)
  count = round(
    len(shuffled)
    * fractions.validation
    / (fractions.train + fractions.validation)
  )
  count = min(max(count, 1), len(shuffled) - 1)
  if count < 1:
    raise errors.UserError(
      f"class {label} has 1 micrograph to train and validate on; add images, or"
      f" split by image with {BY_MICROGRAPH}"
    )
  return Parts(shuffled[count:], shuffled[:count], indices.test)
