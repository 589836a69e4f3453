"""Shares of slots, dead and redundant ones, and how far memories agree."""

import jax
import numpy as np
import pytest
from made_networks import eanet

from eanet_jax import errors
from eanet_jax.explanation import memory_atlas, slot_weights
from eanet_jax.models import ensemble, inputs, vgg
from eanet_jax.runtime import sharding


def test_a_share_is_of_tokens_whose_strongest_slot_it_is():
  weights = np.array(
    [
      # Two heads of three slots, four tokens.
      [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]],
      [[0.5, 0.4, 0.1], [0.1, 0.1, 0.8]],
      [[0.1, 0.8, 0.1], [0.4, 0.4, 0.2]],  # of equals the first
      [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]],
    ]
  )[None]
  np.testing.assert_array_equal(
    memory_atlas.strongest_shares(weights),
    [[[0.75, 0.25, 0.0], [0.25, 0.25, 0.5]]],
  )


def seen_of(shares, maps=None):
  """What is seen of views of two tokens, whose shares are given."""
  shares = np.asarray(shares, np.float64)
  v, s = shares.shape
  rng = np.random.default_rng(0)
  maps = rng.random((v, 4, s), np.float32) if maps is None else maps
  return memory_atlas.Seen(
    shares, maps.max(1), maps.argmax(1).astype(np.int32), maps
  )


def test_specimens_count_alike_and_classes_are_means_of_them():
  # Specimen 0 has micrographs of 2 and 1 views, 1 to 3 have one of one view.
  shares = [1, 0, 1, 0.5, 0.25, 0]
  atlas = memory_atlas.make(
    seen_of([[share, 1 - share, 0] for share in shares]),
    micrographs=np.array([0, 0, 1, 2, 3, 4]),
    specimens=np.array([0, 0, 1, 2, 3]),
    classes=np.array([0, 0, 0, 1]),
  )
  np.testing.assert_allclose(atlas.of_specimen[:, 0], [0.75, 0.5, 0.25, 0])
  np.testing.assert_allclose(atlas.of_class, [[0.5, 0.5, 0], [0, 1, 0]])
  np.testing.assert_allclose(atlas.share, [1.5 / 4, 2.5 / 4, 0])
  # A resample of three specimens is one of them thrice often enough.
  np.testing.assert_allclose(atlas.interval[0, 0], [0.25, 0.75])
  assert np.isnan(atlas.interval[1]).all()  # one specimen
  assert np.isnan(atlas.interval_of_specimen).all()  # 2 micrographs, or 1
  # Of slot 0 about 3/8; between classes 0.5 thrice and 0.
  mean = 1.5 / 4
  between = 3 * (0.5 - mean) ** 2 + mean**2
  total = sum((share - mean) ** 2 for share in (0.75, 0.5, 0.25, 0))
  assert atlas.telling[0] == pytest.approx(between / total)
  np.testing.assert_array_equal(atlas.dead, [False, False, True])
  assert atlas.telling[2] == 0
  assert atlas.typical[2] == []


def test_a_rare_slot_is_dead_and_a_rarer_one_than_the_bound_is():
  bound = memory_atlas.DEAD_SHARE
  shares = [[1 - 3 * bound, 2 * bound, bound]] * 2
  whole = np.arange(2)
  atlas = memory_atlas.make(seen_of(shares), whole, whole, whole * 0)
  assert atlas.dead.tolist() == [False, False, True]


def test_typical_tokens_are_of_several_specimens_and_the_best_first():
  rng = np.random.default_rng(1)
  maps = rng.random((9, 4, 2), np.float32)
  maps[:5, :, 0] += 1  # all of them of specimen 0
  specimens = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2])
  atlas = memory_atlas.make(
    seen_of(np.full((9, 2), 0.5), maps),
    np.arange(9),
    specimens,
    np.zeros(3, int),
  )
  chosen = atlas.typical[0]
  assert len(chosen) == memory_atlas.TYPICAL
  views = [view for view, _ in chosen]
  assert len(set(views)) == len(views)
  assert np.bincount(specimens[views]).tolist() == [2, 2, 2]
  weights = [maps[view, token, 0] for view, token in chosen]
  assert weights == sorted(weights, reverse=True)
  assert weights[0] == maps[..., 0].max()


