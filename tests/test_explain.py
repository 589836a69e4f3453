"""Examples chosen by hand-made probabilities; attention maps of networks."""

import jax
import numpy as np
import pytest

from eanet_jax import augment, explain, sharding
from eanet_jax.data import input_pipeline
from eanet_jax.models import eanet, vgg


def made_views(micrograph, labels, side=8):
  v = len(micrograph)
  images = np.random.default_rng(0).integers(0, 256, (v, side, side, 1))
  return input_pipeline.Views(
    images=images.astype(np.uint8),
    micrograph=np.asarray(micrograph, np.int32),
    labels=np.asarray(labels, np.int32),
    specimens=tuple(f"s{i}" for i in range(len(labels))),
    files=tuple(f"f{i}" for i in range(len(labels))),
    class_names=("a", "b"),
    skipped=(),
    unmatched=(),
    digest="",
  )


def logits(p):
  p = np.asarray(p)
  return np.log(np.stack([1 - p, p], -1)).astype(np.float32)


def test_mistakes_surest_first_and_the_least_sure():
  views = made_views(range(6), [0, 0, 0, 1, 1, 1])
  of_b = logits([0.1, 0.7, 0.95, 0.45, 0.9, 0.02])
  found = explain.choose(of_b, views, np.arange(6))
  assert [e["file"] for e in found["mistakes"]] == ["f5", "f2", "f1", "f3"]
  assert [e["file"] for e in found["uncertain"]][:2] == ["f3", "f1"]
  assert [e["file"] for e in found["telling"]] == ["f0", "f2", "f4", "f5"]
  worst = found["mistakes"][0]
  assert worst == {
    "view": 5,
    "file": "f5",
    "specimen": "s5",
    "true": "b",
    "predicted": "a",
    "probability": pytest.approx(0.98),
  }


def test_the_view_shown_of_a_micrograph_speaks_for_its_class():
  views = made_views([0, 0, 0, 1, 1, 1], [0, 1])
  of_b = logits([0.6, 0.9, 0.2, 0.5, 0.5, 0.1])  # means 0.57, 0.37
  chosen = np.arange(6)
  found = explain.choose(of_b, views, chosen)
  by_file = {e["file"]: e for e in found["mistakes"]}
  assert by_file["f0"]["view"] == 1
  assert by_file["f1"]["view"] == 5


def variables_of(model, side):
  images = np.zeros((1, side, side, 1), np.float32)
  init = jax.jit(model.init, static_argnames="deterministic")
  return init(jax.random.key(0), images, deterministic=True)


LOCAL = {"stem": "convolutions", "depthwise_size": 3, "pooling": "maps"}


@pytest.mark.parametrize("fields", [{}, LOCAL])
def test_external_attention_shows_the_slots_that_vary_most(fields):
  model = eanet.EANet(
    2, patch_px=8, width=12, num_blocks=2, num_heads=2, num_slots=5, **fields
  )
  views = made_views(range(3), [0, 1, 0], side=24)
  variables = variables_of(model, 24)
  maps, names = explain.attention_maps(
    model, variables, views.images, 120.0, 60.0, sharding.data_mesh()
  )
  assert maps.shape == (3, 3, 3, 3)
  images = augment.standardise(views.images, 120.0, 60.0)
  _, sown = model.apply(
    variables, images, deterministic=True, mutable=["intermediates"]
  )
  (whole,) = sown["intermediates"]["block_1"]["attention"]["attention"]
  spread = np.asarray(whole).std(1).mean(0)  # (h, s)
  for i, name in enumerate(names):
    head, slot = (int(part.split()[1]) - 1 for part in name.split(", "))
    assert spread[head, slot] == pytest.approx(np.sort(spread.ravel())[-1 - i])
    np.testing.assert_allclose(
      maps[:, i].reshape(3, 9), whole[:, :, head, slot], rtol=1e-4, atol=1e-6
    )


def test_self_attention_shows_what_each_head_attends_to():
  model = eanet.EANet(
    2, attention_type="self", patch_px=8, width=12, num_blocks=1, num_heads=2
  )
  views = made_views(range(2), [0, 1], side=32)
  maps, names = explain.attention_maps(
    model,
    variables_of(model, 32),
    views.images,
    120.0,
    60.0,
    sharding.data_mesh(),
  )
  assert maps.shape == (2, 2, 4, 4)
  assert sorted(names) == ["head 1", "head 2"]
  np.testing.assert_allclose(maps.sum((2, 3)), 1, rtol=1e-4)


@pytest.mark.parametrize("attention_type", ["none", "external"])
def test_vgg_has_maps_only_with_attention(attention_type):
  model = vgg.VGG(
    2, width_multiplier=1 / 32, attention_type=attention_type, batch_norm=True
  )
  views = made_views(range(2), [0, 1], side=64)
  found = explain.attention_maps(
    model,
    variables_of(model, 64),
    views.images,
    120.0,
    60.0,
    sharding.data_mesh(),
  )
  if attention_type == "none":
    assert found is None
  else:
    assert found[0].shape == (2, 3, 2, 2)


def test_thumbnails_are_small_square_means():
  images = np.zeros((2, 320, 320, 1), np.uint8)
  images[1, ::2] = 200
  small = explain.thumbnails(images)
  assert small.shape == (2, 160, 160)
  assert (small[0] == 0).all()
  assert (small[1] == 100).all()
  assert explain.thumbnails(images[:, :64, :64]).shape == (2, 64, 64)
