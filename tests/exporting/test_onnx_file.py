"""ONNX answers as the classifier, by its runtime, for any number of images."""

import collections

import jax
import jax.numpy as jnp
import made_classifiers
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from conftest import eanet  # noqa: E402

from eanet_jax import errors  # noqa: E402
from eanet_jax.exporting import (  # noqa: E402
  answer_function,
  onnx_file,
  proof,
)


def answered(model, images):
  session = onnxruntime.InferenceSession(
    model.SerializeToString(), providers=["CPUExecutionProvider"]
  )
  names = [each.name for each in session.get_outputs()]
  return dict(zip(names, session.run(names, {"images": images}), strict=True))


def operators(model):
  return collections.Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("name", made_classifiers.SMALL)
def test_the_file_answers_as_the_classifier_for_any_number(name):
  classifier = made_classifiers.SMALL[name]()
  images = made_classifiers.views(3)
  function = answer_function.of(classifier.network)
  jax.jit(function).trace(images)  # what is kept of it is not taken here
  model = onnx_file.convert(function, made_classifiers.SIDE_PX)
  expected = proof.expectation(classifier, images)
  made_classifiers.assert_telling(expected)
  made_classifiers.assert_equal(answered(model, images), expected)
  one = {output: array[1:2] for output, array in expected.items()}
  made_classifiers.assert_equal(answered(model, images[1:2]), one)
  counts = operators(model)
  if name == "transfer":  # the trunk's, each a true convolution
    assert counts["Conv"] == 1 + 16 + 15 + 16
    assert counts["Clip"] == 1 + 16 + 15
  if name == "eanet_best":  # of the stem, and one by depth
    assert counts["Conv"] == 4 + 1


def test_operations_by_hand():
  weights = np.arange(24, dtype="f4").reshape(2, 3, 4) / 10

  def function(images):
    x = images.squeeze(-1).astype(jnp.float32)  # (b, 4, 4)
    head = jnp.einsum("bij,hkj->bhik", x, weights)
    mixed = jnp.einsum("bhik,bhjk->bhij", head, head)
    wide = jnp.broadcast_to(mixed.max(axis=-1, keepdims=True), mixed.shape)
    return {
      "products": mixed,
      "swapped": jnp.einsum("hkj,bij->hkbi", weights, x),
      "repeated": jnp.concatenate([wide, mixed], axis=1),
      "parts": jax.lax.slice_in_dim(x, 1, 4, 2, axis=1),
      "clipped": jnp.clip(x, 0, 6) + jax.nn.relu(x - 9) ** 3,
      "turned": jnp.rot90(images, 3, (1, 2)),
    }

  rng = np.random.default_rng(0)
  images = rng.integers(0, 20, (2, 4, 4, 1)).astype(np.uint8)
  found = answered(onnx_file.convert(function, 4), images)
  for name, expected in function(jnp.asarray(images)).items():
    assert found[name].dtype == expected.dtype
    np.testing.assert_allclose(found[name], expected, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(
  ("operation", "why"),
  [
    (lambda x: jnp.sort(x, axis=1), "sort"),
    (lambda x: x.astype(jnp.bfloat16), "bfloat16"),
  ],
)
def test_what_onnx_lacks_is_said_in_a_line(operation, why, tmp_path):
  out = tmp_path / "network.onnx"
  with pytest.raises(errors.UserError, match=f"{why}.*: take --format=stable"):
    onnx_file.write(lambda images: {"x": operation(images)}, 4, {}, out)
  assert not out.exists()


def test_the_command_writes_a_file_with_the_class_names(trained, tmp_path):
  out = tmp_path / "steel.onnx"
  done = eanet("export", trained, "--format=onnx", "--out", out)
  assert done.returncode == 0, done.stderr
  assert "all labels equal" in done.stdout
  said = {each.key: each.value for each in onnx.load(out).metadata_props}
  assert said["class_names"] == '["CPJ", "HR", "P92"]'


def test_a_missing_package_is_named(trained, tmp_path, monkeypatch):
  from importlib import util

  find = util.find_spec
  monkeypatch.setattr(
    util, "find_spec", lambda name: None if "onnx" in name else find(name)
  )
  out = tmp_path / "steel.onnx"
  done = eanet("export", trained, "--format=onnx", "--out", out)
  assert done.returncode == 2
  assert "pip install onnx onnxruntime" in done.stderr
  assert list(tmp_path.iterdir()) == []
