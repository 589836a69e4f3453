"""Weights of Keras and PyTorch files give the networks they were of."""

import os
import re

import flax.traverse_util
import h5py
import jax
import numpy as np
import pytest
from made_files import write_weights as write
from made_networks import eanet, shapes

from eanet_jax import errors
from eanet_jax.models import attention, vgg
from eanet_jax.models.pretrained import convert

STAGES = [
  f"{i}_{j}"
  for i, depth in enumerate((2, 2, 3, 3, 3), 1)
  for j in range(1, depth + 1)
]
# Of the convolutions in torchvision's vgg16, where ReLUs and pools count too,
# and in its vgg16_bn, where norms do.
PLAIN = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
NORMED = [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]
TINY = 1 / 32  # width of a VGG whose files are quick to write


def initialised(model, images):
  """(params, batch_stats) as drawn by NumPy, which compiles nothing."""
  rng = np.random.default_rng(4)
  draw = lambda leaf: rng.uniform(0.1, 1, leaf.shape).astype("f4")
  variables = jax.tree.map(draw, shapes(model, images))
  return variables["params"], variables.get("batch_stats", {})


def flat(tree):
  return flax.traverse_util.flatten_dict(tree, sep="/")


def close(actual, expected):
  scale = abs(expected).max()
  np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * scale)


def reason(file, params, batch_stats=None):
  with pytest.raises(errors.UserError) as error:
    convert.load(file, params, batch_stats or {})
  assert "\n" not in str(error.value)
  assert str(error.value).startswith(str(file))
  return str(error.value)


@pytest.fixture(scope="module")
def keras():
  os.environ["KERAS_BACKEND"] = "tensorflow"
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  import keras

  return keras


# --- VGG ---


@pytest.fixture(scope="module")
def keras_vgg(keras):
  """A VGG16 of grey levels, an image of unit spread, and its features."""
  model = keras.applications.VGG16(
    weights=None, include_top=False, input_shape=(64, 64, 3)
  )
  rng = np.random.default_rng(0)
  for i, variable in enumerate(model.trainable_variables):
    shape = variable.shape
    value = 0.2 * rng.standard_normal(shape, "f4")
    if len(shape) == 4:
      value = rng.standard_normal(shape, "f4") * (2 / 9 / shape[2]) ** 0.5
    variable.assign(value / 57.6 if i == 0 else value)
  image = rng.standard_normal((1, 64, 64, 1), "f4")
  levels = np.repeat(57.6 * image, 3, axis=-1)
  return model, image, np.asarray(model(levels))


@pytest.fixture(scope="module")
def our_vgg():
  model = vgg.VGG(3, vgg.Backbone(), attention.ExternalAttention())
  return initialised(model, (1, 64, 64, 1))


def published_layout(model, path):
  """As in vgg16_weights_tf_dim_ordering_tf_kernels.h5, with a dense layer."""
  with h5py.File(path, "w") as root:
    names = []
    for layer in model.layers:
      group = root.create_group(layer.name)
      short = [f"{layer.name}_{letter}_1:0".encode() for letter in "Wb"]
      short = short[: len(layer.weights)]
      group.attrs["weight_names"] = np.array(short, "S")
      for name, weight in zip(short, layer.get_weights(), strict=True):
        group[name.decode()] = weight
      names.append(layer.name.encode())
    group = root.create_group("fc1")
    group.attrs["weight_names"] = [b"fc1_W_1:0"]
    group["fc1_W_1:0"] = np.full((4, 4), np.nan)
    root.attrs["layer_names"] = [*names, b"fc1"]


def torch_names(model):
  """torchvision's names and orders, for images of unit spread."""
  tensors = {"classifier.0.weight": np.ones((8, 4), "f4")}
  for i, (n, layer) in enumerate(
    zip(PLAIN, [x for x in model.layers if x.weights], strict=True)
  ):
    kernel, bias = layer.get_weights()
    kernel = kernel.transpose(3, 2, 0, 1)
    tensors[f"features.{n}.weight"] = kernel * 57.6 if i == 0 else kernel
    tensors[f"features.{n}.bias"] = bias
  return tensors


