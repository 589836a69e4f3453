"""Which specimens a split tests on: those named, one left out, or a fold's.

Takes each micrograph's class and specimen, gives names of specimens.
"""

import collections
import difflib
from collections.abc import Sequence

import numpy as np

from eanet_jax import errors
from eanet_jax.data import spelling, split_parts
from eanet_jax.runtime import wording


def drawn(
  labels: np.ndarray,
  specimens: np.ndarray,
  folds: int,
  fold: int,
  leave_one_out: bool,
  cross_validate: bool,
  rng: np.random.Generator,
) -> set[str]:
  """Returns the specimens of a fold; none if a fraction is to be tested.

  The arguments are those of `splits.split`; rng deals specimens out to folds.
  To cross-validate, a class may have fewer specimens than there are folds: some
  folds then test on none of it, and none does on a class's only specimen.

  Raises:
    UserError: there are too few for so many folds.
  """
  if leave_one_out:
    return _left_out(specimens, folds, fold)
  if folds:
    return _of_fold(labels, specimens, folds, fold, cross_validate, rng)
  return set()


def named(wanted: Sequence[str], specimens: np.ndarray) -> set[str]:
  """Returns the specimens that are wanted.

  By their whole name, or its last part if that is of one; as it is spelled, or
  as a reader takes it for the same if that is of one.

  Raises:
    UserError: there is no such specimen, or several are meant.
  """
  known = np.unique(specimens).tolist()
  by_name: dict[str, list[str]] = collections.defaultdict(list)
  by_key: dict[str, list[str]] = collections.defaultdict(list)
  for specimen in known:
    for name in dict.fromkeys((specimen, specimen.rsplit("/", 1)[-1])):
      by_name[name].append(specimen)
      by_key[spelling.key(name)].append(specimen)
  held_out = set()
  for name in map(str, wanted):  # (288,) on a command line is a number
    matches = by_name.get(name) or by_key.get(spelling.key(name), [])
    if name in matches:  # the whole name of one, the last part of others
      matches = [name]
    if len(matches) == 1:
      held_out.add(matches[0])
      continue
    near = matches or difflib.get_close_matches(name, list(by_name), 3, 0.4)
    raise errors.UserError(
      f"split.test_specimens: {name!r} is "
      + ("of several classes" if matches else "not a specimen of this data set")
      + f"; {'choose one of' if near else 'there are'}: "
      + wording.listed(near or known, 10)
    )
  return held_out


def _left_out(specimens: np.ndarray, folds: int, fold: int) -> set[str]:
  names = np.unique(specimens)
  if folds == len(names):
    return {names[fold].item()}
  raise errors.UserError(
    "split.leave_one_out tests on each specimen in turn: it needs a fold for"
    f" each of {wording.count(len(names), 'specimen')}, not {folds}"
  )


def _of_fold(
  labels: np.ndarray,
  specimens: np.ndarray,
  folds: int,
  fold: int,
  cross_validate: bool,
  rng: np.random.Generator,
) -> set[str]:
  """Deals each class's specimens out to the folds, the largest first.

  Each goes where the class has the fewest micrographs yet, and of such folds
  where all classes together have the fewest.
  """
  chosen: set[str] = set()
  total = np.zeros(folds)
  for label in np.unique(labels):
    names, sizes = np.unique(specimens[labels == label], return_counts=True)
    if cross_validate and len(names) == 1:
      continue
    if len(names) < folds and not cross_validate:
      raise errors.UserError(
        f"class {label} has {wording.count(len(names), 'specimen')}"
        f" ({wording.listed(names.tolist(), 10)}): each of {folds} folds tests"
        " on another. Take fewer folds, add specimens as <class>/<specimen>/"
        f" folders, or split its images with {split_parts.BY_MICROGRAPH}"
      )
    order = rng.permutation(len(names))
    of_class = np.zeros(folds)
    for i in sorted(order, key=lambda i: -sizes[i]):
      part = min(range(folds), key=lambda f: (of_class[f], total[f]))
      of_class[part] += sizes[i]
      total[part] += sizes[i]
      if part == fold:
        chosen.add(names[i].item())
  return chosen
