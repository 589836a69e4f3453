"""Training, validation and test split of the micrographs of a data set.

Takes each micrograph's class and specimen, gives index arrays. By specimen
unless asked otherwise: images of one specimen are near-copies of each other,
and a network tested on copies of what it was trained on looks better than it
is.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from eanet_jax import errors
from eanet_jax.data import held_out, split_copies, split_parts, stated_split
from eanet_jax.runtime import wording

# What a reader of any figures by micrograph must know.
LEAKAGE = (
  "split by micrograph: images of one specimen may be in training and test, so"
  " that these figures are higher than for a new specimen"
)


@dataclasses.dataclass(frozen=True)
class Split:
  """Which micrographs are in which split: sorted int64 index arrays.

  Attributes:
    train, validation, test: disjoint; together every micrograph, unless only
      a fraction is trained on or copies of others are left out.
    by: "specimen", "micrograph", "none", or "user" where the source states it.
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
  cross_validate: bool = False,
  validation_fraction: float = 0.2,
  test_fraction: float = 0.2,
  train_fraction: float = 1.0,
  seed: int = 0,
  stated: Sequence[str] = (),
  copies: split_copies.Pairs = (),
) -> Split:
  """Returns a split, stratified by class, that its arguments alone decide.

  Fractions are of the micrographs of each class. Whole specimens, in random
  order, go where most is missing, at least one to each split. A class of two
  specimens is tested on one and validated on micrographs of the other.

  Args:
    labels, specimens: class and specimen of each micrograph.
    by: "specimen", "micrograph", or "none" to train on everything.
    validate_by: "specimen"; "micrograph": the network is trained on every
      specimen that is not tested on, and validated on some images of each; or
      "none": all that is not tested on is trained on.
    test_specimens: the test split is exactly these; only by specimen.
    folds: of a cross-validation, 0 for none. Each specimen (or micrograph) is
      tested on in one fold; folds are as alike in their classes as can be.
    fold: which of them to test on, from 0.
    leave_one_out: each fold is one specimen, in the order of their names.
    cross_validate: whether all folds are tested together, see `held_out.drawn`.
    validation_fraction, test_fraction: above 0, together below 1.
    train_fraction: of each class's training micrographs, those to keep.
    seed: of the order in which specimens or micrographs are drawn.
    stated: part of each micrograph, "train", "validation" or "test", where the
      source says; then nothing is drawn but validation, if there is none.
    copies: pairs of micrographs that show the same picture; they are never in
      two parts.

  Raises:
    UserError: an argument out of range, an unknown specimen, or a class with
      too few specimens or micrographs.
  """
  of_label, of_specimen = np.asarray(labels), np.asarray(specimens)
  if by == "none":
    nothing = np.empty(0, np.int64)
    return Split(np.arange(len(of_label)), nothing, nothing, by)
  fractions = _fractions(validation_fraction, test_fraction)
  _check_what_is_tested(by, test_specimens, folds)
  rng = np.random.default_rng(seed)
  if any(stated):
    _check_nothing_is_drawn(by, test_specimens, folds)
    by = "user"
    parts, warnings = stated_split.split(
      of_label, of_specimen, np.asarray(stated), fractions, validate_by, rng
    )
  elif by == "micrograph":
    parts, warnings = _by_micrograph(of_label, fractions, folds, fold, rng)
  else:
    # Specimens that share a picture are dealt out as one.
    units, joined = split_copies.together(of_label, of_specimen, copies)
    if test_specimens:
      named = held_out.named(test_specimens, of_specimen)
      tested = set(units[np.isin(of_specimen, list(named))].tolist())
    else:
      tested = held_out.drawn(
        of_label, units, folds, fold, leave_one_out, cross_validate, rng
      )
    parts, warnings = _by_specimen(
      of_label, units, tested, fractions, validate_by, cross_validate, rng
    )
    warnings = joined + warnings
  if validate_by == "none":
    nothing = np.empty(0, np.int64)
    trained = np.union1d(parts.train, parts.validation)
    parts = parts._replace(train=trained, validation=nothing)
  if train_fraction != 1:
    train = _some_of_each_class(parts.train, of_label, train_fraction, rng)
    parts = parts._replace(train=train)
    warnings += [f"trained on {train_fraction:.0%} of the training micrographs"]
  parts, left_out = split_copies.apart(parts, copies, of_label)
  warnings += left_out
  return Split(*parts, by, tuple(warnings))