@pytest.mark.parametrize(
  "name",
  ["new.weights.h5", "whole.h5", "published.HDF5", "x.safetensors", "x.npz"],
)
def test_a_grey_image_has_the_features_of_keras_vgg16(
  name, keras_vgg, our_vgg, tmp_path
):
  model, image, expected = keras_vgg
  file = tmp_path / name
  if name == "new.weights.h5":
    model.save_weights(file)
  elif name == "whole.h5":
    model.save(file)
  elif name == "published.HDF5":
    published_layout(model, file)
  else:
    write(file, torch_names(model))
  params, batch_stats = convert.load(file, *our_vgg)
  features = jax.jit(
    lambda p, i: vgg.Backbone().apply({"params": p}, i, deterministic=True)
  )(params["backbone"], image)
  close(features, expected)

  assert batch_stats == {}
  before, after = flat(our_vgg[0]), flat(params)
  assert before.keys() == after.keys()
  for path, leaf in after.items():
    if path.startswith("backbone/"):
      assert isinstance(leaf, np.ndarray) and leaf.dtype == np.float32
      assert leaf.flags.c_contiguous
    else:
      assert leaf is before[path]


def torch_vgg(tree, numbers):
  """A Flax VGG under torchvision's names."""
  params, batch_stats = tree
  tensors = {}
  for n, stage in zip(numbers, STAGES, strict=True):
    layer = params["backbone"][f"conv{stage}"]
    kernel = np.asarray(layer["kernel"]).transpose(3, 2, 0, 1)
    tensors[f"features.{n}.weight"] = kernel
    tensors[f"features.{n}.bias"] = np.asarray(layer["bias"])
    if batch_stats:
      norm = params["backbone"][f"norm{stage}"]
      stats = batch_stats["backbone"][f"norm{stage}"]
      tensors |= {
        f"features.{n + 1}.weight": np.asarray(norm["scale"]),
        f"features.{n + 1}.bias": np.asarray(norm["bias"]),
        f"features.{n + 1}.running_mean": np.asarray(stats["mean"]),
        f"features.{n + 1}.running_var": np.asarray(stats["var"]),
        f"features.{n + 1}.num_batches_tracked": np.array(7),
      }
  return tensors


def randomised(tree):
  rng = np.random.default_rng(1)
  draw = lambda leaf: rng.uniform(0.1, 1, leaf.shape).astype("f4")
  return jax.tree.map(draw, tree)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_torchvision_names_give_back_the_network(prefix, batch_norm, tmp_path):
  model = vgg.VGG(3, vgg.Backbone(TINY, batch_norm))
  blank = initialised(model, (1, 32, 32, 1))
  drawn = randomised(blank)
  drawn[0]["head"] = blank[0]["head"]
  tensors = torch_vgg(drawn, NORMED if batch_norm else PLAIN)
  tensors = {prefix + name: value for name, value in tensors.items()}
  loaded = convert.load(write(tmp_path / "x.npz", tensors), *blank)
  assert jax.tree.structure(loaded) == jax.tree.structure(drawn)
  jax.tree.map(np.testing.assert_array_equal, loaded, drawn)


def test_a_network_of_three_channels_takes_keras_blue_first(tmp_path):
  blank = initialised(vgg.VGG(3, vgg.Backbone(TINY)), (1, 32, 32, 3))
  drawn = randomised(blank)[0]["backbone"]
  tensors = {}
  for i, stage in enumerate(STAGES):
    name = f"layers/conv2d{f'_{i}' * (i > 0)}/vars"
    tensors[f"{name}/0"] = drawn[f"conv{stage}"]["kernel"]
    tensors[f"{name}/1"] = drawn[f"conv{stage}"]["bias"]
  loaded, _ = convert.load(write(tmp_path / "x.h5", tensors), *blank)
  kernel = loaded["backbone"]["conv1_1"]["kernel"]
  for ours, theirs in ((0, 2), (1, 1), (2, 0)):
    expected = 57.6 * drawn["conv1_1"]["kernel"][:, :, theirs]
    np.testing.assert_allclose(kernel[:, :, ours], expected, rtol=1e-6)
  np.testing.assert_array_equal(
    loaded["backbone"]["conv5_3"]["kernel"], drawn["conv5_3"]["kernel"]
  )


# --- EANet ---

SMALL = {"patch_px": 4, "width": 16, "num_blocks": 2, "mlp_width": 24}
SMALL |= {"num_heads": 16, "num_slots": 4}


