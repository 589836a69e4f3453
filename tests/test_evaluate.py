"""Every example once, and the scores of each level by hand."""

import dataclasses

import flax.linen as nn
import jax
import numpy as np
import pytest

from eanet_jax import evaluate, sharding
from eanet_jax.data import input_pipeline
from eanet_jax.models import eanet

MEAN, STD = 120.0, 40.0


@pytest.fixture(scope="module")
def network():
  model = eanet.EANet(
    3, patch_px=8, width=12, num_blocks=1, num_heads=3, num_slots=5
  )
  images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 1))
  images = images.astype(np.uint8)
  init = jax.jit(lambda key: model.init(key, images[:1], deterministic=True))
  params = init(jax.random.key(0))["params"]
  direct = jax.jit(
    lambda images: model.apply({"params": params}, images, deterministic=True)
  )((images.astype("f4") - MEAN) / STD)
  forward = evaluate.Forward(model, MEAN, STD, 4, sharding.data_mesh())
  return forward, params, images, np.asarray(direct)


@pytest.mark.parametrize("k", [1, 3, 4, 5, 16, 19])
def test_forward_gives_each_example_its_logits_once_and_in_order(network, k):
  forward, params, images, direct = network
  indices = np.random.default_rng(k).permutation(20)[:k]
  logits = forward({"params": params}, images, indices)
  assert logits.shape == (k, 3)
  assert logits.dtype == np.float32
  np.testing.assert_allclose(logits, direct[indices], rtol=1e-4, atol=1e-5)


def test_forward_takes_an_example_as_often_as_it_is_asked_for(network):
  forward, params, images, direct = network
  indices = np.array([7, 7, 2, 7, 2])
  logits = forward({"params": params}, images, indices)
  np.testing.assert_allclose(logits, direct[indices], rtol=1e-4, atol=1e-5)


def test_a_quarter_turn_or_a_mirror_changes_nothing_for_8_orientations(network):
  forward, params, images, direct = network
  indices = np.arange(7)
  eight = lambda images: forward({"params": params}, images, indices, 8)
  upright = eight(images)
  assert upright.shape == (7, 3)
  for turned in (np.rot90(images, 1, (1, 2)), images[:, ::-1]):
    np.testing.assert_allclose(eight(turned), upright, rtol=1e-5, atol=1e-6)
  moved = forward({"params": params}, np.rot90(images, 1, (1, 2)), indices)
  assert abs(moved - direct[:7]).max() > 1e-3  # of one, all of it changes


def test_several_orientations_have_the_mean_of_their_probabilities(network):
  forward, params, images, _ = network
  indices = np.arange(5)
  each = [
    forward({"params": params}, np.rot90(images, k, (1, 2)), indices)
    for k in range(4)
  ]
  expected = np.mean([evaluate.probabilities(logits) for logits in each], 0)
  four = forward({"params": params}, images, indices, 4)
  np.testing.assert_allclose(
    evaluate.probabilities(four), expected, rtol=1e-5, atol=1e-7
  )


def test_forward_is_traced_once_whatever_the_number_of_examples():
  traces = []

  class Sum(nn.Module):
    @nn.compact
    def __call__(self, images, *, deterministic):
      traces.append((images.shape, deterministic))
      return images.sum(axis=(1, 2))

  forward = evaluate.Forward(Sum(), 1.0, 2.0, 3, sharding.data_mesh())
  images = np.arange(7, dtype=np.uint8)[:, None, None, None]
  for k in (1, 3, 4, 7):
    logits = forward({}, images, np.arange(k))
    np.testing.assert_array_equal(logits[:, 0], (np.arange(k) - 1) / 2)
  ((shape, deterministic),) = traces
  assert shape[1:] == (1, 1, 1)
  assert deterministic


def test_probabilities_by_hand():
  logits = np.log([[1.0, 2.0, 5.0], [4.0, 4.0, 8.0]]).astype("f4")
  p = evaluate.probabilities(logits)
  np.testing.assert_allclose(p, [[1 / 8, 1 / 4, 5 / 8], [0.25, 0.25, 0.5]])
  assert p.dtype == np.float64


def test_probabilities_of_extreme_logits_sum_to_1():
  logits = np.array([[1e4, -1e4, 0], [-1e30, 3, 3], [88, 89, 90]], "f4")
  p = evaluate.probabilities(logits)
  np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-12)
  np.testing.assert_allclose(p[:2], [[1, 0, 0], [0, 0.5, 0.5]])


def test_cross_entropy_by_hand():
  logits = np.log([[1.0, 2.0, 5.0], [4.0, 4.0, 8.0]]).astype("f4")
  value = evaluate.cross_entropy(logits, np.array([2, 0]))
  expected = -(np.log(5 / 8) + np.log(1 / 4)) / 2
  assert value == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_a_certain_mistake_is_its_margin():
  logits = np.array([[1e4, -1e4]], "f4")
  assert evaluate.cross_entropy(logits, np.array([1])) == 2e4


# Of a data set of 6 micrographs, 3 specimens, 2 classes.
LABELS = np.array([0, 0, 1, 1, 0, 1])
SPECIMENS = ("x", "x", "y", "y", "z", "y")


