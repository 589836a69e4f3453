"""VGG against a float64 network of scipy's correlations."""

import re

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_networks import by_path, shapes
from reference import vgg as reference
from reference.vgg import STAGES

from eanet_jax.models import attention, vgg

CHANNELS = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]


def shapes_of(model, images):
  """{path: shape} of the variables."""
  flat = flax.traverse_util.flatten_dict(shapes(model, images), sep="/")
  assert {leaf.dtype for leaf in flat.values()} == {jnp.dtype("float32")}
  return {path: leaf.shape for path, leaf in flat.items()}


def draw(model, images, seed=0):
  """Variables with biases and norms off 0 and 1, and images."""
  rng = np.random.default_rng(seed)
  flat = {}
  for path, shape in shapes_of(model, images).items():
    value = 0.2 * rng.normal(size=shape)
    if path.endswith("kernel"):
      value = rng.normal(size=shape) * (2 / np.prod(shape[:-1])) ** 0.5
    elif path.endswith(("scale", "var")):
      value = np.exp(value)
    elif "memory" in path:
      value = 5 * value
    flat[path] = value.astype("f4")
  variables = flax.traverse_util.unflatten_dict(flat, sep="/")
  return variables, rng.normal(size=images).astype("f4")


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("size", [(2, 32, 32, 1), (1, 37, 70, 3)])
def test_logits_equal_the_numpy_network(size, batch_norm):
  model = vgg.VGG(3, vgg.Backbone(1 / 32, batch_norm))
  variables, images = draw(model, size)
  logits = jax.jit(lambda v, i: model.apply(v, i, deterministic=True))(
    variables, images
  )
  params = by_path(variables["params"]["backbone"])
  stats = by_path(variables["batch_stats"]["backbone"]) if batch_norm else {}
  maps = np.stack([reference.features(params, stats, i) for i in images])
  assert maps.shape == (size[0], size[1] // 32, size[2] // 32, 16)
  head = variables["params"]["head"]
  expected = maps.mean(axis=(1, 2)) @ head["kernel"] + head["bias"]
  assert logits.dtype == jnp.float32
  scale = abs(expected).max()
  np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5 * scale)


