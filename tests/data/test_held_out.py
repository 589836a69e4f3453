"""The specimens tested on are those named, one left out, or a fold's."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from made_specimens import (
  data_set,
  data_sets,
  has_every_class,
  is_partition,
  parts,
  settings,
)

from eanet_jax import errors
from eanet_jax.data import splits

HELD_OUT = data_set(CPJ=[4] * 5, P92=[4, 6, 5])


def held_out(*names, **keywords):
  return splits.split(*HELD_OUT, test_specimens=names, **keywords)


@pytest.mark.parametrize("seed", range(5))
def test_test_split_is_exactly_the_specimens_named(seed):
  split = held_out("CPJ/1", "CPJ/4", "P92/2", seed=seed)
  tested = set(np.asarray(HELD_OUT[1])[split.test])
  assert tested == {"CPJ/1", "CPJ/4", "P92/2"}
  assert is_partition(split, 35)
  assert has_every_class(split, HELD_OUT[0])


def test_one_specimen_left_is_trained_and_validated_on():
  split = held_out("P92/0", "P92/2", "CPJ/0")
  of_p92 = [part[part >= 20] for part in parts(split)]
  assert [len(part) for part in of_p92] == [4, 2, 9]
  assert any("class P92 has 3 specimens" in w for w in split.warnings)


def test_one_specimen_left_is_trained_on_however_much_validates():
  split = held_out("P92/0", "P92/2", "CPJ/0", validation_fraction=0.6)
  of_p92 = [part[part >= 20] for part in parts(split)]
  assert [len(part) for part in of_p92] == [2, 4, 9]


def test_specimen_may_be_named_by_its_last_part():
  labels = ["CPJ"] * 6 + ["P92"] * 6
  specimens = [f"CPJ/CPJ{i}" for i in range(6)]
  specimens += [f"P92/P92{i}" for i in range(6)]
  split = splits.split(labels, specimens, test_specimens=("CPJ2", "P92/P925"))
  assert split.test.tolist() == [2, 11]


def test_last_part_of_two_names_is_refused():
  with pytest.raises(errors.UserError, match=r"of several.*CPJ/1, P92/1"):
    held_out("1", "P92/2")


def test_whole_name_goes_before_a_last_part():
  # Images right in the class folder b, and a folder a/b.
  labels = ["a", "a", "a", "a", "b", "b", "b", "b"]
  specimens = ["a/x", "a/b", "a/y", "a/y", "b", "b", "b/z", "b/z"]
  split = splits.split(labels, specimens, test_specimens=("b", "a/x"))
  assert split.test.tolist() == [0, 4, 5]


def test_unknown_specimen_is_refused_with_near_names():
  labels, specimens = HELD_OUT
  specimens = [name.replace("P92/", "P92/LBN") for name in specimens]
  with pytest.raises(
    errors.UserError, match="'LBN7' is not a specimen"
  ) as error:
    splits.split(labels, specimens, test_specimens=("LBN7",))
  assert "LBN0" in str(error.value)


def test_unknown_specimen_near_nothing_is_refused_with_all_names():
  with pytest.raises(errors.UserError) as error:
    held_out("zzz")
  for name in set(HELD_OUT[1]):
    assert name in str(error.value)


def test_all_of_a_class_held_out_is_refused():
  with pytest.raises(errors.UserError, match="all 3 specimens of class P92"):
    held_out("P92/0", "P92/1", "P92/2", "CPJ/0")


def test_one_specimen_of_one_class_can_be_held_out_alone():
  split = held_out("P92/0")
  assert set(np.asarray(HELD_OUT[1])[split.test]) == {"P92/0"}
  assert is_partition(split, 35)
  assert any("class CPJ is not tested" in w for w in split.warnings)


def test_holding_out_specimens_needs_a_split_by_specimen():
  with pytest.raises(errors.UserError, match=r"split\.by=specimen"):
    held_out("P92/0", "CPJ/0", by="micrograph")


def test_leaving_one_out_tests_on_each_specimen_in_turn():
  labels, specimens = data_set(a=[3, 3], b=[4, 2])
  tested = [
    splits.split(labels, specimens, folds=4, fold=fold, leave_one_out=True)
    for fold in range(4)
  ]
  names = [set(np.asarray(specimens)[split.test]) for split in tested]
  assert names == [{"a/0"}, {"a/1"}, {"b/0"}, {"b/1"}]
  with pytest.raises(errors.UserError, match=r"4 specimens.*not 3"):
    splits.split(labels, specimens, folds=3, leave_one_out=True)


@settings
@hypothesis.given(data_sets(3), st.integers(0, 99), st.sampled_from([2, 3]))
def test_folds_test_every_specimen_once_and_share_none(drawn, seed, folds):
  labels, specimens = drawn
  tested = []
  for fold in range(folds):
    split = splits.split(labels, specimens, folds=folds, fold=fold, seed=seed)
    assert is_partition(split, len(labels))
    assert has_every_class(split, labels)
    assert not set(specimens[split.test]) & set(specimens[split.train])
    tested.append(set(specimens[split.test]))
  assert sum(map(len, tested)) == len(set(specimens))
  assert set().union(*tested) == set(specimens)


def test_folds_hold_as_much_of_a_class_as_can_be():
  labels, specimens = data_set(a=[6, 5, 4, 3, 3, 3], b=[9, 1, 8])
  of_a = []
  for fold in range(3):
    test = splits.split(labels, specimens, folds=3, fold=fold).test
    of_a.append(sum(labels[i] == "a" for i in test))
    assert len({specimens[i] for i in test if labels[i] == "b"}) == 1
  assert sorted(of_a) == [7, 8, 9]  # 4 + 3, 5 + 3, 6 + 3: the best there is


@pytest.mark.parametrize(
  ("keywords", "message"),
  [
    ({"folds": 4}, "class b has 3 specimens .*4 folds"),
    ({"folds": 3, "test_specimens": ("a/0",)}, "give one"),
    ({"folds": 9, "by": "micrograph"}, "class b has 6 usable images"),
  ],
)
def test_folds_that_cannot_be_are_refused(keywords, message):
  labels, specimens = data_set(a=[4, 4, 4, 4], b=[2, 2, 2])
  with pytest.raises(errors.UserError, match=message):
    splits.split(labels, specimens, **keywords)


@pytest.mark.parametrize("name", ["heat 1", " Heat 1 ", "A\u0308/HEAT 1"])
def test_specimen_may_be_named_as_it_reads(name):
  labels = np.repeat(["a", "b"], 6)
  specimens = np.repeat(["\u00c4/Heat 1", "\u00c4/h2", "b/x", "b/y"], 3)
  split = splits.split(labels, specimens, test_specimens=(name, "x"))
  assert split.test.tolist() == [0, 1, 2, 6, 7, 8]


def test_a_name_that_reads_as_two_is_refused():
  labels = np.repeat(["a", "b"], 6)
  specimens = np.repeat(["a/S1", "a/h2", "b/s1", "b/y"], 3)
  split = splits.split(labels, specimens, test_specimens=("S1",))
  assert split.test.tolist() == [0, 1, 2]
  with pytest.raises(errors.UserError, match=r"several classes.*a/S1, b/s1"):
    splits.split(labels, specimens, test_specimens=(" s1",))
