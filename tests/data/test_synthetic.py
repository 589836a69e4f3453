import collections
import hashlib
import itertools

import numpy as np
import pytest

from eanet_jax.data import synthetic

# Of P92-2_017, specimen rows and data bar, drawn with seed 0.
DIGEST = "0d9c7a3390acd14f6b54d63530a854aa12e959703307393a1f181b45363e8b45"


@pytest.fixture(scope="module")
def drawings():
  """Four images of every P92 and HR specimen and of seven CPJ specimens."""
  specimens = [
    (label, f"{label}-{k + 1}")
    for label, count in (("CPJ", 7), ("HR", 7), ("P92", 3))
    for k in range(count)
  ]
  return [
    synthetic.draw(0, *specimen, index)
    for specimen in specimens
    for index in range(4)
  ]


def commonest_share(row):
  return np.bincount(row).max() / row.size


def test_catalogue_has_the_published_counts():
  items = synthetic.catalogue()
  images = collections.Counter(label for label, _, _ in items)
  specimens = collections.Counter(
    label for label, _ in {(label, specimen) for label, specimen, _ in items}
  )
  assert images == {"CPJ": 300, "HR": 244, "P92": 188}
  assert specimens == {"CPJ": 18, "HR": 7, "P92": 3}
  assert len(set(items)) == len(items) == 732
  assert tuple(sorted(images)) == synthetic.CLASSES


def test_image_is_the_same_on_every_machine():
  drawing = synthetic.draw(0, "P92", "P92-2", 17)
  assert drawing.name == "P92-2_017"
  assert hashlib.sha256(drawing.image.tobytes()).hexdigest() == DIGEST


def test_only_seed_and_item_decide():
  first = synthetic.draw(3, "HR", "HR-7", 34).image
  synthetic.draw(3, "HR", "HR-6", 34)
  assert np.array_equal(first, synthetic.draw(3, "HR", "HR-7", 34).image)
  assert not np.array_equal(first, synthetic.draw(4, "HR", "HR-7", 34).image)
  assert not np.array_equal(first, synthetic.draw(3, "HR", "HR-7", 33).image)


def test_specimen_of_another_family_is_refused():
  with pytest.raises(ValueError, match="HR-1"):
    synthetic.draw(0, "P92", "HR-1", 0)


def test_shape_and_scale(drawings):
  assert len({d.name for d in drawings}) == len(drawings)
  for d in drawings:
    assert d.image.dtype == np.uint8
    assert d.image.shape == (512 + d.bar_rows, 512)
    assert 36 <= d.bar_rows <= 44
    assert 0.03 < d.um_per_px < 0.05
    # The scale bar, its ends two pixels wide, is 5 µm long.
    row = d.image[-10].astype(int)
    ink = np.flatnonzero(abs(row - row[-1]) > 100)
    ink = ink[ink >= 330]
    assert ink[-1] - ink[0] + 1 == round(5 / d.um_per_px)


def test_bar_rows_are_uniform_and_specimen_rows_are_not(drawings):
  for d in drawings:
    shares = [commonest_share(row) for row in d.image]
    assert min(shares[-d.bar_rows :]) > 0.4
    assert shares[-d.bar_rows] == 1.0
    assert max(shares[: -d.bar_rows]) < 0.1


def test_two_workers_draw_the_same_and_stop_when_told():
  drawn = synthetic.draw_all(0, workers=2)
  for item, drawing in zip(
    itertools.islice(synthetic.catalogue(), 3), drawn, strict=False
  ):
    expected = synthetic.draw(0, *item)
    np.testing.assert_array_equal(drawing.image, expected.image)
    assert (drawing.name, drawing.label) == (expected.name, expected.label)
  drawn.close()


def test_no_worker_draws_the_same():
  drawing = next(synthetic.draw_all(1, workers=0))
  expected = synthetic.draw(1, *synthetic.catalogue()[0])
  np.testing.assert_array_equal(drawing.image, expected.image)


def test_grey_levels_do_not_tell_the_class(drawings):
  # Nearest class centre by mean and deviation, in three folds of specimens.
  greys = np.array(
    [
      (image.mean(), image.std())
      for image in (d.image[: -d.bar_rows] for d in drawings)
    ]
  )
  greys = (greys - greys.mean(0)) / greys.std(0)
  labels = np.array([d.label for d in drawings])
  folds = np.array([int(d.specimen.split("-")[1]) % 3 for d in drawings])
  right = 0
  for fold in range(3):
    train, test = folds != fold, folds == fold
    centres = np.array(
      [greys[train & (labels == l)].mean(0) for l in synthetic.CLASSES]
    )
    distance = np.linalg.norm(greys[test, None] - centres, axis=-1)
    nearest = np.array(synthetic.CLASSES)[distance.argmin(1)]
    right += (nearest == labels[test]).sum()
  assert right / len(drawings) < 0.6
