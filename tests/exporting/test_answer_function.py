"""One pure function has the classifier's own answers, of every network."""

import jax
import made_classifiers
import numpy as np
import pytest

from eanet_jax.exporting import answer_function, proof, stablehlo
from eanet_jax.models import inputs

SIDE_PX = made_classifiers.SIDE_PX


@pytest.mark.parametrize("name", made_classifiers.SMALL)
def test_every_network_is_one_function_of_any_number_of_images(name):
  # Their answers: tests/exporting/test_onnx_file.py.
  function = answer_function.of(made_classifiers.SMALL[name]().network)
  exported = stablehlo.exported(function, SIDE_PX)
  assert exported.platforms == ("cpu", "cuda", "tpu")
  (images,) = exported.in_avals
  outputs = dict(
    zip(exported.out_tree.node_data()[1], exported.out_avals, strict=True)
  )
  assert ("novelty" in outputs) == (name == "transfer")
  for shape in (images.shape, *(each.shape for each in outputs.values())):
    assert str(shape[0]) == "b"


@pytest.mark.parametrize("name", ["transfer", "eanet"])
def test_the_function_answers_as_the_classifier(name):
  classifier = made_classifiers.SMALL[name]()
  images = made_classifiers.views(3)
  expected = proof.expectation(classifier, images)
  made_classifiers.assert_telling(expected)
  found = jax.jit(answer_function.of(classifier.network))(images)
  made_classifiers.assert_equal(found, expected)


@pytest.mark.parametrize("count", [1, 4, 8])
def test_images_are_turned_as_the_classifier_turns_them(count):
  images = made_classifiers.views(2)
  expected = np.concatenate(list(inputs.orientations(images, count)))
  found = answer_function.turned(images, count)
  np.testing.assert_array_equal(found, expected)
