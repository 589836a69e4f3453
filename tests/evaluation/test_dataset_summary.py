"""What results say of a data set, counted by hand."""

import dataclasses

import numpy as np

from eanet_jax.data import dataset, splits, view_store
from eanet_jax.evaluation import dataset_summary
from eanet_jax.workdir import dataset_facts

NAN = np.nan
VIEWS = view_store.Views(
  images=np.zeros((5, 2, 2, 1), np.uint8),
  micrograph=np.arange(5, dtype=np.int32),
  labels=np.array([0, 0, 0, 1, 1], np.int32),
  specimens=("a/x", "a/x", "a/y", "b/z", "b/z"),
  files=tuple(f"{i}.png" for i in range(5)),
  class_names=("a", "b"),
  skipped=(),
  unmatched=(),
  digest="",
  remarks=(("0.png", "only 9 grey levels"), ("3.png", "only 12 grey levels")),
  numbers={
    "um_per_px": np.array([0.1, NAN, 0.3, NAN, NAN]),
    "mean": np.array([100.0, 110, 90, 50, 60]),
    "std": np.array([10.0, 30, 20, 20, 20]),
    "width": np.array([8.0, 8, 6, 8, 8]),
    "height": np.array([4.0, 4, 4, 4, 4]),
  },
  copies=((0, 1),),
)
SPLIT = splits.Split(
  np.array([0, 1, 3]), np.array([], np.int64), np.array([2, 4]), "specimen"
)


def facts(**changes):
  views = dataclasses.replace(VIEWS, **changes)
  return dataset_summary.facts(dataset.Dataset(views, SPLIT, by_image=True))


def test_facts_by_hand():
  found = facts()
  counts = {"train": 2, "validation": 0, "test": 1}
  assert found == {
    "specimens_known": True,
    "classes": [
      {"class": "a", "specimens": 2, "micrographs": 3, **counts}
      | {"with_scale": 2, "um_per_px": [0.1, 0.3]},
      {"class": "b", "specimens": 1, "micrographs": 2, **counts}
      | {"train": 1, "with_scale": 0, "um_per_px": []},
    ],
    "sizes_px": [[8, 4, 4], [6, 4, 1]],
    "sizes": 2,
    "points": [
      {"class": name, "specimen": specimen, "micrographs": count}
      | {"brightness": brightness, "contrast": 20.0}
      for name, specimen, count, brightness in (
        ("a", "a/x", 2, 105.0),
        ("a", "a/y", 1, 90.0),
        ("b", "b/z", 2, 55.0),
      )
    ],
    "point_count": 3,
    "copies": [{"one": "0.png", "other": "1.png"}],
    "copy_count": 1,
    "remarks": [{"said": "only 9 grey levels (0.png)", "files": 2}],
  }


def test_without_specimens_each_micrograph_is_a_point(monkeypatch):
  found = facts(specimens=("a", "a", "a", "b", "b"))
  assert not found["specimens_known"]
  assert [each["specimen"] for each in found["points"]] == list(VIEWS.files)
  monkeypatch.setattr(dataset_facts, "MAX_POINTS", 2)
  few = facts(specimens=("a", "a", "a", "b", "b"))
  assert few["point_count"] == 5 and len(few["points"]) == 2
