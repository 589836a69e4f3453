"""Attention maps of networks: those that vary most over an image."""

import jax
import numpy as np
import pytest
from made_networks import eanet

from eanet_jax.explanation import attention_maps
from eanet_jax.models import attention, inputs, vgg
from eanet_jax.runtime import sharding


def made_images(count, side):
  images = np.random.default_rng(0).integers(0, 256, (count, side, side, 1))
  return images.astype(np.uint8)


def variables_of(model, side):
  images = np.zeros((1, side, side, 1), np.float32)
  init = jax.jit(model.init, static_argnames="deterministic")
  return init(jax.random.key(0), images, deterministic=True)


LOCAL = {"stem": "convolutions", "depthwise_size": 3, "pooling": "maps"}


@pytest.mark.parametrize("fields", [{}, LOCAL])
def test_external_attention_shows_the_slots_that_vary_most(fields):
  model = eanet(
    2, patch_px=8, width=12, num_blocks=2, num_heads=2, num_slots=5, **fields
  )
  images = made_images(3, 24)
  variables = variables_of(model, 24)
  maps, names = attention_maps.attention_maps(
    model, variables, images, 120.0, 60.0, sharding.data_mesh()
  )
  assert maps.shape == (3, 3, 3, 3)
  standardised = inputs.standardise(images, 120.0, 60.0)
  _, sown = model.apply(
    variables, standardised, deterministic=True, mutable=["intermediates"]
  )
  (whole,) = sown["intermediates"]["block_1"]["attention"]["slot_weights"]
  spread = np.asarray(whole).std(1).mean(0)  # (h, s)
  for i, name in enumerate(names):
    head, slot = (int(part.split()[1]) - 1 for part in name.split(", "))
    assert spread[head, slot] == pytest.approx(np.sort(spread.ravel())[-1 - i])
    np.testing.assert_allclose(
      maps[:, i].reshape(3, 9), whole[:, :, head, slot], rtol=1e-4, atol=1e-6
    )


def test_self_attention_shows_what_each_head_attends_to():
  model = eanet(
    2, attention_type="self", patch_px=8, width=12, num_blocks=1, num_heads=2
  )
  images = made_images(2, 32)
  maps, names = attention_maps.attention_maps(
    model,
    variables_of(model, 32),
    images,
    120.0,
    60.0,
    sharding.data_mesh(),
  )
  assert maps.shape == (2, 2, 4, 4)
  assert sorted(names) == ["head 1", "head 2"]
  np.testing.assert_allclose(maps.sum((2, 3)), 1, rtol=1e-4)


@pytest.mark.parametrize(
  "attend",
  [
    pytest.param(None, id="plain", marks=pytest.mark.slow),
    pytest.param(attention.ExternalAttention(), id="attention"),
  ],
)
def test_vgg_has_maps_only_with_attention(attend):
  model = vgg.VGG(2, vgg.Backbone(1 / 32, batch_norm=True), attend)
  images = made_images(2, 64)
  found = attention_maps.attention_maps(
    model,
    variables_of(model, 64),
    images,
    120.0,
    60.0,
    sharding.data_mesh(),
  )
  if attend is None:
    assert found is None
  else:
    assert found[0].shape == (2, 3, 2, 2)
