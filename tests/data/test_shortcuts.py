"""What tells classes apart without their microstructure is named."""

import numpy as np
import pytest

from eanet_jax.data import shortcuts

LABELS = np.repeat([0, 1, 2], 20)
NAMES = ["CPJ", "HR", "P92"]


def numbers(**changed):
  """Of 60 micrographs that nothing but their structure tells apart."""
  rng = np.random.default_rng(0)
  return {
    "um_per_px": np.full(60, 0.05),
    "pixels": np.full(60, 1.23),
    "mean": rng.normal(110, 10, 60),
    "std": rng.normal(40, 5, 60),
  } | changed


def test_nothing_is_said_where_nothing_tells():
  assert shortcuts.remarks(NAMES, LABELS, numbers()) == []
  unknown = numbers(um_per_px=np.full(60, np.nan))
  assert shortcuts.remarks(NAMES, LABELS, unknown) == []


@pytest.mark.parametrize(
  ("name", "word"),
  [
    ("um_per_px", "magnification"),
    ("pixels", "size"),
    ("mean", "brightness"),
    ("std", "contrast"),
  ],
)
def test_what_follows_the_class_is_named(name, word):
  values = numbers()[name]
  changed = np.where(LABELS == 2, 3 * values, values)
  (line,) = shortcuts.remarks(NAMES, LABELS, numbers(**{name: changed}))
  assert line.startswith(f"{word} alone tells ")
  for pair in ("CPJ", "HR"):
    assert f"{pair} (" in line
  assert line.count("from P92 (") == 2


def test_one_odd_micrograph_neither_makes_nor_hides_it():
  values = np.where(LABELS == 0, 0.1, 0.05)
  values[0] = 0.05
  (line,) = shortcuts.remarks(NAMES, LABELS, numbers(um_per_px=values))
  assert "HR (0.05 um/px at most) from CPJ (0.1 um/px at least)" in line
  values = np.full(60, 0.05)
  values[0] = 0.1
  assert shortcuts.remarks(NAMES, LABELS, numbers(um_per_px=values)) == []


def test_scales_that_only_some_classes_have_are_named():
  values = np.where(LABELS == 1, np.nan, 0.05)
  (line,) = shortcuts.remarks(NAMES, LABELS, numbers(um_per_px=values))
  assert line.startswith("20 micrographs of 60 without a scale: all of HR,")
  values = np.where(np.arange(60) % 2, np.nan, 0.05)
  (line,) = shortcuts.remarks(NAMES, LABELS, numbers(um_per_px=values))
  assert line == "30 micrographs of 60 without a scale"


def test_of_many_pairs_the_clearest_are_named():
  labels = np.repeat(np.arange(8), 5)
  values = {name: np.ones(40) for name in ("um_per_px", "pixels", "std")}
  values["mean"] = 10.0 * labels
  names = [f"c{i}" for i in range(8)]
  (line,) = shortcuts.remarks(names, labels, values)
  assert line.startswith("brightness alone tells c0 (0 at most) from c7 (70")
  assert line.endswith("25 more pairs")
