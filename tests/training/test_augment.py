"""What augmentation may and may not do to an image."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import ndimage

from eanet_jax.training import augment

settings = hypothesis.settings(deadline=None, max_examples=25)
# Compiled once for each shape and range.
move = jax.jit(augment.move, static_argnames="ranges")
resample = jax.jit(
  lambda images, matrix: augment._resample(
    images, matrix, jnp.zeros((len(images), 2))
  )
)
OFF = augment.Ranges(flips=False, quarter_turns=False)


def noise(b, side, c=1, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (b, side, side, c)).astype(np.uint8)


def dihedral(image):
  """The 8 images of an image (y, x, c): turns 0 to 3, then flipped in x."""
  turned = [np.rot90(image, k) for k in range(4)]
  return [*turned, *[each[:, ::-1] for each in turned]]


def occurring(ranges, side):
  """Which of the dihedral images 128 draws on one image give."""
  image = noise(1, side, 2)
  out = augment.move(np.repeat(image, 128, 0), jax.random.key(0), ranges)
  assert out.dtype == jnp.float32
  found = set()
  for each in np.asarray(out):
    equal = [np.array_equal(each, other) for other in dihedral(image[0])]
    assert sum(equal) == 1
    found.add(equal.index(True))
  return found


@pytest.mark.parametrize("side", [8, 9])
def test_two_places_are_opposite_quarters_of_one_image(side):
  images = noise(64, side, 2)
  half = side // 2
  one, other = np.split(augment.two_places(images, jax.random.key(0)), 2)
  falling = 0
  for image, a, b in zip(images, one, other, strict=True):
    if np.array_equal(a, image[:half, :half]):
      falling += 1
      np.testing.assert_array_equal(b, image[-half:, -half:])
    else:
      np.testing.assert_array_equal(a, image[:half, -half:])
      np.testing.assert_array_equal(b, image[-half:, :half])
  assert 16 < falling < 48


def test_flips_and_turns_give_exactly_the_8_dihedral_images():
  assert occurring(augment.Ranges(), 7) == set(range(8))


def test_turns_alone_give_the_4_turns():
  assert occurring(augment.Ranges(flips=False), 6) == {0, 1, 2, 3}


def test_flips_alone_give_the_image_and_its_mirror_image():
  assert occurring(augment.Ranges(quarter_turns=False), 6) == {0, 4}


def test_exact_images_are_turned_and_flipped_alone():
  ranges = augment.Ranges(rotation_deg=20, zoom=0.2, crop=0.5, exact=1.0)
  assert occurring(ranges, 7) == set(range(8))


def test_about_as_many_are_exact_as_asked_for():
  ranges = augment.Ranges(False, False, rotation_deg=20, crop=0.5, exact=0.3)
  image = np.repeat(noise(1, 12), 500, 0)
  out = move(image, jax.random.key(0), ranges=ranges)
  share = (np.asarray(out) == image).all((1, 2, 3)).mean()
  assert abs(share - 0.3) < 5 * (0.3 * 0.7 / 500) ** 0.5


def test_all_off_is_the_identity():
  assert occurring(OFF, 6) == {0}


EVERYTHING = augment.Ranges(rotation_deg=20, zoom=0.2)


def test_move_is_a_function_of_its_key():
  images = noise(4, 16)
  run = lambda seed: np.asarray(move(images, jax.random.key(seed), EVERYTHING))
  np.testing.assert_array_equal(run(0), run(0))
  assert (run(0) != run(1)).any()


def test_images_of_a_batch_get_different_draws():
  images = np.repeat(noise(1, 16), 8, 0)
  out = np.asarray(move(images, jax.random.key(0), EVERYTHING))
  assert len(np.unique(out, axis=0)) == 8


def test_an_image_that_is_not_square_is_refused():
  with pytest.raises(ValueError, match="8 x 6 px"):
    augment.move(np.zeros((1, 8, 6, 1), np.uint8), jax.random.key(0), OFF)


@settings
@hypothesis.given(
  seed=st.integers(0, 999),
  limits=st.sampled_from([(45.0, 0.5), (180.0, 0.0)]),
)
def test_levels_stay_within_the_images_range(seed, limits):
  images = noise(3, 9, seed=seed) // 2 + 60
  ranges = augment.Ranges(True, True, *limits)
  out = np.asarray(move(images, jax.random.key(seed), ranges))
  for before, after in zip(images, out, strict=True):
    assert before.min() - 1e-3 <= after.min()
    assert after.max() <= before.max() + 1e-3


def drawn_matrices(ranges, b=200, side=33):
  """The matrices of b draws, measured on ramps away from the edges."""
  ramp = np.linspace(0, 6 * (side - 1), side).astype(np.uint8)
  image = np.stack(np.meshgrid(ramp, ramp, indexing="ij"), -1)
  out = augment.move(np.repeat(image[None], b, 0), jax.random.key(0), ranges)
  slopes = np.gradient(np.asarray(out, np.float64) / 6, axis=(1, 2))
  middle = [s[:, side // 2, side // 2] for s in slopes]  # (b, channel) each
  return np.stack(middle, axis=-1)  # (b, source axis, image axis)


def test_rotation_covers_its_range_and_no_more():
  ranges = augment.Ranges(False, False, rotation_deg=20)
  m = drawn_matrices(ranges)
  angle = np.rad2deg(np.arctan2(m[:, 1, 0], m[:, 0, 0]))
  assert -20.1 < angle.min() < -18
  assert 18 < angle.max() < 20.1
  assert abs(angle.mean()) < 5 * 20 / np.sqrt(3 * len(m))
  np.testing.assert_allclose(np.linalg.det(m), 1, atol=1e-3)


def test_zoom_covers_its_range_and_no_more():
  m = drawn_matrices(augment.Ranges(False, False, zoom=0.2))
  zoom = 1 / m[:, 0, 0]
  assert 0.799 < zoom.min() < 0.82
  assert 1.18 < zoom.max() < 1.201
  for y, x, expected in ((0, 1, 0), (1, 0, 0), (1, 1, m[:, 0, 0])):
    np.testing.assert_allclose(m[:, y, x], expected, atol=1e-3)


@settings
@hypothesis.given(
  angle=st.floats(-np.pi, np.pi),
  zoom=st.floats(0.5, 1.5),
  side=st.sampled_from([16, 25]),
  flip=st.booleans(),
)
def test_resampling_agrees_with_scipy(angle, zoom, side, flip):
  smooth = ndimage.gaussian_filter(
    np.random.default_rng(0).uniform(-2e3, 2e3, (side, side)), 2
  )
  image = np.clip(smooth + 128, 0, 255).astype(np.uint8)
  cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
  matrix = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, -1 if flip else 1])
  middle = (side - 1) / 2
  grid = np.stack(np.mgrid[:side, :side]) - middle
  at = np.einsum("ij,jyx->iyx", matrix, grid) + middle
  expected = ndimage.map_coordinates(
    image.astype(np.float64), at, order=1, mode="mirror"
  )
  got = resample(image[None], jnp.asarray(matrix, jnp.float32)[None])
  np.testing.assert_allclose(got[0], expected, atol=5e-3)


def exposed(ranges, b=200, seed=0):
  """Means and deviations before, then after, of b images."""
  rng = np.random.default_rng(seed)
  images = rng.normal(0.7, 1.3, (b, 8, 8, 1)).astype("f4")
  out = np.asarray(augment.expose(images, jax.random.key(seed), ranges))
  moments = lambda a: (a.mean((1, 2, 3)), a.std((1, 2, 3)))
  return images, out, *moments(images), *moments(out)


def test_brightness_covers_its_range_and_keeps_contrast():
  _, _, mean, std, new_mean, new_std = exposed(augment.Ranges(brightness=0.3))
  shift = new_mean - mean
  assert -0.3001 < shift.min() < -0.28
  assert 0.28 < shift.max() < 0.3001
  np.testing.assert_allclose(new_std, std, rtol=1e-5)


def test_contrast_covers_its_range_and_keeps_each_images_mean():
  _, _, mean, std, new_mean, new_std = exposed(augment.Ranges(contrast=0.3))
  factor = new_std / std
  assert 0.6999 < factor.min() < 0.72
  assert 1.28 < factor.max() < 1.3001
  np.testing.assert_allclose(new_mean, mean, atol=1e-5)


def test_contrast_and_brightness_are_drawn_independently():
  ranges = augment.Ranges(contrast=0.3, brightness=0.3)
  _, _, mean, std, new_mean, new_std = exposed(ranges, b=400)
  correlation = np.corrcoef(new_mean - mean, new_std / std)[0, 1]
  assert abs(correlation) < 5 / np.sqrt(400)


def test_no_exposure_change_is_the_identity():
  images, out, *_ = exposed(augment.Ranges(), b=5)
  np.testing.assert_array_equal(out, images)


def test_expose_is_a_function_of_its_key():
  images = jnp.asarray(noise(3, 8), jnp.float32)
  ranges = augment.Ranges(contrast=0.3, brightness=0.3)
  expose = lambda seed: np.asarray(
    augment.expose(images, jax.random.key(seed), ranges)
  )
  np.testing.assert_array_equal(expose(0), expose(0))
  assert (expose(0) != expose(1)).all()


def test_a_crop_is_of_its_size_and_anywhere_in_the_image():
  side, crop = 33, 0.5
  rows = np.broadcast_to(np.arange(side)[:, None], (side, side)) * 7
  image = np.repeat(rows.astype(np.uint8)[None, ..., None], 400, 0)
  ranges = augment.Ranges(flips=False, quarter_turns=False, crop=crop)
  out = np.asarray(move(image, jax.random.key(0), ranges=ranges))[..., 0] / 7
  first, last = out[:, 0, 0], out[:, -1, 0]
  share = (last - first) / (side - 1)
  # Bilinear, of a ramp: what is seen is from `first` to `last` exactly.
  assert share.min() >= crop - 1e-3
  assert share.max() <= 1 + 1e-3
  assert share.min() < 0.53
  assert share.max() > 0.97
  assert first.min() >= -1e-3
  assert last.max() <= side - 1 + 1e-3
  small = share < 0.6
  assert first[small].min() < 2
  assert last[small].max() > side - 3


def degraded(images, seed=0, **ranges):
  """Images before and after, float64."""
  out = jax.jit(augment.degrade, static_argnames="ranges")(
    jnp.asarray(images, jnp.float32),
    jax.random.key(seed),
    ranges=augment.Ranges(**ranges),
  )
  assert out.dtype == jnp.float32
  return np.asarray(images, np.float64), np.asarray(out, np.float64)


def test_nothing_to_degrade_is_the_very_image():
  images = jnp.asarray(noise(2, 8), jnp.float32)
  assert augment.degrade(images, jax.random.key(0), OFF) is images


def test_half_of_the_images_stay_sharp_and_half_clean():
  for ranges in ({"blur": 1.0}, {"noise": 0.5}):
    before, after = degraded(noise(400, 8), **ranges)
    kept = (before == after).all((1, 2, 3)).mean()
    assert abs(kept - 0.5) < 5 * (0.25 / 400) ** 0.5


def test_blur_is_a_gaussian_of_up_to_its_spread():
  b, side, largest = 200, 25, 1.5
  point = np.zeros((b, side, side, 1))
  point[:, side // 2, side // 2] = 200
  _, after = degraded(point, blur=largest)
  np.testing.assert_allclose(after.sum((1, 2, 3)), 200, rtol=1e-5)
  blurred = after[after[:, side // 2, side // 2, 0] < 150][..., 0] / 200
  profile = blurred.sum(1)  # along x
  at = np.arange(side) - side // 2
  reach = abs(at) <= 3
  # A Gaussian's logarithm is a parabola: its curvature gives its spread.
  near = np.log(profile[:, side // 2 - 1 : side // 2 + 2])
  std = (2 * near[:, 1] - near[:, 0] - near[:, 2]) ** -0.5
  expected = np.exp(-0.5 * (at / std[:, None]) ** 2) * reach
  expected /= expected.sum(1, keepdims=True)
  np.testing.assert_allclose(profile, expected, atol=1e-4)
  np.testing.assert_allclose(blurred.sum(2), profile, atol=1e-6)  # along y
  assert 1.45 < std.max() < largest + 1e-3


def test_blur_agrees_with_scipy():
  image = noise(1, 17)[..., 0].astype("f8")
  std = np.array([0.8], "f4")
  got = augment._blur(jnp.asarray(image[..., None], jnp.float32), std, 2)
  expected = ndimage.gaussian_filter(image[0], 0.8, mode="mirror", radius=2)
  np.testing.assert_allclose(got[0, ..., 0], expected, atol=1e-3)


def test_noise_is_of_up_to_its_share_of_the_images_spread():
  images = noise(300, 24) * np.linspace(0.1, 1, 300)[:, None, None, None]
  before, after = degraded(images, noise=0.5)
  added = after - before
  share = added.std((1, 2, 3)) / before.std((1, 2, 3))
  assert share.min() < 1e-6  # nothing but float32's rounding
  assert 0.47 < share.max() < 0.5 * 1.1  # a sample's spread varies
  # As likely in the lower as in the upper half, at any contrast.
  noisy = share > 1e-6
  assert abs((share[noisy] > 0.25).mean() - 0.5) < 0.2
  assert abs(np.corrcoef(share[noisy], np.arange(300)[noisy])[0, 1]) < 0.4


def test_images_of_a_batch_get_noise_of_their_own():
  before, after = degraded(np.repeat(noise(1, 16), 16, 0), noise=0.5)
  added = (after - before)[(before != after).any((1, 2, 3))].reshape(-1, 256)
  correlations = np.corrcoef(added) - np.eye(len(added))
  assert len(added) > 2
  assert abs(correlations).max() < 6 / 16
