"""No specimen in two splits, every micrograph in one, and clear refusals."""

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

fractions = st.sampled_from([0.05, 0.2, 0.3, 0.45])


@settings
@hypothesis.given(data_sets(3), st.integers(0, 99), fractions, fractions)
def test_no_specimen_of_three_or_more_is_in_two_splits(
  drawn, seed, validation, test
):
  labels, specimens = drawn
  split = splits.split(
    labels,
    specimens,
    validation_fraction=validation,
    test_fraction=test,
    seed=seed,
  )
  train, validation, test = (set(specimens[part]) for part in parts(split))
  assert not (train & validation or train & test or validation & test)
  assert is_partition(split, len(labels))
  assert has_every_class(split, labels)
  assert split.by == "specimen"


@settings
@hypothesis.given(data_sets(2), st.integers(0, 99))
def test_no_specimen_of_two_is_both_tested_and_seen_before(drawn, seed):
  labels, specimens = drawn
  split = splits.split(labels, specimens, seed=seed)
  seen = np.concatenate([split.train, split.validation])
  assert not set(specimens[seen]) & set(specimens[split.test])
  assert is_partition(split, len(labels))
  assert has_every_class(split, labels)


@pytest.mark.parametrize("by", ["specimen", "micrograph"])
def test_the_seed_alone_decides_a_split(by):
  arguments = data_set(a=[4] * 8, b=[3] * 9)
  make = lambda seed: splits.split(*arguments, by=by, seed=seed)
  same = zip(parts(make(1)), parts(make(1)), strict=True)
  assert all(np.array_equal(first, second) for first, second in same)
  tests = {tuple(make(seed).test) for seed in range(10)}
  assert len(tests) > 5


@pytest.mark.parametrize("by", ["specimen", "micrograph"])
def test_many_equal_specimens_split_60_20_20_in_each_class(by):
  labels, specimens = data_set(a=[5] * 50, b=[2] * 100)
  split = splits.split(labels, specimens, by=by, seed=3)
  for label, total in (("a", 250), ("b", 200)):
    counts = [
      (np.asarray(labels)[part] == label).sum() / total for part in parts(split)
    ]
    np.testing.assert_allclose(counts, [0.6, 0.2, 0.2], atol=0.03)


def test_fractions_asked_for_are_those_given():
  arguments = data_set(a=[1] * 100, b=[1] * 200)
  split = splits.split(
    *arguments, validation_fraction=0.1, test_fraction=0.3, seed=0
  )
  assert [len(part) for part in parts(split)] == [180, 30, 90]


def test_class_of_two_specimens_is_validated_on_its_training_specimen():
  labels, specimens = data_set(a=[8, 8], b=[4] * 10)
  split = splits.split(labels, specimens)
  of_a = [part[part < 16] for part in parts(split)]
  names = [set(np.asarray(specimens)[part]) for part in of_a]
  assert names[0] == names[1] != names[2]
  # A quarter of the 8: 0.2 of 0.6 + 0.2.
  assert [len(part) for part in of_a] == [6, 2, 8]
  about_a = [w for w in split.warnings if w.startswith("class a ")]
  assert any("validated on micrographs" in w for w in about_a)
  assert any("tested on one specimen" in w for w in about_a)
  assert not any("class b" in w for w in split.warnings)


def test_what_is_true_of_many_classes_is_one_warning():
  labels = np.repeat([f"C{i}" for i in range(9)], 4)
  found = splits.split(labels, [f"{i // 2}" for i in range(36)])
  assert found.warnings == (
    "classes C0, C1, C2, C3, C4 and 4 more are tested on one specimen each:"
    " their figures say little about the next one",
    "classes C0, C1, C2, C3, C4 and 4 more have few specimens and are validated"
    " on micrographs of specimens they were trained on, so that the validation"
    " score is too high",
  )


def test_class_of_two_specimens_is_tested_however_much_validates():
  labels, specimens = data_set(a=[8, 8], b=[4] * 10)
  for seed in range(5):
    split = splits.split(
      labels,
      specimens,
      validation_fraction=0.5,
      test_fraction=0.1,
      seed=seed,
    )
    of_a = [part[part < 16] for part in parts(split)]
    names = [set(np.asarray(specimens)[part]) for part in of_a]
    assert names[0] == names[1] != names[2]
    assert has_every_class(split, labels)


def test_class_of_one_specimen_names_the_way_out():
  arguments = data_set(a=[8], b=[4] * 10)
  with pytest.raises(errors.UserError) as error:
    splits.split(*arguments)
  assert "--config.split.by=micrograph" in str(error.value)
  assert "class a has one specimen (a/0)" in str(error.value)


