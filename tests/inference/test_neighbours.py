"""Neighbours are the nearest in the directions of training images."""

import numpy as np

from eanet_jax.inference import neighbours, novelty


def test_a_micrograph_lies_at_the_mean_of_its_views():
  rng = np.random.default_rng(0)
  features = rng.normal(size=(30, 12)).astype(np.float32)
  familiar = novelty.fit(features)
  groups = np.repeat(np.arange(10), 3)
  found = neighbours.places(familiar, features, groups)
  scaled = (features - features.mean(0)) / features.std(0)
  expected = (scaled @ familiar.directions.T).reshape(10, 3, -1).mean(1)
  np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_nearest_come_first_with_their_distances():
  others = np.array([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0], [9.0, 9.0]])
  chosen, distances = neighbours.nearest(np.zeros(2), others, 3)
  assert chosen.tolist() == [2, 1, 0]
  assert distances.tolist() == [0, 1, 5]
  assert len(neighbours.nearest(np.zeros(2), others, 9)[0]) == 4
