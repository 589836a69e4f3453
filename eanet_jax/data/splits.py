"""Training, validation and test split of the micrographs of a data set.

Takes each micrograph's class and specimen, gives index arrays. By specimen
unless asked otherwise: images of one specimen are near-copies of each other,
and a network tested on copies of what it was trained on looks better than it
is.
"""

import collections
import dataclasses
import difflib
from collections.abc import Sequence

import numpy as np

from eanet_jax import errors

# What a reader of any figures by micrograph must know.
LEAKAGE = (
  "split by micrograph: images of one specimen are in training and test, so"
  " that these figures are higher than for a new specimen"
)
_BY_MICROGRAPH = "--config.split.by=micrograph"


@dataclasses.dataclass(frozen=True)
class Split:
  """Which micrographs are in which split: sorted int64 index arrays.

  Attributes:
    train, validation, test: disjoint; together every micrograph, unless only
      a fraction is trained on.
    by: "specimen", "micrograph" or "none".
    warnings: what a reader of the results must know.
  """

  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray
  by: str
  warnings: tuple[str, ...] = ()


def split(
  labels: Sequence[str],
  specimens: Sequence[str],
  *,
  by: str = "specimen",
  validate_by: str = "specimen",
  test_specimens: Sequence[str] = (),
  folds: int = 0,
  fold: int = 0,
  leave_one_out: bool = False,
  validation_fraction: float = 0.2,
  test_fraction: float = 0.2,
  train_fraction: float = 1.0,
  seed: int = 0,
) -> Split:
  """Returns a split that is stratified by class and a function of its seed.

  A fraction is of the micrographs of each class; whole specimens, in random
  order, go where most is missing, at least one to each split. A class of two
  specimens is tested on one and validated on micrographs of the other.

  Args:
    labels: class name of each micrograph.
    specimens: specimen of each micrograph.
    by: "specimen", "micrograph"; or "none": all is trained on, as only a
      pre-training can.
    validate_by: "specimen"; or "micrograph", of every specimen that is not
      tested on: all of them are trained on.
    test_specimens: the test split is exactly these, of one class or several;
      only by specimen.
    folds: of a cross-validation, 0 for none. Each specimen (or micrograph) is
      tested on in one fold; each fold has as much of every class as can be.
    fold: which of them to test on, from 0.
    leave_one_out: a fold is one specimen, in the order of their names; there
      are as many folds as specimens.
    validation_fraction, test_fraction: above 0, together below 1.
    train_fraction: of each class's training micrographs, those kept; the
      others are in no split.
    seed: of the order in which specimens or micrographs are drawn.

  Raises:
    UserError: an argument out of range, an unknown specimen, or a class with
      too few specimens or micrographs.
  """
  labels, specimens = np.asarray(labels), np.asarray(specimens)
  if by == "none":
    empty = np.empty(0, np.int64)
    return Split(np.arange(len(labels)), empty, empty, by)
  if not (
    validation_fraction > 0
    and test_fraction > 0
    and validation_fraction + test_fraction < 1
  ):
    raise errors.UserError(
      "split.validation_fraction and split.test_fraction must be above 0 and"
      f" together below 1, not {validation_fraction} and {test_fraction}"
    )
  fractions = (
    1 - validation_fraction - test_fraction,
    test_fraction,
    validation_fraction,
  )
  if folds and test_specimens:
    raise errors.UserError(
      "split.test_specimens and split.folds both say what to test on: give one"
    )
  rng = np.random.default_rng(seed)
  if by == "micrograph":
    if test_specimens:
      raise errors.UserError(
        "split.test_specimens holds out specimens: it needs split.by=specimen"
      )
    found = _by_micrograph(labels, fractions, folds, fold, rng)
    return _with_less_to_train(found, labels, train_fraction, rng)
  if by != "specimen":
    raise errors.UserError(
      f"split.by={by!r} is unknown: choose specimen or micrograph"
    )
  held_out = _held_out(test_specimens, specimens)
  if leave_one_out:
    names = np.unique(specimens)
    if folds != len(names):
      raise errors.UserError(
        f"split.leave_one_out tests on each of {len(names)} specimens in turn:"
        f" it needs as many folds, not {folds}"
      )
    held_out = {names[fold].item()}
  elif folds:
    held_out = _specimens_of_fold(labels, specimens, folds, fold, rng)
  parts: tuple[list, list, list] = ([], [], [])
  warnings = []
  for label in np.unique(labels):
    members = np.flatnonzero(labels == label)
    chosen, warning = _class_by_specimen(
      label, members, specimens, held_out, fractions, validate_by, rng
    )
    for part, indices in zip(parts, chosen, strict=True):
      part.append(indices)
    warnings += warning
  train, test, validation = (np.sort(np.concatenate(part)) for part in parts)
  seen = np.concatenate([train, validation])
  shared = set(specimens[test]) & set(specimens[seen])
  if shared:
    raise AssertionError(f"specimens in two splits: {sorted(shared)}")
  found = Split(train, validation, test, by, tuple(warnings))
  return _with_less_to_train(found, labels, train_fraction, rng)


