"""A picture and its copy are never on both sides of a split."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from made_specimens import data_set, data_sets, is_partition, parts, settings

from eanet_jax import errors
from eanet_jax.data import split_copies, splits

some = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))


def part_of(split, count):
  found = np.full(count, -1)
  for number, part in enumerate(parts(split)):
    found[part] = number
  return found


@settings
@hypothesis.given(
  data_sets(3), some, st.integers(0, 9), st.sampled_from(["micrograph", "user"])
)
def test_no_pair_is_parted_but_left_out(drawn, ends, seed, by):
  labels, specimens = drawn
  count = len(labels)
  copies = [(i % count, j % count) for i, j in ends if i % count != j % count]
  stated = ()
  if by == "user":
    rng = np.random.default_rng(seed)
    stated = np.array(["train", "validation", "test"])[
      rng.integers(0, 3, count)
    ]
    stated[np.unique(labels, return_index=True)[1]] = "train"
  try:
    split = splits.split(
      labels,
      specimens,
      by="micrograph" if by == "micrograph" else "specimen",
      seed=seed,
      copies=copies,
      stated=list(stated),
    )
  except errors.UserError as error:
    assert "all its training pictures" in str(error)
    return
  part = part_of(split, count)
  for i, j in copies:
    assert part[i] == part[j] or -1 in (part[i], part[j])
  gone = np.flatnonzero(part == -1)
  assert set(gone) <= {k for pair in copies for k in pair}


def test_specimens_with_a_common_picture_are_dealt_out_as_one():
  labels, specimens = data_set(a=[3] * 6, b=[3] * 6)
  copies = [(0, 4), (5, 16)]  # a/0 and a/1, a/1 and a/5
  for seed in range(8):
    split = splits.split(labels, specimens, seed=seed, copies=copies)
    assert is_partition(split, 36)
    part = part_of(split, 36)
    assert len({*part[0:6], *part[15:18]}) == 1
  assert any(
    "specimens a/0, a/1, a/5 have pictures in common" in warning
    for warning in split.warnings
  )
  folds = [
    splits.split(labels, specimens, folds=4, fold=fold, copies=copies).test
    for fold in range(4)
  ]
  assert sorted(np.concatenate(folds)) == list(range(36))
  assert sum(0 in fold and 3 in fold and 15 in fold for fold in folds) == 1


def test_the_one_that_is_named_to_be_tested_takes_the_other_along():
  labels, specimens = data_set(a=[3] * 4, b=[3] * 4)
  split = splits.split(
    labels, specimens, test_specimens=("a/1", "b/2"), copies=[(0, 3)]
  )
  assert set(np.asarray(specimens)[split.test]) == {"a/0", "a/1", "b/2"}


def test_two_specimens_that_are_one_are_too_few_and_are_named():
  arguments = data_set(a=[4, 4], b=[4] * 5)
  with pytest.raises(errors.UserError, match=r"one specimen \(a/0 = a/1\)"):
    splits.split(*arguments, copies=[(0, 5)])


def test_allowed_copies_in_two_classes_are_not_trained_and_tested_on():
  labels, specimens = data_set(a=[3] * 4, b=[3] * 4)
  held_out = {"test_specimens": ("a/1", "b/2"), "seed": 1}
  whole = splits.split(labels, specimens, **held_out)
  trained = next(i for i in whole.train if labels[i] == "b")
  copies = [(3, int(trained))]
  split = splits.split(labels, specimens, **held_out, copies=copies)
  np.testing.assert_array_equal(split.test, whole.test)
  assert set(whole.train) - set(split.train) == {trained}
  assert any("1 micrograph left out of training" in w for w in split.warnings)


def test_one_picture_in_two_classes_is_an_error_that_names_both():
  files = ("a/1.tif", "a/2.tif", "b/3.tif")
  split_copies.check_classes(files, [0, 0, 1], [(0, 1)])
  with pytest.raises(errors.UserError) as error:
    split_copies.check_classes(files, [0, 0, 1], [(0, 1), (0, 2)])
  assert "two classes: a/1.tif = b/3.tif. Take" in str(error.value)
  assert "--config.dataset.allow_duplicates=True" in str(error.value)


def test_nothing_left_to_train_on_is_refused():
  labels, specimens = data_set(a=[2, 2], b=[3] * 3)
  stated = ["train"] * 2 + ["test"] * 2 + ["train", "validation", "test"] * 3
  with pytest.raises(errors.UserError, match="class a: all its training"):
    splits.split(labels, specimens, stated=stated, copies=[(0, 2), (1, 3)])
