"""Novelty is the distance from the directions that training images span."""

import numpy as np
import pytest

from eanet_jax.inference import novelty
from eanet_jax.models import ensemble


def plane(rng, count, width=12):
  """Points on a plane, standard deviations 3 and 2, in `width` dimensions."""
  found = np.zeros((count, width), np.float32)
  found[:, 0] = rng.normal(5, 3, count)
  found[:, 1] = rng.normal(-1, 2, count)
  return found


def test_what_lies_in_the_directions_of_training_is_at_no_distance():
  rng = np.random.default_rng(0)
  familiar = novelty.fit(plane(rng, 200))
  inside = plane(rng, 50)
  assert familiar.distances(inside).max() < 1e-3
  # A feature that never changed is not scaled: 4 off, in one of 12.
  inside[:, 7] += 4
  np.testing.assert_allclose(
    familiar.distances(inside), 4 / np.sqrt(12), rtol=1e-3
  )


@pytest.mark.parametrize(("count", "width"), [(40, 300), (400, 100)])
def test_it_is_the_residual_of_the_principal_components(count, width):
  rng = np.random.default_rng(1)
  features = rng.normal(size=(count, width)) @ rng.normal(size=(width, width))
  others = rng.normal(size=(7, width)) @ rng.normal(size=(width, width))
  familiar = novelty.fit(features)
  number = min(ensemble.DIRECTIONS, count - 2)
  mean, std = features.mean(0), features.std(0)
  axes = np.linalg.svd((features - mean) / std, full_matrices=False)[2][:number]
  scaled = (others - mean) / std
  left = scaled - scaled @ axes.T @ axes
  np.testing.assert_allclose(
    familiar.distances(others),
    np.sqrt((left**2).mean(1)),
    rtol=1e-3,
  )
  kept = familiar.directions[:number]
  np.testing.assert_allclose(kept @ kept.T, np.eye(number), atol=1e-4)
  assert not familiar.directions[number:].any()


def test_float32_features_are_multiplied_in_float64():
  # How float32 products round depends on the number of threads.
  rng = np.random.default_rng(2)
  features = rng.normal(size=(24, 3000)).astype(np.float32)
  familiar = novelty.fit(features)
  scaled = ((features - familiar.mean) / familiar.std).astype(np.float64)
  inside = scaled @ familiar.directions.astype(np.float64).T
  np.testing.assert_allclose(familiar.places(features), inside, atol=1e-11)
  left = (scaled**2).sum(1) - (inside**2).sum(1)
  np.testing.assert_allclose(
    familiar.distances(features), np.sqrt(np.maximum(left, 0) / 3000), rtol=1e-9
  )


def test_so_many_are_above_the_threshold_and_few_images_are_no_error():
  distances = np.arange(100.0)
  limit = novelty.threshold(distances)
  share = (distances > limit).mean()
  assert share == pytest.approx(novelty.FALSE_ALARMS, abs=0.011)
  for count in (1, 2, 3):
    familiar = novelty.fit(np.random.default_rng(0).normal(size=(count, 9)))
    assert np.isfinite(familiar.distances(np.ones((2, 9)))).all()


def test_copies_of_an_image_add_no_direction():
  rng = np.random.default_rng(2)
  features = rng.normal(size=(6, 40))
  familiar = novelty.fit(np.concatenate([features] * 4))
  assert np.linalg.norm(familiar.directions, axis=1).sum() == pytest.approx(5)
