"""Weights of VGG16 files of Keras and PyTorch give the network they were of."""

import re

import h5py
import jax
import numpy as np
import pytest
from made_files import write_weights as write
from made_networks import eanet
from made_weights import close, flat, initialised, keras, put, reason, without

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


@pytest.fixture(scope="module")
def keras_vgg():
  """A VGG16 of grey levels, an image of unit spread, and its features."""
  model = keras().applications.VGG16(
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


# --- What does not fit ---


@pytest.fixture(scope="module")
def tiny_vgg():
  return initialised(vgg.VGG(3, vgg.Backbone(TINY)), (1, 32, 32, 1))


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


def test_a_vgg_file_is_no_eanet(tiny_vgg, tmp_path):
  file = write(tmp_path / "vgg.npz", torch_vgg(tiny_vgg, PLAIN))
  params, _ = initialised(eanet(num_blocks=2), (1, 32, 32, 1))
  assert "has 0 blocks under known names" in reason(file, params)
