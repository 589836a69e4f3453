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
    "1 micrograph: 1 to train on, 0 to validate, 0 to test",
    "left out: a/2.png: the file is empty",
    "left out: files beside the class folders (1 image)",
  ]


def test_many_classes_have_a_row_together():
  # Class i of 50 has 6 + i micrographs of two specimens.
  labels = np.repeat(np.arange(50, dtype=np.int32), 6 + np.arange(50))
  specimens = tuple(f"{label}/{i % 2}" for i, label in enumerate(labels))
  views = view_store.Views(
    images=np.zeros((len(labels), 2, 2, 1), np.uint8),
    micrograph=np.arange(len(labels), dtype=np.int32),
    labels=labels,
    specimens=specimens,
    files=tuple(map(str, range(len(labels)))),
    class_names=tuple(f"C{i}" for i in range(50)),
    skipped=(),
    unmatched=(),
    digest="",
  )
  split = splits.split(labels.astype(str), specimens)
  table = dataset.Dataset(views, split, by_image=False).describe("")[1:-1]
  rows = [line.split() for line in table]
  assert rows[0][0] == "class" and rows[1][:3] == ["C0", "2", "6"]
  assert rows[-1][:4] == ["30", "more", "60", str(sum(range(26, 56)))]
  assert len(rows) == 1 + 20 + 1
  for column, part in enumerate(
    (split.train, split.validation, split.test), -3
  ):
    assert sum(int(row[column]) for row in rows[1:]) == len(part)


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