def views_of(micrograph):
  return input_pipeline.Views(
    images=np.zeros((len(micrograph), 1, 1, 1), np.uint8),
    micrograph=np.array(micrograph, np.int32),
    labels=LABELS,
    specimens=SPECIMENS,
    files=tuple("012345"),
    class_names=("a", "b"),
    skipped=(),
    unmatched=(),
    digest="",
  )


def log_of(p_of_class_1):
  p = np.array(p_of_class_1)
  return np.log(np.stack([1 - p, p], axis=-1)).astype("f4")


def scores(p_of_class_1, micrograph):
  """Of views of these micrographs, each with this probability of class b."""
  return evaluate.scores(
    log_of(p_of_class_1), views_of(micrograph), np.arange(len(micrograph))
  )


def test_a_micrographs_class_is_its_mean_probability_over_tiles():
  # Micrograph 0 (a): two tiles a little b, one surely a: a by the mean.
  # Micrograph 5 (b): all tiles b. Micrograph 4 (a): b by the mean.
  result = scores(
    [0.6, 0.6, 0.1, 0.9, 0.7, 0.8, 0.4, 0.9],
    [0, 0, 0, 5, 5, 5, 4, 4],
  )
  assert result["tile"]["confusion_matrix"] == [[2, 3], [0, 3]]
  assert result["micrograph"]["confusion_matrix"] == [[1, 1], [0, 1]]
  assert result["specimen"]["confusion_matrix"] == [[1, 1], [0, 1]]


def test_a_specimens_class_is_its_mean_probability_over_micrographs():
  # Specimen y: two micrographs a little a, one surely b: b by the mean.
  result = scores([0.1, 0.4, 0.4, 0.9, 0.7], [0, 3, 2, 5, 4])
  assert result["micrograph"]["confusion_matrix"] == [[1, 1], [2, 1]]
  assert result["specimen"]["confusion_matrix"] == [[1, 1], [0, 1]]
  assert result["specimen"]["examples"] == 3


def test_micrographs_of_a_specimen_weigh_the_same_whatever_their_tiles():
  # Three tiles of micrograph 2 say a by 0.8, one of micrograph 3 b by 0.9.
  result = scores([0.2, 0.2, 0.2, 0.9, 0.1], [2, 2, 2, 3, 0])
  assert result["specimen"]["confusion_matrix"] == [[1, 0], [0, 1]]


def test_tiles_are_a_level_only_where_a_micrograph_has_several():
  assert set(scores([0.1, 0.9], [0, 2])) == {"micrograph", "specimen"}
  assert set(scores([0.1, 0.9, 0.9], [0, 2, 2])) == {
    "tile",
    "micrograph",
    "specimen",
  }


def test_logits_are_of_the_views_chosen():
  views = views_of([0, 0, 3, 3, 4, 5])
  chosen = np.array([5, 2, 3])
  result = evaluate.scores(log_of([0.9, 0.2, 0.3]), views, chosen)
  assert result["tile"]["confusion_matrix"] == [[0, 0], [2, 1]]
  assert result["micrograph"]["confusion_matrix"] == [[0, 0], [1, 1]]
  assert result["specimen"]["confusion_matrix"] == [[0, 0], [0, 1]]
  assert result["specimen"]["per_class"]["b"]["support"] == 1


def test_intervals_are_given_where_resamples_are_asked_for():
  views = views_of([0, 2, 3, 4])
  logits = log_of([0.1, 0.9, 0.2, 0.3])
  plain = evaluate.scores(logits, views, np.arange(4))
  drawn = evaluate.scores(logits, views, np.arange(4), resamples=50)
  for level in ("micrograph", "specimen"):
    assert "interval_95" not in plain[level]
    low, high = drawn[level]["interval_95"]["accuracy"]
    assert 0 <= low <= drawn[level]["accuracy"] <= high <= 1


def test_intervals_are_over_micrographs_where_no_class_has_two_specimens():
  # Half of 4 micrographs, each of two tiles.
  views = dataclasses.replace(
    views_of([0, 0, 1, 1, 2, 2, 3, 3]), specimens=tuple("aabbab")
  )
  logits = log_of([0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1])
  drawn = evaluate.scores(logits, views, np.arange(8), resamples=50)
  assert "interval_95" not in drawn["specimen"]
  for level in ("tile", "micrograph"):
    low, high = drawn[level]["interval_95"]["accuracy"]
    assert low < drawn[level]["accuracy"] == 0.5 < high
  # Nor does one specimen of each class in a test say that there are no others.
  views = dataclasses.replace(views, specimens=tuple("aabbxb"))
  drawn = evaluate.scores(logits, views, np.arange(8), resamples=50)
  assert "interval_95" not in drawn["micrograph"]


def test_the_order_of_tiles_does_not_matter():
  p = np.array([0.6, 0.6, 0.1, 0.9, 0.7, 0.8, 0.4, 0.9])
  micrograph = np.array([0, 0, 0, 5, 5, 5, 4, 4])
  order = np.random.default_rng(0).permutation(8)
  assert scores(p, micrograph) == scores(p[order], micrograph[order])
