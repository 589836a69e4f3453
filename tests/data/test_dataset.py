"""What a run says of its data set."""

import numpy as np

from eanet_jax.data import dataset, splits, view_store


def test_a_set_of_one_is_described_in_the_singular():
  views = view_store.Views(
    images=np.zeros((1, 2, 2, 1), np.uint8),
    micrograph=np.zeros(1, np.int32),
    labels=np.zeros(1, np.int32),
    specimens=("a",),
    files=("a/1.png",),
    class_names=("unlabelled",),
    skipped=(("a/2.png", "the file is empty"),),
    unmatched=("files beside the class folders (1 image)",),
    digest="",
  )
  split = splits.split(["unlabelled"], ["a"], by="none")
  assert dataset.Dataset(views, split, None, None).describe() == [
    "1 micrograph of 1 specimen: 1 to train on, 0 to validate, 0 to test; class"
    " unlabelled",
    "left out: a/2.png: the file is empty",
    "left out: files beside the class folders (1 image)",
  ]
