"""The classifier in closed form: its formula, its folds, its probabilities."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from eanet_jax.models import transfer
from eanet_jax.training import discriminant


def made(n, f, classes=3, specimens=4, seed=0, apart=0.7):
  """Features of classes that differ, in specimens that differ too."""
  rng = np.random.default_rng(seed)
  labels = np.sort(np.arange(n) % classes)
  number = np.arange(n) % specimens
  named = np.array([f"{l}-{s}" for l, s in zip(labels, number, strict=True)])
  of_class = rng.normal(size=(classes, f)) * apart
  of_specimen = rng.normal(size=(classes, specimens, f)) * 0.5
  x = of_class[labels] + of_specimen[labels, number]
  return (x + rng.normal(size=(n, f))).astype("f4"), labels, named


def fit(x, labels, specimens, micrographs=None, num_classes=None):
  return discriminant.fit(
    x,
    labels,
    specimens,
    np.arange(len(x)) if micrographs is None else micrographs,
    (x.shape[1],),
    num_classes or labels.max() + 1,
  )


def answers(fitted, x):
  """Logits as the network computes them."""
  sizes = (x.shape[1],)
  x = transfer.equalise(
    jnp.asarray(x), fitted.mean, fitted.std, jnp.asarray(fitted.power), sizes
  )
  return np.asarray(x, "f8") @ fitted.kernel + fitted.bias


def by_the_formula(x, labels, shrinkage):
  """float64 discriminants of x itself, up to a term that all classes share."""
  x = x.astype("f8")
  x = (x - x.mean(0)) / x.std(0)
  means = np.stack([x[labels == l].mean(0) for l in np.unique(labels)])
  within = x - means[labels]
  covariance = within.T @ within / len(x)
  covariance += (
    shrinkage * np.trace(covariance) / len(covariance) * np.eye(x.shape[1])
  )
  inverse = np.linalg.inv(covariance)
  return np.stack(
    [-0.5 * ((x - m) @ inverse * (x - m)).sum(1) for m in means], axis=-1
  )


@pytest.mark.parametrize(("n", "f"), [(90, 7), (31, 40)])
def test_it_is_the_formula_whichever_equations_are_solved(n, f):
  x, labels, _ = made(n, f)
  fits = discriminant._fits(x, labels)
  for shrinkage, (kernel, bias) in zip(
    discriminant.SHRINKAGES, fits, strict=True
  ):
    np.testing.assert_allclose(
      special.log_softmax(x @ kernel + bias, axis=-1),
      special.log_softmax(by_the_formula(x, labels, shrinkage), axis=-1),
      rtol=1e-6,
      atol=1e-6,
    )


def test_it_tells_new_specimens_apart_and_is_not_too_sure():
  x, labels, specimens = made(360, 300, specimens=12)
  new = np.char.endswith(specimens, ("-0")) | np.char.endswith(specimens, "-1")
  fitted = fit(x[~new], labels[~new], specimens[~new])
  p = special.softmax(answers(fitted, x[new]), axis=-1)
  right = p.argmax(-1) == labels[new]
  assert right.mean() > 0.9
  assert abs(p.max(-1).mean() - right.mean()) < 0.1
  # Its own specimens it takes for far surer.
  of_left_out = special.softmax(fitted.logits, axis=-1).max(-1).mean()
  own = special.softmax(answers(fitted, x[~new]), axis=-1).max(-1)
  assert own.mean() > of_left_out


def test_answers_for_a_specimen_are_of_a_fit_without_its_fold():
  x, labels, specimens = made(60, 20)
  fitted = fit(x, labels, specimens)
  folds = discriminant.folds_by_specimen(labels, specimens)
  way = discriminant.SHRINKAGES.index(fitted.shrinkage)
  power = fitted.power
  scales = []
  for fold in range(folds.max() + 1):
    own = folds == fold
    scale = discriminant._Scale.of(x[~own], (20,))
    fits = discriminant._fits(scale(x[~own], power), labels[~own])
    kernel, bias = fits[way]
    ratios = (scale(x[own], power) @ kernel + bias) / fitted.logits[own]
    scales += ratios.ravel().tolist()
  np.testing.assert_allclose(scales, scales[0], rtol=1e-9)


def test_views_of_a_micrograph_are_left_out_together():
  x, labels, _ = made(24, 4, classes=2, specimens=1)
  micrographs = np.arange(24) // 2
  named = np.where(labels == 0, "a", "b")
  fitted = fit(x, labels, named, micrographs)
  assert np.isfinite(fitted.logits).all()


def test_a_class_without_images_is_never_the_answer():
  x, labels, specimens = made(40, 6, classes=2)
  labels = labels * 2
  fitted = fit(x, labels, specimens, num_classes=4)
  logits = answers(fitted, x)
  assert fitted.kernel.shape == (6, 4)
  assert set(logits.argmax(-1)) <= {0, 2}
  assert (special.softmax(logits, axis=-1)[:, [1, 3]] == 0).all()


def test_features_are_equalised_as_the_network_does_it():
  x, _, _ = made(50, 12)
  sizes = (3, 4, 5)
  scale = discriminant._Scale.of(x, sizes)
  found = transfer.equalise(x, scale.mean, scale.std, jnp.asarray(0.5), sizes)
  np.testing.assert_allclose(found, scale(x, 0.5), atol=1e-5)
  plain = transfer.equalise(x, scale.mean, scale.std, jnp.asarray(0.0), sizes)
  expected = (x - x.mean(0, dtype="f8")) / x.std(0, dtype="f8")
  for i, j in ((0, 3), (3, 7), (7, 12)):
    size = np.sqrt((expected[:, i:j] ** 2).mean(1, keepdims=True))
    part = expected[:, i:j] / np.sqrt(size)
    np.testing.assert_allclose(found[:, i:j], part, atol=1e-5)
  np.testing.assert_allclose(plain, expected, atol=1e-5)


@given(
  st.lists(
    st.lists(st.integers(1, 5), min_size=1, max_size=7),
    min_size=1,
    max_size=4,
  )
)
def test_folds_never_part_a_specimen_nor_leave_a_class_untrained(sizes):
  labels, specimens = [], []
  for label, of_class in enumerate(sizes):
    for i, size in enumerate(of_class):
      labels += [label] * size
      specimens += [f"{label}-{i}"] * size
  labels, specimens = np.array(labels), np.array(specimens)
  folds = discriminant.folds_by_specimen(labels, specimens)
  assert folds.max() < 5
  for fold in range(folds.max() + 1):
    assert (folds == fold).any()
    assert set(labels[folds != fold]) == set(labels)
  for label, of_class in enumerate(sizes):
    own = labels == label
    if len(of_class) > 1:
      for name in np.unique(specimens[own]):
        assert len(set(folds[specimens == name])) == 1
    assert (folds[own] == -1).all() == (sum(of_class) == 1)


def test_features_that_never_change_do_no_harm():
  x, labels, specimens = made(30, 5)
  x = np.concatenate([x, np.full((30, 2), 3.0, "f4")], axis=1)
  fitted = fit(x, labels, specimens)
  assert np.isfinite(fitted.kernel).all()
