"""Examples chosen by hand-made probabilities."""

import numpy as np
import pytest

from eanet_jax.data import view_store
from eanet_jax.evaluation import answers, example_images


def made_views(micrograph, labels, side=8):
  v = len(micrograph)
  images = np.random.default_rng(0).integers(0, 256, (v, side, side, 1))
  return view_store.Views(
    images=images.astype(np.uint8),
    micrograph=np.asarray(micrograph, np.int32),
    labels=np.asarray(labels, np.int32),
    specimens=tuple(f"s{i}" for i in range(len(labels))),
    files=tuple(f"f{i}" for i in range(len(labels))),
    class_names=("a", "b"),
    skipped=(),
    unmatched=(),
    digest="",
  )


def logits(p):
  p = np.asarray(p)
  return np.log(np.stack([1 - p, p], -1)).astype(np.float32)


def test_mistakes_surest_first_and_the_least_sure():
  views = made_views(range(6), [0, 0, 0, 1, 1, 1])
  of_b = logits([0.1, 0.7, 0.95, 0.45, 0.9, 0.02])
  found = example_images.choose(answers.Answers(views, np.arange(6), of_b))
  assert [e["file"] for e in found["mistakes"]] == ["f5", "f2", "f1", "f3"]
  assert [e["file"] for e in found["uncertain"]][:2] == ["f3", "f1"]
  assert [e["file"] for e in found["telling"]] == ["f0", "f2", "f4", "f5"]
  worst = found["mistakes"][0]
  assert worst == {
    "view": 5,
    "file": "f5",
    "specimen": "s5",
    "true": "b",
    "predicted": "a",
    "probability": pytest.approx(0.98),
  }


def test_the_view_shown_of_a_micrograph_speaks_for_its_class():
  views = made_views([0, 0, 0, 1, 1, 1], [0, 1])
  of_b = logits([0.6, 0.9, 0.2, 0.5, 0.5, 0.1])  # means 0.57, 0.37
  chosen = np.arange(6)
  found = example_images.choose(answers.Answers(views, chosen, of_b))
  by_file = {e["file"]: e for e in found["mistakes"]}
  assert by_file["f0"]["view"] == 1
  assert by_file["f1"]["view"] == 5


def test_thumbnails_are_small_square_means():
  images = np.zeros((2, 320, 320, 1), np.uint8)
  images[1, ::2] = 200
  small = example_images.thumbnails(images)
  assert small.shape == (2, 160, 160)
  assert (small[0] == 0).all()
  assert (small[1] == 100).all()
  assert example_images.thumbnails(images[:, :64, :64]).shape == (2, 64, 64)
