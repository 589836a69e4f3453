"""Weights of networks, drawn by NumPy, and what becomes of files of them."""

import os

import flax.traverse_util
import jax
import numpy as np
import pytest
from made_networks import shapes

from eanet_jax import errors
from eanet_jax.models.pretrained import convert


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
  """What a file is refused with, in one line that names it."""
  with pytest.raises(errors.UserError) as error:
    convert.load(file, params, batch_stats or {})
  assert "\n" not in str(error.value)
  assert str(error.value).startswith(str(file))
  return str(error.value)


def without(name):
  """Takes a tensor out of {name: tensor}."""
  return lambda tensors: tensors.pop(name)


def put(name, value):
  """Puts a tensor into {name: tensor}."""
  return lambda tensors: tensors.update({name: np.asarray(value)})


def keras():
  """Keras over TensorFlow, imported by the tests that need it only."""
  os.environ["KERAS_BACKEND"] = "tensorflow"
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  import keras

  return keras
