"""Weights of EANet files of Keras and PyTorch give the network they were of."""

import re

import h5py
import jax
import numpy as np
import pytest
from made_files import write_weights as write
from made_networks import eanet
from made_weights import close, flat, initialised, keras, put, reason, without

from eanet_jax.models import vgg
from eanet_jax.models.pretrained import convert

SMALL = {"patch_px": 4, "width": 16, "num_blocks": 2, "mlp_width": 24}
SMALL |= {"num_heads": 16, "num_slots": 4}


def keras_example():
  """The network of keras.io's example "EANet", up to its logits."""
  api = keras()
  layers, ops = api.layers, api.ops

  class PatchEmbedding(layers.Layer):
    def __init__(self, num_patches, width):
      super().__init__()
      self.num_patches = num_patches
      self.proj = layers.Dense(width)
      self.pos_embed = layers.Embedding(num_patches, width)

    def call(self, patches):
      positions = self.pos_embed(ops.arange(self.num_patches))
      return self.proj(patches) + positions

  # In place of the example's lambdas, which `save` cannot pickle here.
  class Patches(layers.Layer):
    def call(self, images):
      return ops.image.extract_patches(images, 4)

  class SlotNorm(layers.Layer):
    def call(self, a):
      return a / (1e-9 + ops.sum(a, axis=-1, keepdims=True))

  def attention(x, width, heads, n):
    x = layers.Dense(4 * width)(x)
    x = layers.Reshape((n, heads, 4 * width // heads))(x)
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Dense(width // 4)(x)
    x = layers.Softmax(axis=2)(x)
    x = SlotNorm()(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(4 * width // heads)(x)
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Reshape((n, 4 * width))(x)
    return layers.Dense(width)(x)

  norm = lambda: layers.LayerNormalization(epsilon=1e-5)
  inputs = layers.Input((16, 16, 3))
  x = api.Sequential([layers.Normalization(), layers.RandomFlip()])(inputs)
  x = Patches()(x)
  x = layers.Reshape((16, 48))(x)
  x = PatchEmbedding(16, 16)(x)
  for _ in range(2):
    x = layers.add([attention(norm()(x), 16, 16, 16), x])
    y = layers.Dense(24, activation="gelu")(norm()(x))
    x = layers.add([layers.Dense(16)(layers.Dropout(0.2)(y)), x])
  x = layers.GlobalAveragePooling1D()(x)
  return api.Model(inputs, layers.Dense(3)(x))


@pytest.fixture(scope="module")
def keras_eanet():
  """The example, images, and their logits."""
  model = keras_example()
  rng = np.random.default_rng(2)
  for variable in model.trainable_variables:
    shape = variable.shape
    value = 0.3 * rng.normal(size=shape)
    if len(shape) == 2:
      value = 2 * rng.normal(size=shape) / shape[0] ** 0.5
    variable.assign(value + (variable.name == "gamma"))
  images = rng.normal(size=(3, 16, 16, 1)).astype("f4")
  logits = model(np.repeat(images, 3, axis=-1), training=False)
  return model, images, np.asarray(logits)


@pytest.fixture(scope="module")
def our_eanet():
  return initialised(eanet(**SMALL), (1, 16, 16, 1))


def torch_eanet(model):
  """The example's weights under PyTorch's names and orders."""
  weights = [
    v.numpy() for v in model.trainable_variables if v.name != "embeddings"
  ]
  (position,) = [
    v.numpy() for v in model.trainable_variables if v.name == "embeddings"
  ]
  kernel = weights[0].reshape(4, 4, 3, 16).transpose(3, 2, 0, 1)
  tensors = {"patch_embed.proj.weight": kernel, "pos_embed": position[None]}
  names = ["norm1", "attn.trans_dims", "attn.linear_0", "attn.linear_1"]
  names += ["attn.proj", "norm2", "mlp.fc1", "mlp.fc2"]
  names = [f"blocks.{i}.{name}" for i in range(2) for name in names]
  names = ["patch_embed.proj", *names, "head"]
  for name, weight, bias in zip(
    names, weights[::2], weights[1::2], strict=True
  ):
    tensors.setdefault(f"{name}.weight", weight.T)
    tensors[f"{name}.bias"] = bias
  return tensors


@pytest.mark.parametrize(
  "name", ["new.weights.h5", "whole.h5", "x.npz", "x.safetensors"]
)
def test_a_grey_image_has_the_logits_of_the_keras_example(
  name, keras_eanet, our_eanet, tmp_path
):
  model, images, expected = keras_eanet
  file = tmp_path / name
  if name == "new.weights.h5":
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save_weights(file)
  elif name == "whole.h5":
    model.save(file)
  else:
    write(file, torch_eanet(model))
  params, batch_stats = convert.load(file, *our_eanet)
  assert batch_stats == {}
  for path, leaf in flat(params).items():
    assert leaf is not flat(our_eanet[0])[path]
    assert leaf.dtype == np.float32 and leaf.flags.c_contiguous
  logits = eanet(**SMALL).apply({"params": params}, images, deterministic=True)
  close(logits, expected)


def test_a_head_of_other_classes_stays_as_initialised(keras_eanet, tmp_path):
  params, _ = initialised(eanet(5, **SMALL), (1, 16, 16, 1))
  file = write(tmp_path / "x.npz", torch_eanet(keras_eanet[0]))
  loaded, _ = convert.load(file, params, {})
  assert loaded["head"] is not params["head"]
  assert loaded["head"]["kernel"] is params["head"]["kernel"]
  assert loaded["head"]["bias"] is params["head"]["bias"]


def test_nothing_given_is_changed(keras_eanet, our_eanet, tmp_path):
  before = jax.tree.map(np.array, our_eanet[0])
  file = write(tmp_path / "x.npz", torch_eanet(keras_eanet[0]))
  convert.load(file, *our_eanet)
  jax.tree.map(np.testing.assert_array_equal, our_eanet[0], before)


# --- What does not fit ---


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (
      put("cls_token", np.ones((1, 1, 16))),
      "class token .* mean of its tokens",
    ),
    (put("norm.weight", np.ones(16)), "norm after the last block"),
    (put("blocks.2.norm1.weight", np.ones(16)), "has 3 blocks .* network 2"),
    (without("pos_embed"), "no weights for position_embedding"),
    (without("patch_embed.proj.weight"), "no weights for embedding/kernel"),
    (without("blocks.1.norm1.weight"), "for block_1/attention_norm/scale"),
    (without("blocks.1.attn.proj.bias"), "no attn.proj.bias of block_1"),
    (
      put("blocks.0.attn.qkv.weight", np.ones((48, 16))),
      "blocks.0.attn.qkv.weight, which this network has no place for",
    ),
    (put("attn.proj.weight", np.ones((2, 2))), "has no place for"),
    (put("blocks.0.attn.proj.weight", np.ones((16, 60))), r"\(60, 16\)"),
    (put("blocks.0.attn.linear_0.weight", np.ones(4)), "external attention"),
    (
      put("pos_embed", np.ones((1, 9, 16))),
      r"\(9, 16\), the network \(16, 16\)",
    ),
    (put("blocks.1.mlp.fc1.bias", np.ones(9)), "block_1/mlp_in/bias"),
    (put("head.bias", [np.inf] * 3), "not finite in head.bias"),
  ],
)
def test_a_file_of_another_eanet_is_refused(
  change, message, keras_eanet, our_eanet, tmp_path
):
  tensors = torch_eanet(keras_eanet[0])
  change(tensors)
  file = write(tmp_path / "x.npz", tensors)
  assert re.search(message, reason(file, *our_eanet))


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    (
      {"num_blocks": 3},
      "13 dense layers and 4 layer norms, 3 blocks .* 19 and 6",
    ),
    (
      {"num_heads": 8},
      "16 heads of 4 slots in block_0, the network 8 of 4"
      ".*num_heads=16 and num_slots=4",
    ),
    ({"num_slots": 5}, "16 heads of 4 slots in block_0, the network 16 of 5"),
    ({"mlp_width": 9}, r"mlp_in/bias of shape \(24,\), the network \(9,\)"),
    ({"patch_px": 8}, r"embedding/kernel of shape \(48, 16\)"),
  ],
)
def test_a_keras_file_of_other_sizes_is_refused(
  fields, message, keras_eanet, tmp_path
):
  model = eanet(**{**SMALL, **fields})
  keras_eanet[0].save_weights(tmp_path / "x.weights.h5")
  params, _ = initialised(model, (1, 16, 16, 1))
  assert re.search(message, reason(tmp_path / "x.weights.h5", params))


def test_a_keras_file_with_a_final_norm_is_refused(
  keras_eanet, our_eanet, tmp_path
):
  file = tmp_path / "x.weights.h5"
  keras_eanet[0].save_weights(file)
  with h5py.File(file, "a") as root:
    root["layers/layer_normalization_4/vars/0"] = np.ones(16)
  assert "norm after the last block" in reason(file, *our_eanet)


def test_self_attention_has_no_place_for_two_memories(
  keras_eanet, our_eanet, tmp_path
):
  params = jax.tree.map(lambda leaf: leaf, our_eanet[0])
  for block in ("block_0", "block_1"):
    params[block]["attention"] = {"query": {"kernel": np.ones((16, 16))}}
  file = write(tmp_path / "x.npz", torch_eanet(keras_eanet[0]))
  assert "only external attention with two memories" in reason(file, params)


def test_an_eanet_file_is_no_vgg(keras_eanet, tmp_path):
  file = write(tmp_path / "eanet.npz", torch_eanet(keras_eanet[0]))
  network = vgg.VGG(3, vgg.Backbone(1 / 32))
  tiny_vgg = initialised(network, (1, 32, 32, 1))
  assert "has 0 convolutions" in reason(file, *tiny_vgg)