def keras_example(keras):
  """The network of keras.io's example "EANet", up to its logits."""
  layers, ops = keras.layers, keras.ops

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
  x = keras.Sequential([layers.Normalization(), layers.RandomFlip()])(inputs)
  x = Patches()(x)
  x = layers.Reshape((16, 48))(x)
  x = PatchEmbedding(16, 16)(x)
  for _ in range(2):
    x = layers.add([attention(norm()(x), 16, 16, 16), x])
    y = layers.Dense(24, activation="gelu")(norm()(x))
    x = layers.add([layers.Dense(16)(layers.Dropout(0.2)(y)), x])
  x = layers.GlobalAveragePooling1D()(x)
  return keras.Model(inputs, layers.Dense(3)(x))


@pytest.fixture(scope="module")
def keras_eanet(keras):
  """The example, images, and their logits."""
  model = keras_example(keras)
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


@pytest.fixture(scope="module")
def tiny_vgg():
  return initialised(vgg.VGG(3, vgg.Backbone(TINY)), (1, 32, 32, 1))


def without(name):
  return lambda tensors: tensors.pop(name)


def put(name, value):
  return lambda tensors: tensors.update({name: np.asarray(value)})


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (without("features.28.weight"), "has 12 convolutions .* VGG16 13"),
    (put("features.30.weight", np.ones((16, 16, 3, 3))), "14 convolutions"),
    (without("features.0.bias"), "no weights for backbone/conv1_1/bias"),
    (put("features.5.bias", [np.nan] * 4), "not finite in features.5.bias"),
    (put("features.5.bias", [1e300] * 4), "not finite in features.5.bias"),
    (
      put("features.5.weight", np.ones((128, 64, 3, 3))),
      r"conv2_1/kernel of shape \(3, 3, 64, 128\), the network \(3, 3, 2, 4\)"
      ".*--config.model.width_multiplier=1",
    ),
    (put("features.1.weight", np.ones(2)), "13 convolutions and 1 norms"),
    (put("batch_normalization/vars/0", np.ones(2)), "norms of Keras"),
    (put("features.0.gain", np.ones(2)), "conv1_1/gain, which the network"),
  ],
)
def test_a_file_of_another_vgg_is_refused(change, message, tiny_vgg, tmp_path):
  tensors = torch_vgg(tiny_vgg, PLAIN)
  change(tensors)
  file = write(tmp_path / "x.npz", tensors)
  assert re.search(message, reason(file, *tiny_vgg))


@pytest.mark.parametrize("in_file", [False, True])
def test_batch_norm_on_one_side_names_the_field(in_file, tiny_vgg, tmp_path):
  normed = vgg.VGG(3, vgg.Backbone(TINY, batch_norm=True))
  normed = initialised(normed, (1, 32, 32, 1))
  source, target, numbers = tiny_vgg, normed, PLAIN
  if in_file:
    source, target, numbers = normed, tiny_vgg, NORMED
  file = write(tmp_path / "x.npz", torch_vgg(source, numbers))
  field = f"--config.model.batch_norm={in_file}"
  assert field in reason(file, *target)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (
      put("cls_token", np.ones((1, 1, 16))),
      "class token .* mean of its tokens",
    ),
    (put("norm.weight", np.ones(16)), "norm behind the last block"),
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
  assert "norm behind the last block" in reason(file, *our_eanet)


def test_self_attention_has_no_place_for_two_memories(
  keras_eanet, our_eanet, tmp_path
):
  params = jax.tree.map(lambda leaf: leaf, our_eanet[0])
  for block in ("block_0", "block_1"):
    params[block]["attention"] = {"query": {"kernel": np.ones((16, 16))}}
  file = write(tmp_path / "x.npz", torch_eanet(keras_eanet[0]))
  assert "only external attention with two memories" in reason(file, params)


def test_a_vgg_file_is_no_eanet_and_the_other_way_round(
  keras_eanet, our_eanet, tiny_vgg, tmp_path
):
  file = write(tmp_path / "vgg.npz", torch_vgg(tiny_vgg, PLAIN))
  assert "has 0 blocks under known names" in reason(file, *our_eanet)
  file = write(tmp_path / "eanet.npz", torch_eanet(keras_eanet[0]))
  assert "has 0 convolutions" in reason(file, *tiny_vgg)
