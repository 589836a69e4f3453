"""Grey levels on one scale, by hand."""

import jax.numpy as jnp
import numpy as np

from eanet_jax.models import inputs


def test_standardise_by_hand():
  images = np.array([[[[0], [100]], [[150], [255]]]], np.uint8)
  out = inputs.standardise(images, 100.0, 50.0)
  assert out.dtype == jnp.float32
  np.testing.assert_allclose(out[0, ..., 0], [[-2, 0], [1, 3.1]], rtol=1e-6)


def test_an_image_standardised_by_its_own_levels_forgets_its_exposure():
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (3, 16, 16, 1)).astype("f4")
  plain = inputs.standardise(image, None, None)
  np.testing.assert_allclose(plain.mean((1, 2, 3)), 0, atol=1e-5)
  np.testing.assert_allclose(plain.std((1, 2, 3)), 1, rtol=2e-2)
  brighter = inputs.standardise(20 + 0.5 * image, None, None)
  np.testing.assert_allclose(brighter, plain, atol=5e-2)


def test_a_blank_image_is_standardised_to_nothing():
  blank = inputs.standardise(np.full((2, 8, 8, 1), 7, np.uint8), None, None)
  np.testing.assert_array_equal(blank, 0)
