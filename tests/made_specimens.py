"""Labels and specimens of made-up data sets, and what holds for each split."""

import hypothesis
import numpy as np
from hypothesis import strategies as st

settings = hypothesis.settings(deadline=None, max_examples=50)


def data_set(**sizes):
  """Labels and specimens: a=[3, 2] is class a, 3 images of a/0, 2 of a/1."""
  labels, specimens = [], []
  for label, counts in sizes.items():
    for i, count in enumerate(counts):
      labels += [label] * count
      specimens += [f"{label}/{i}"] * count
  return labels, specimens


@st.composite
def data_sets(draw, fewest):
  """2 to 4 classes of `fewest` to 7 specimens of 2 to 8 images, shuffled."""
  counts = st.lists(st.integers(2, 8), min_size=fewest, max_size=7)
  sizes = {label: draw(counts) for label in "abcd"[: draw(st.integers(2, 4))]}
  labels, specimens = map(np.array, data_set(**sizes))
  order = np.random.default_rng(draw(st.integers(0, 99))).permutation(
    len(labels)
  )
  return labels[order], specimens[order]


def parts(split):
  return split.train, split.validation, split.test


def is_partition(split, count):
  together = np.concatenate(parts(split))
  return np.array_equal(np.sort(together), np.arange(count)) and all(
    (np.diff(part) > 0).all() for part in parts(split)
  )


def has_every_class(split, labels):
  labels = np.asarray(labels)
  return all(set(labels[part]) == set(labels) for part in parts(split))
