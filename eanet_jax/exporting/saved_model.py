"""SavedModel, for TensorFlow and TensorFlow Serving.

Takes the function of a network, gives a folder whose signature takes any number
of images. It holds the same StableHLO as `stablehlo`, in an operation that
TensorFlow compiles: TensorFlow itself knows no layer of it.
"""

import pathlib
from collections.abc import Sequence

import tensorflow as tf
from jax.experimental import jax2tf

from eanet_jax.exporting import answer_function, stablehlo


def write(
  function: answer_function.AnswerFunction,
  side_px: int,
  class_names: Sequence[str],
  path: pathlib.Path,
) -> None:
  """Writes a folder; its attribute `class_names` has those of the outputs."""
  # It only writes here; JAX may be using an accelerator.
  tf.config.set_visible_devices([], "GPU")
  converted = jax2tf.convert(
    function,
    polymorphic_shapes=["b, ..."],
    with_gradient=False,
    native_serialization_platforms=stablehlo.PLATFORMS,
  )
  images = tf.TensorSpec((None, side_px, side_px, 1), tf.uint8, name="images")
  module = tf.Module()
  module.answers = tf.function(
    converted, input_signature=[images], autograph=False
  )
  module.class_names = tf.Variable(list(class_names), trainable=False)
  tf.saved_model.save(module, str(path), signatures=module.answers)