def test_backbone_alone_gives_the_feature_map():
  backbone = vgg.Backbone(1 / 32)
  variables, images = draw(vgg.VGG(3, backbone), (1, 64, 32, 1))
  params = variables["params"]["backbone"]
  maps = jax.jit(lambda p, i: backbone.apply(p, i, deterministic=True))(
    {"params": params}, images
  )
  expected = reference.features(by_path(params), {}, images[0])
  scale = abs(expected).max()
  np.testing.assert_allclose(maps[0], expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(
  ("channels", "count"), [(3, 14_714_688), (1, 14_714_688 - 64 * 9 * 2)]
)
def test_the_backbone_has_vgg16s_convolutions(channels, count):
  shapes = shapes_of(vgg.VGG(5, vgg.Backbone()), (1, 32, 32, channels))
  expected = {"params/head/kernel": (512, 5), "params/head/bias": (5,)}
  for stage, c, d in zip(
    STAGES, [channels, *CHANNELS[:-1]], CHANNELS, strict=True
  ):
    expected[f"params/backbone/conv{stage}/kernel"] = (3, 3, c, d)
    expected[f"params/backbone/conv{stage}/bias"] = (d,)
  assert shapes == expected
  backbone = [shapes[path] for path in shapes if "backbone" in path]
  assert sum(int(np.prod(shape)) for shape in backbone) == count


def test_batch_norm_adds_four_vectors_to_a_convolution():
  plain = shapes_of(vgg.VGG(5, vgg.Backbone()), (1, 32, 32, 1))
  normed = shapes_of(vgg.VGG(5, vgg.Backbone(batch_norm=True)), (1, 32, 32, 1))
  added = {}
  for stage, d in zip(STAGES, CHANNELS, strict=True):
    for leaf in ("params/{}/scale", "params/{}/bias"):
      added[leaf.format(f"backbone/norm{stage}")] = (d,)
    for leaf in ("batch_stats/{}/mean", "batch_stats/{}/var"):
      added[leaf.format(f"backbone/norm{stage}")] = (d,)
  assert normed == plain | added


def test_attention_adds_a_norm_and_two_memories():
  plain = shapes_of(vgg.VGG(5, vgg.Backbone()), (1, 32, 32, 1))
  model = vgg.VGG(5, vgg.Backbone(), attention.ExternalAttention(3, 7))
  assert shapes_of(model, (1, 32, 32, 1)) == plain | {
    "params/attention_norm/scale": (512,),
    "params/attention/memory_key": (3, 7, 512),
    "params/attention/memory_value": (3, 7, 512),
    "params/attention/bias": (512,),
  }


def test_width_multiplier_rounds_and_keeps_a_channel():
  shapes = shapes_of(vgg.VGG(5, vgg.Backbone(1 / 200)), (1, 32, 32, 1))
  assert shapes["params/backbone/conv1_1/kernel"] == (3, 3, 1, 1)
  assert shapes["params/backbone/conv3_1/kernel"] == (3, 3, 1, 1)
  assert shapes["params/backbone/conv5_3/kernel"] == (3, 3, 3, 3)


@pytest.mark.parametrize("b", [1, 3, 5])
@pytest.mark.parametrize(
  "attend", [None, attention.ExternalAttention()], ids=["plain", "attention"]
)
def test_each_image_has_logits_of_its_own(b, attend):
  model = vgg.VGG(4, vgg.Backbone(1 / 32), attend)
  variables, images = draw(model, (b, 64, 96, 1))
  apply = jax.jit(lambda v, i: model.apply(v, i, deterministic=True))
  logits = apply(variables, images)
  assert logits.shape == (b, 4)
  alone = apply(variables, images[-1:])
  np.testing.assert_allclose(logits[-1:], alone, rtol=1e-4, atol=1e-5)


def test_running_averages_move_in_training_alone():
  model = vgg.VGG(3, vgg.Backbone(1 / 32, batch_norm=True), dropout_rate=0)
  variables, images = draw(model, (3, 32, 32, 1))
  run = lambda deterministic: jax.jit(
    lambda v, i: model.apply(
      v,
      i,
      deterministic=deterministic,
      mutable=["batch_stats"],
      rngs={"dropout": jax.random.key(0)},
    )
  )(variables, images)
  _, still = run(True)
  _, moved = run(False)
  before = flax.traverse_util.flatten_dict(variables["batch_stats"], sep="/")
  still = flax.traverse_util.flatten_dict(still["batch_stats"], sep="/")
  moved = flax.traverse_util.flatten_dict(moved["batch_stats"], sep="/")
  for path, value in before.items():
    np.testing.assert_array_equal(still[path], value)
    assert (np.asarray(moved[path]) != value).all(), path
  layer = variables["params"]["backbone"]["conv1_1"]
  maps = np.stack(
    [
      reference.correlations(i, layer["kernel"].astype("f8"), layer["bias"])
      for i in images
    ]
  )
  for leaf, batch in (
    ("mean", maps.mean(axis=(0, 1, 2))),
    ("var", maps.var(axis=(0, 1, 2))),
  ):
    path = f"backbone/norm1_1/{leaf}"
    expected = 0.9 * before[path] + 0.1 * batch
    np.testing.assert_allclose(moved[path], expected, rtol=1e-4, atol=1e-5)


def test_attention_is_a_residual_of_weights_that_sum_to_one():
  backbone = vgg.Backbone(1 / 8)
  model = vgg.VGG(3, backbone, attention.ExternalAttention(3, 5))
  variables, images = draw(model, (2, 64, 96, 1))
  logits, seen = jax.jit(
    lambda v, i: model.apply(
      v, i, deterministic=True, mutable=["intermediates"]
    )
  )(variables, images)
  (weights,) = seen["intermediates"]["attention"][attention.SLOT_WEIGHTS]
  assert weights.shape == (2, 6, 3, 5)
  np.testing.assert_allclose(weights.sum(axis=3), 1, rtol=1e-5)

  params = variables["params"]
  maps = backbone.apply(
    {"params": params["backbone"]}, images, deterministic=True
  )
  tokens = np.asarray(maps, "f8").reshape(2, 6, 64)
  tokens = tokens + params["attention"]["bias"]
  tokens += np.einsum(
    "bnhs,hsd->bnd", weights, params["attention"]["memory_value"]
  )
  expected = tokens.mean(axis=1) @ params["head"]["kernel"]
  expected += params["head"]["bias"]
  np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_dropout_changes_the_logits_by_its_key():
  model = vgg.VGG(3, vgg.Backbone(1 / 8), attention.ExternalAttention())
  variables, images = draw(model, (2, 32, 32, 1))
  run = jax.jit(
    lambda seed: model.apply(
      variables,
      images,
      deterministic=False,
      rngs={"dropout": jax.random.key(seed)},
    )
  )
  np.testing.assert_array_equal(run(0), run(0))
  assert (run(0) != run(1)).any()


def test_bfloat16_logits_are_float32_and_close_to_float32s():
  backbone = vgg.Backbone(1 / 8, batch_norm=True)
  model = vgg.VGG(3, backbone)
  variables, images = draw(model, (2, 64, 64, 1))
  apply = lambda model: jax.jit(
    lambda v, i: model.apply(v, i, deterministic=True)
  )(variables, images)
  rounding = backbone.copy(dtype=jnp.bfloat16)
  exact, rounded = apply(model), apply(model.copy(backbone=rounding))
  assert rounded.dtype == jnp.float32
  scale = abs(np.asarray(exact)).max()
  np.testing.assert_allclose(rounded, exact, atol=5e-2 * scale, rtol=0)
  assert (np.asarray(rounded) != np.asarray(exact)).any()


@pytest.mark.parametrize("side", [(31, 64), (64, 16)])
def test_an_image_too_small_for_five_halvings_is_refused(side):
  message = re.escape(f"{side[0]} x {side[1]} px") + ".* 32 px"
  with pytest.raises(ValueError, match=message):
    shapes_of(vgg.VGG(3, vgg.Backbone()), (1, *side, 1))