def _fractions(validation: float, test: float) -> split_parts.Parts[float]:
  if validation > 0 and test > 0 and validation + test < 1:
    return split_parts.Parts(1 - validation - test, validation, test)
  raise errors.UserError(
    "split.validation_fraction and split.test_fraction must be above 0 and"
    f" together below 1, not {validation} and {test}"
  )


def _check_what_is_tested(
  by: str, test_specimens: Sequence[str], folds: int
) -> None:
  """Raises UserError where the ways to choose a test split disagree."""
  if folds and test_specimens:
    raise errors.UserError(
      "split.test_specimens and split.folds both say what to test on: give one"
    )
  if by == "micrograph" and test_specimens:
    raise errors.UserError(
      "split.test_specimens holds out specimens: it needs split.by=specimen"
    )
  if by not in ("specimen", "micrograph"):
    raise errors.UserError(
      f"split.by={by!r} is unknown: choose specimen or micrograph"
    )


def _check_nothing_is_drawn(
  by: str, test_specimens: Sequence[str], folds: int
) -> None:
  """Raises UserError where fields ask for another split than is stated."""
  asked = [
    name
    for name, is_asked in (
      ("split.by=micrograph", by == "micrograph"),
      ("split.test_specimens", test_specimens),
      ("split.folds", folds),
    )
    if is_asked
  ]
  if asked:
    raise errors.UserError(
      f"{asked[0]} asks for a split, and the folders or the table state one:"
      " leave it out; or put the class folders into one folder, or take the"
      " column split out of the table"
    )


def _some_of_each_class(
  train: np.ndarray,
  labels: np.ndarray,
  fraction: float,
  rng: np.random.Generator,
) -> np.ndarray:
  """`fraction` of each class's training micrographs, at least one."""
  kept = []
  for label in np.unique(labels[train]):
    own = rng.permutation(train[labels[train] == label])
    kept.append(own[: max(1, round(fraction * len(own)))])
  return np.sort(np.concatenate(kept))


def _by_specimen(
  labels: np.ndarray,
  specimens: np.ndarray,
  tested: set[str],
  fractions: split_parts.Parts[float],
  validate_by: str,
  cross_validate: bool,
  rng: np.random.Generator,
) -> tuple[split_parts.Parts[np.ndarray], list[str]]:
  """(index arrays, warnings) of a split that parts no specimen."""
  of_classes: list[split_parts.Parts[np.ndarray]] = []
  warnings: list[tuple[str, str, str]] = []
  for label in np.unique(labels):
    groups = split_parts.by_name(specimens, np.flatnonzero(labels == label))
    indices, warning = _class_by_specimen(
      label, groups, tested, fractions, validate_by, cross_validate, rng
    )
    of_classes.append(indices)
    warnings += [(str(label), *each) for each in warning]
  parts = split_parts.joined(of_classes)
  seen = np.concatenate([parts.train, parts.validation])
  shared = set(specimens[parts.test]) & set(specimens[seen])
  if shared:
    raise AssertionError(f"specimens in two splits: {sorted(shared)}")
  return parts, wording.of_classes(warnings)