def test_one_micrograph_to_train_and_validate_on_is_refused():
  labels, specimens = data_set(a=[1, 1], b=[4] * 5)
  with pytest.raises(errors.UserError, match="class a has 1 micrograph"):
    splits.split(labels, specimens)


@settings
@hypothesis.given(
  st.lists(st.integers(3, 30), min_size=2, max_size=4), st.integers(0, 99)
)
def test_split_by_micrograph_is_stratified(counts, seed):
  sizes = dict(zip("abcd", ([count] for count in counts), strict=False))
  labels, specimens = data_set(**sizes)
  split = splits.split(labels, specimens, by="micrograph", seed=seed)
  assert is_partition(split, len(labels))
  for label, count in zip("abcd", counts, strict=False):
    for part, share in zip(parts(split), (0.6, 0.2, 0.2), strict=True):
      got = (np.asarray(labels)[part] == label).sum()
      assert got >= 1
      assert abs(got - share * count) <= 1
  assert split.by == "micrograph"
  assert any("higher" in warning for warning in split.warnings)


def test_fewer_than_3_images_of_a_class_are_refused():
  arguments = data_set(a=[2], b=[9])
  with pytest.raises(errors.UserError, match="class a has 2 usable images"):
    splits.split(*arguments, by="micrograph")


def test_validated_by_micrograph_every_specimen_is_trained_on():
  labels, specimens = data_set(a=[5] * 4, b=[8, 8])
  split = splits.split(
    labels, specimens, validate_by="micrograph", test_specimens=("a/1",)
  )
  names = [set(np.asarray(specimens)[part]) for part in parts(split)]
  assert names == [{"a/0", "a/2", "a/3", "b/0", "b/1"}, names[1], {"a/1"}]
  assert names[1] <= names[0]
  # A quarter of each class, as by specimen: 0.2 of 0.6 + 0.2.
  of_a = np.asarray(labels)[split.validation] == "a"
  assert (of_a.sum(), (~of_a).sum()) == (4, 4)
  assert is_partition(split, 36)
  assert sum("validation score is too high" in w for w in split.warnings) == 2


def test_the_way_to_validate_does_not_decide_what_is_tested_on():
  arguments = data_set(a=[5, 3, 4, 6], b=[2] * 7, c=[3, 3])
  tested = [
    splits.split(*arguments, validate_by=by, seed=2).test
    for by in ("specimen", "micrograph")
  ]
  np.testing.assert_array_equal(*tested)


@pytest.mark.parametrize("by", ["specimen", "micrograph"])
def test_less_to_train_leaves_the_other_splits_as_they_are(by):
  labels, specimens = data_set(a=[5] * 8, b=[2] * 6)
  whole = splits.split(labels, specimens, by=by, seed=3)
  less = splits.split(labels, specimens, by=by, seed=3, train_fraction=0.2)
  assert set(less.train) < set(whole.train)
  for part in ("validation", "test"):
    np.testing.assert_array_equal(getattr(less, part), getattr(whole, part))
  for label in "ab":
    count = [
      (np.asarray(labels)[s.train] == label).sum() for s in (whole, less)
    ]
    assert count[1] == max(1, round(0.2 * count[0]))
  assert any("trained on 20%" in w for w in less.warnings)


def test_no_split_trains_on_everything():
  split = splits.split(*data_set(a=[3]), by="none")
  assert [len(part) for part in parts(split)] == [3, 0, 0]


def test_unknown_way_to_split_is_refused():
  with pytest.raises(errors.UserError, match="'class' is unknown"):
    splits.split(*data_set(a=[4, 6, 5]), by="class")


@pytest.mark.parametrize(
  ("validation", "test"),
  [
    (0, 0.2),
    (0.2, 0),
    (0.5, 0.5),
    (-0.1, 0.2),
    (0.9, 0.9),
    (float("nan"), 0.1),
  ],
)
def test_fractions_out_of_range_are_refused(validation, test):
  with pytest.raises(errors.UserError, match="above 0 and together below 1"):
    splits.split(
      *data_set(a=[4] * 5, b=[4, 6, 5]),
      validation_fraction=validation,
      test_fraction=test,
    )


@settings
@hypothesis.given(
  st.integers(4, 30), st.integers(2, 4), st.integers(0, 99), fractions
)
def test_folds_by_micrograph_test_every_one_once(count, folds, seed, share):
  labels = ["a"] * count + ["b"] * (count + 3)
  specimens = [*labels]
  tested = []
  for fold in range(folds):
    split = splits.split(
      labels,
      specimens,
      by="micrograph",
      folds=folds,
      fold=fold,
      seed=seed,
      validation_fraction=share,
    )
    assert is_partition(split, len(labels))
    assert has_every_class(split, labels)
    tested.append(split.test)
  assert np.array_equal(np.sort(np.concatenate(tested)), np.arange(len(labels)))
