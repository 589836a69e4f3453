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
  assert dataset.Dataset(views, split, by_image=False).describe("") == [
    "1 micrograph of 1 specimen: 1 to train on, 0 to validate, 0 to test",
    "left out: a/2.png: the file is empty",
    "left out: files beside the class folders (1 image)",
  ]


def test_of_many_classes_the_first_are_listed():
  views = view_store.Views(
    images=np.zeros((99, 2, 2, 1), np.uint8),
    micrograph=np.arange(99, dtype=np.int32),
    labels=np.arange(99, dtype=np.int32) // 3,
    specimens=tuple(map(str, range(99))),
    files=tuple(map(str, range(99))),
    class_names=tuple(f"alloy {i}" for i in range(33)),
    skipped=(),
    unmatched=(),
    digest="",
  )
  split = splits.Split(*np.arange(99).reshape(33, 3).T, by="micrograph")
  lines = dataset.Dataset(views, split, by_image=False).describe("")
  assert len(lines) == 1 + 1 + 20 + 1
  assert lines[-1] == "  and 13 classes more"


def test_each_class_has_a_row_and_much_left_out_is_counted():
  labels = np.repeat(np.arange(2, dtype=np.int32), 4)
  specimens = tuple("aabbccdd")
  views = view_store.Views(
    images=np.zeros((8, 2, 2, 1), np.uint8),
    micrograph=np.arange(8, dtype=np.int32),
    labels=labels,
    specimens=specimens,
    files=tuple(f"{i}.png" for i in range(8)),
    class_names=("martensite", "HR"),
    skipped=tuple((f"HR/{i}.png", "the file is empty") for i in range(7)),
    unmatched=(),
    digest="",
  )
  split = splits.Split(
    train=np.array([0, 4]),
    validation=np.array([1, 5]),
    test=np.array([2, 3, 6, 7]),
    by="specimen",
  )
  lines = dataset.Dataset(views, split, by_image=False).describe(
    "run/left_out.csv"
  )
  assert lines[1:5] == [
    "  class       specimens     images      train   validate       test",
    "  martensite          2          4          1          1          2",
    "  HR                  2          4          1          1          2",
    "  test specimens, no image of them is trained on: b, d",
  ]
  assert len(lines) == 5 + 6
  assert lines[-1] == "left out: 2 more, see run/left_out.csv"


def test_pixel_statistics_are_of_the_chosen_images():
  images = np.zeros((3, 4, 4, 1), np.uint8)
  images[1], images[2] = 10, 30
  mean, std = dataset.pixel_statistics(images, np.array([1, 2]))
  assert (mean, std) == (20, 10)
  mean, std = dataset.pixel_statistics(images, np.array([1]))
  assert (mean, std) == (10, 1)  # never a division by 0