def _class_by_specimen(
  label: str,
  groups: Mapping[str, np.ndarray],
  tested: set[str],
  fractions: split_parts.Parts[float],
  validate_by: str,
  cross_validate: bool,
  rng: np.random.Generator,
) -> tuple[split_parts.Parts[np.ndarray], list[tuple[str, str]]]:
  """Index arrays of one class, and what its readers must know.

  That is in words for this class and in words for several. groups: {specimen:
  its indices}.
  """
  names = _deal(label, groups, tested, fractions, cross_validate, rng)
  warnings = []
  if not names.test:
    warnings.append(
      (
        "is not tested: no specimen of it is held out",
        "are not tested: no specimen of them is held out",
      )
    )
  if len(names.test) == 1:
    warnings.append(
      (
        f"is tested on one specimen ({names.test[0]}): its figures say little"
        " about the next one",
        "are tested on one specimen each: their figures say little about the"
        " next one",
      )
    )
  if validate_by != "specimen" and names.validation:
    names = split_parts.Parts(names.train + names.validation, [], names.test)
    rng = rng.spawn(1)[0]  # the test specimens stay those drawn otherwise
  indices = split_parts.Parts(
    *(split_parts.together(groups, chosen) for chosen in names)
  )
  if not names.validation and validate_by != "none":
    indices = split_parts.validated_by_micrograph(
      label, indices, fractions, rng
    )
    warnings.append(
      (
        f"has {len(groups)} specimens and is validated on micrographs of"
        " specimens it was trained on, so that its validation score is too"
        " high",
        "have few specimens and are validated on micrographs of specimens they"
        " were trained on, so that the validation score is too high",
      )
    )
  return indices, warnings


def _deal(
  label: str,
  groups: Mapping[str, np.ndarray],
  tested: set[str],
  fractions: split_parts.Parts[float],
  cross_validate: bool,
  rng: np.random.Generator,
) -> split_parts.Parts[list[str]]:
  """The names of a class's specimens in each part, in random order."""
  ordered = list(groups)
  names = [ordered[i] for i in rng.permutation(len(groups))]
  if len(names) < 2 and not cross_validate:
    raise errors.UserError(
      f"class {label} has one specimen ({names[0]}): it cannot be both trained"
      " on and tested on. Add specimens as <class>/<specimen>/ folders or in a"
      " table's column specimen, or split its images instead with"
      f" {split_parts.BY_MICROGRAPH} (figures come out high)"
    )
  test = [name for name in names if name in tested]
  sizes = {name: len(groups[name]) for name in names if name not in tested}
  if not tested and not cross_validate:
    return split_parts.share_out(sizes, fractions)
  if not sizes:
    raise errors.UserError(
      f"split.test_specimens holds out all {len(names)} specimens of class"
      f" {label} ({wording.listed(sorted(names), 10)}): leave one to train on"
    )
  # Test is settled: what is left is shared out between the other two.
  return split_parts.share_out(sizes, fractions._replace(test=0.0))._replace(
    test=test
  )


def _by_micrograph(
  labels: np.ndarray,
  fractions: split_parts.Parts[float],
  folds: int,
  fold: int,
  rng: np.random.Generator,
) -> tuple[split_parts.Parts[np.ndarray], list[str]]:
  """(index arrays, warnings) of a split that asks for no specimen."""
  of_classes = []
  for label in np.unique(labels):
    shuffled = rng.permutation(np.flatnonzero(labels == label))
    count = len(shuffled)
    needed = max(folds, 4) if folds else 3
    if count < needed:
      raise errors.UserError(
        f"class {label} has {wording.count(count, 'usable image')}: at least"
        f" {needed} are needed,"
        f" {f'for {folds} folds' if folds else 'one for each split'}"
      )
    if folds:
      cuts = np.linspace(0, count, folds + 1).round().astype(int)
      shuffled = np.roll(shuffled, -cuts[fold])
      tested = cuts[fold + 1] - cuts[fold]
      share = fractions.validation / (fractions.train + fractions.validation)
      validated = round((count - tested) * share)
    else:
      tested = min(max(1, round(count * fractions.test)), count - 2)
      validated = round(count * fractions.validation)
    validated = min(max(1, validated), count - 1 - tested)
    test, validation, train = np.split(shuffled, [tested, tested + validated])
    of_classes.append(split_parts.Parts(train, validation, test))
  return split_parts.joined(of_classes), [LEAKAGE]
