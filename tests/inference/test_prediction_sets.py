"""Sets hold the true class as often as is promised, specimen by specimen."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from eanet_jax.inference import prediction_sets

AT = prediction_sets.COVERAGES.index


def two_classes(true, labels):
  """Probabilities (m, 2) with that of the true class as given."""
  found = np.empty((len(true), 2))
  rows = np.arange(len(true))
  found[rows, labels] = true
  found[rows, 1 - np.asarray(labels)] = 1 - np.asarray(true)
  return found


def test_so_many_specimens_are_needed():
  assert prediction_sets.needed(50) == 1
  assert prediction_sets.needed(80) == 4
  assert prediction_sets.needed(90) == 9
  assert prediction_sets.needed(95) == 19
  assert prediction_sets.needed(99) == 99


def test_with_one_micrograph_a_specimen_it_is_the_usual_quantile():
  true = np.arange(1, 20) / 20  # 19 specimens of one class, and of another
  labels = np.repeat([0, 1], 19)
  sets = prediction_sets.fit(
    two_classes(np.tile(true, 2), labels), labels, np.arange(38)
  )
  assert sets.specimens.tolist() == [19, 19]
  assert sets.by_class(95)
  assert not sets.by_class(96)
  # ceil((19 + 1) 0.9) = 18 of 19 are as probable or more.
  np.testing.assert_allclose(sets.least[:, AT(90)], 0.1)
  np.testing.assert_allclose(sets.least[:, AT(95)], 0.05)
  assert sets.most == 97  # of all 38 together: 38 / 39
  assert (sets.least[:, AT(98)] == 0).all()


def test_a_specimen_weighs_one_however_many_images_it_has():
  # Specimen a: 0.9 a hundred times; b: 0.6 once; c: 0.8 and 0.3.
  true = np.array([0.9] * 100 + [0.6, 0.8, 0.3])
  units = np.array(["a"] * 100 + ["b", "c", "c"])
  labels = np.zeros(103, int)
  labels[units == "b"] = 1
  sets = prediction_sets.fit(two_classes(true, labels), labels, units)
  # A quarter each: 0.9 covers 0.25, 0.8 0.375, 0.6 0.625, 0.3 all but 0.25.
  assert sets.least[:, AT(62)].tolist() == [0.6, 0.6]
  assert sets.least[:, AT(63)].tolist() == [0.3, 0.3]
  assert sets.most == 75
  # Of each class by itself no more than 1 / 2 can be promised: a covers a third
  # of class 0, with half of c it is 1 / 2.
  assert sets.by_class(50)
  assert not sets.by_class(51)
  assert sets.least[:, AT(50)].tolist() == pytest.approx([0.8, 0.6])


def test_a_class_never_left_out_leaves_nothing_to_promise():
  labels = np.zeros(30, int)
  sets = prediction_sets.fit(
    two_classes(np.full(30, 0.9), labels), labels, np.arange(30)
  )
  assert sets.most == 0
  assert not sets.promised(50)


def test_the_most_probable_class_is_always_in_the_set():
  sets = prediction_sets.Sets(
    np.tile([[0.6], [0.2], [0.1]], (1, len(prediction_sets.COVERAGES))),
    np.array([99, 99, 99]),
  )
  assert sets.of(np.array([0.5, 0.15, 0.05]), 90) == [0]
  assert sets.of(np.array([0.5, 0.3, 0.2]), 90) == [0, 1, 2]
  assert sets.of(np.array([0.65, 0.15, 0.2]), 90) == [0, 2]


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(st.integers(0, 10**6), st.sampled_from([60, 80, 90]))
def test_new_specimens_are_covered_as_promised(seed, coverage):
  """Specimens differ, and their images are alike: the mean over specimens."""
  rng = np.random.default_rng(seed)
  covered = []
  for _ in range(150):
    number = rng.integers(9, 30)
    images = rng.integers(1, 8, number + 1)
    units = np.repeat(np.arange(number + 1), images)
    own = rng.normal(0, 2, number + 1)[units] + rng.normal(0, 1, len(units))
    true = 1 / (1 + np.exp(-own))
    seen = units < number
    labels = np.zeros(seen.sum(), int)
    labels[units[seen] % 2 == 1] = 1
    sets = prediction_sets.fit(
      two_classes(true[seen], labels), labels, units[seen]
    )
    if sets.promised(coverage):
      covered.append((true[~seen] >= sets.least[0, AT(coverage)]).mean())
  assert len(covered) > 100
  # Three standard errors below, of up to 150 specimens.
  bound = 3 * np.sqrt(coverage / 100 * (1 - coverage / 100) / len(covered))
  assert np.mean(covered) >= coverage / 100 - bound