def test_slots_with_one_map_go_together_unless_they_are_dead():
  rng = np.random.default_rng(0)
  maps = rng.random((3, 50, 5), np.float32)
  maps[..., 3] = 0.5 * maps[..., 1] + 0.001 * rng.random((3, 50))
  maps[..., 4] = maps[..., 1]
  shares = np.tile([0.25, 0.25, 0.25, 0.25, 0.0], (3, 1))
  whole = np.arange(3)
  atlas = memory_atlas.make(seen_of(shares, maps), whole, whole, whole * 0)
  assert atlas.together == [[1, 3]]


def test_permuted_slots_are_found_again_and_shuffled_images_are_not():
  rng = np.random.default_rng(0)
  maps = rng.random((6, 40, 12))
  order = rng.permutation(12)
  other = maps[..., order]
  fitting, values = memory_atlas.match(memory_atlas.correlations(maps, other))
  np.testing.assert_array_equal(order[fitting], np.arange(12))
  np.testing.assert_allclose(values, 1)
  agreement = memory_atlas.agreement([maps, other])
  assert agreement.found == pytest.approx(1)
  assert abs(agreement.chance) < 0.3
  assert agreement.in_place == (order == np.arange(12)).mean()
  # What is the same in all images is no agreement on images.
  constant = np.broadcast_to(maps[:1], maps.shape)
  assert memory_atlas.agreement([constant, constant]).chance == pytest.approx(1)
  assert memory_atlas.agreement([maps]) is None


def test_compared_views_are_of_all_specimens():
  specimens = np.repeat([0, 1, 2], [500, 20, 40])
  views = memory_atlas.compared_views(specimens)
  assert np.bincount(specimens[views]).tolist() == [38, 20, 38]


def test_correlations_are_numpys():
  rng = np.random.default_rng(0)
  maps = rng.random((2, 30, 3))
  expected = np.corrcoef(maps.reshape(60, 3).T)
  np.testing.assert_allclose(memory_atlas.correlations(maps, maps), expected)


def made(model, side):
  images = np.zeros((1, side, side, 1), np.float32)
  init = jax.jit(model.init, static_argnames="deterministic")
  return init(jax.random.key(0), images, deterministic=True)


def test_weights_are_of_the_block_and_of_the_member_that_is_asked_for():
  model = eanet(2, patch_px=8, width=12, num_blocks=2, num_heads=2, num_slots=5)
  images = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 1), np.uint8)
  one = made(model, 24)
  two = jax.tree.map(lambda leaf: leaf * 1.5, one)
  both = {
    **ensemble.stack([dict(one), dict(two)]),
    "calibration": {"temperature": np.ones(())},
  }
  weights = slot_weights.SlotWeights(
    ensemble.Ensemble(model, 2), both, 120.0, 60.0, sharding.data_mesh(), 1
  )
  assert (weights.members, weights.block, weights.shape) == (2, 1, (2, 5))
  (found,) = weights(images, 1)
  _, sown = model.apply(
    two,
    inputs.standardise(images, 120.0, 60.0),
    deterministic=True,
    mutable=["intermediates"],
  )
  (expected,) = sown["intermediates"]["block_0"]["attention"]["slot_weights"]
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
  assert weights.memory(0) != weights.memory(1)
  with pytest.raises(errors.UserError, match="no memory in block 3, only in"):
    slot_weights.SlotWeights(model, one, 120.0, 60.0, sharding.data_mesh(), 3)


def test_a_network_without_a_memory_says_so():
  model = vgg.VGG(2, vgg.Backbone(1 / 32))
  variables = {"params": {"head": {"bias": np.zeros(2)}}}
  with pytest.raises(errors.UserError, match="no memory of external attention"):
    slot_weights.SlotWeights(
      model, variables, 120.0, 60.0, sharding.data_mesh()
    )