def _with_less_to_train(found: Split, labels, fraction: float, rng) -> Split:
  """Keeps `fraction` of each class's training micrographs, at least one."""
  if fraction == 1:
    return found
  kept = []
  for label in np.unique(labels[found.train]):
    own = rng.permutation(found.train[labels[found.train] == label])
    kept.append(own[: max(1, round(fraction * len(own)))])
  warning = f"trained on {fraction:.0%} of the training micrographs"
  return dataclasses.replace(
    found,
    train=np.sort(np.concatenate(kept)),
    warnings=(*found.warnings, warning),
  )


def _held_out(wanted: Sequence[str], specimens: np.ndarray) -> set[str]:
  """The specimens named, by their whole name or its last part if unique."""
  known = sorted(set(specimens.tolist()))
  by_name = collections.defaultdict(list)
  for specimen in known:
    by_name[specimen].append(specimen)
    if "/" in specimen:
      by_name[specimen.rsplit("/", 1)[1]].append(specimen)
  held_out = set()
  for name in map(str, wanted):  # (288,) on a command line is a number
    matches = [name] if name in known else by_name.get(name, [])
    if len(matches) == 1:
      held_out.add(matches[0])
      continue
    near = matches or difflib.get_close_matches(name, list(by_name), 3, 0.4)
    raise errors.UserError(
      f"split.test_specimens: {name!r} is "
      + ("of several classes" if matches else "no specimen of this data set")
      + f"; {'choose one of' if near else 'there are'}: "
      + ", ".join(near or known)
    )
  return held_out


