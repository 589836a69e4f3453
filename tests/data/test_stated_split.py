"""The split that a source states is the one that is used."""

import numpy as np
import pytest
from made_specimens import data_set, is_partition, parts

from eanet_jax import errors
from eanet_jax.data import splits

LABELS, SPECIMENS = data_set(a=[2] * 4, b=[2] * 4)


def stated(*of_specimens):
  return np.repeat(of_specimens, 2).tolist()


def test_all_parts_are_as_they_are_stated():
  told = stated(*["train", "train", "validation", "test"] * 2)
  split = splits.split(LABELS, SPECIMENS, stated=told)
  assert split.by == "user"
  assert split.warnings == ()
  assert [part.tolist() for part in parts(split)] == [
    [0, 1, 2, 3, 8, 9, 10, 11],
    [4, 5, 12, 13],
    [6, 7, 14, 15],
  ]


def test_validation_is_taken_from_training_by_specimen():
  told = stated(*["train", "train", "train", "test"] * 2)
  tests = set()
  for seed in range(6):
    split = splits.split(LABELS, SPECIMENS, stated=told, seed=seed)
    assert is_partition(split, 16)
    assert split.test.tolist() == [6, 7, 14, 15]
    names = [set(np.asarray(SPECIMENS)[part]) for part in parts(split)]
    assert not names[0] & names[1]
    assert len(names[1]) == 2
    tests.add(tuple(split.validation))
  assert len(tests) > 1
  assert "no validation is given" in split.warnings[0]


def test_validation_of_one_specimen_is_by_micrograph_and_said():
  labels, specimens = data_set(a=[8, 3], b=[8, 3])
  told = ["train"] * 8 + ["test"] * 3
  split = splits.split(labels, specimens, stated=told * 2)
  assert is_partition(split, 22)
  assert len(split.validation) == 4
  assert any("validation score is too high" in w for w in split.warnings)


def test_specimens_that_have_no_name_are_said():
  names = ["a/train", "a/train", "a/validation", "a/test"]
  told = ["train", "train", "validation", "test"]
  split = splits.split(["a"] * 4, names, stated=told)
  (warning,) = split.warnings
  assert "class a has images of no named specimen" in warning


def test_a_class_that_is_not_trained_on_is_refused():
  told = stated(*["train"] * 3, "test", *["test"] * 4)
  with pytest.raises(errors.UserError, match="trains on no image of class b"):
    splits.split(LABELS, SPECIMENS, stated=told)


def test_a_class_that_is_not_tested_is_said():
  told = stated("train", "train", "validation", "test", *["train"] * 4)
  split = splits.split(LABELS, SPECIMENS, stated=told)
  assert "class b is not tested" in split.warnings


@pytest.mark.parametrize(
  ("field", "asked"),
  [
    ("split.folds", {"folds": 2}),
    ("split.test_specimens", {"test_specimens": ("a/1",)}),
    ("split.by=micrograph", {"by": "micrograph"}),
  ],
)
def test_another_split_cannot_be_asked_for(field, asked):
  told = stated(*["train", "train", "validation", "test"] * 2)
  with pytest.raises(errors.UserError, match=f"^{field} asks for a split"):
    splits.split(LABELS, SPECIMENS, stated=told, **asked)