def _specimens_of_fold(labels, specimens, folds, fold, rng) -> set[str]:
  """Deals each class's specimens out to the folds, the largest first.

  Each goes where the class has the fewest micrographs yet, and of such folds
  where all classes together have the fewest.
  """
  chosen, total = set(), np.zeros(folds)
  for label in np.unique(labels):
    names, sizes = np.unique(specimens[labels == label], return_counts=True)
    if len(names) < folds:
      raise errors.UserError(
        f"class {label} has {len(names)} specimens"
        f" ({', '.join(names.tolist())}): each of {folds} folds tests on"
        " another. Take fewer folds, add specimens as <class>/<specimen>/"
        f" folders, or split its images with {_BY_MICROGRAPH}"
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


def _class_by_specimen(
  label, members, specimens, held_out, fractions, validate_by, rng
):
  """(train, test, validation) indices of one class, and warnings."""
  groups = {
    name: members[specimens[members] == name]
    for name in np.unique(specimens[members]).tolist()
  }
  names = [list(groups)[i] for i in rng.permutation(len(groups))]
  if len(names) < 2:
    raise errors.UserError(
      f"class {label} has one specimen ({names[0]}): it cannot be both trained"
      " on and tested on. Add specimens as <class>/<specimen>/ folders, or"
      f" split its images instead with {_BY_MICROGRAPH} (figures come out high)"
    )
  test = [name for name in names if name in held_out]
  rest = [name for name in names if name not in held_out]
  if held_out and not rest:
    raise errors.UserError(
      f"split.test_specimens holds out all {len(names)} specimens of class"
      f" {label} ({', '.join(sorted(names))}): leave one to train on"
    )
  sizes = [len(groups[name]) for name in rest]
  if held_out:
    # Test is settled: what is left is shared out between the other two.
    train, _, validation = _share_out(
      rest, sizes, (fractions[0], 0.0, fractions[2])
    )
  else:
    train, test, validation = _share_out(rest, sizes, fractions)
  if validate_by == "micrograph" and validation:
    train, validation = train + validation, []
    rng = rng.spawn(1)[0]  # what is tested on is drawn as it would be otherwise
  gather = lambda chosen: np.concatenate(
    [groups[name] for name in chosen] or [np.empty(0, np.int64)]
  )
  warnings = []
  if not test:
    warnings.append(
      f"class {label} is not tested: no specimen of it is held out"
    )
  if len(test) == 1:
    warnings.append(
      f"class {label} is tested on one specimen ({test[0]}): its figures say"
      " little about the next one"
    )
  if validation:
    return (gather(train), gather(test), gather(validation)), warnings
  # Validate on some micrographs of the specimens to train on.
  shuffled = rng.permutation(gather(train))
  count = round(len(shuffled) * fractions[2] / (fractions[0] + fractions[2]))
  count = min(max(count, 1), len(shuffled) - 1)
  if count < 1:
    raise errors.UserError(
      f"class {label} has 1 micrograph to train and validate on; add images, or"
      f" split by image with {_BY_MICROGRAPH}"
    )
  warnings.append(
    f"class {label} has {len(names)} specimens and is validated on micrographs"
    " of specimens it was trained on, so that its validation score is too high"
  )
  return (shuffled[count:], gather(test), shuffled[:count]), warnings


def _share_out(names, sizes, fractions):
  """Gives each name in turn to the part that is furthest below its share.

  Parts with a fraction of 0 get none; each other part gets at least one name
  where there are enough.
  """
  targets = np.asarray(fractions) * sum(sizes)
  parts = [[] for _ in fractions]
  filled = np.zeros(len(fractions))
  for position, (name, size) in enumerate(zip(names, sizes, strict=True)):
    wanting = [i for i, t in enumerate(targets) if t > 0]
    empty = [i for i in wanting if not parts[i]]
    if empty and len(names) - position <= len(empty):
      wanting = empty
    part = max(wanting, key=lambda i: targets[i] - filled[i])
    parts[part].append(name)
    filled[part] += size
  return parts


def _by_micrograph(labels, fractions, folds, fold, rng) -> Split:
  parts: tuple[list, list, list] = ([], [], [])
  for label in np.unique(labels):
    shuffled = rng.permutation(np.flatnonzero(labels == label))
    count = len(shuffled)
    needed = max(folds, 4) if folds else 3
    if count < needed:
      raise errors.UserError(
        f"class {label} has {count} usable images: at least {needed} are"
        f" needed, {f'for {folds} folds' if folds else 'one for each split'}"
      )
    if folds:
      cuts = np.linspace(0, count, folds + 1).round().astype(int)
      shuffled = np.roll(shuffled, -cuts[fold])
      test = cuts[fold + 1] - cuts[fold]
      share = fractions[2] / (fractions[0] + fractions[2])
      validation = round((count - test) * share)
    else:
      test = min(max(1, round(count * fractions[1])), count - 2)
      validation = round(count * fractions[2])
    validation = min(max(1, validation), count - 1 - test)
    cuts = np.cumsum([test, validation])
    for part, indices in zip(parts, np.split(shuffled, cuts), strict=True):
      part.append(indices)
  test, validation, train = (np.sort(np.concatenate(part)) for part in parts)
  return Split(train, validation, test, "micrograph", (LEAKAGE,))
