"""EANet of stock Keras 3 layers, to run against.

Two networks: that of the Keras example (the paper's), and the same with a
convolutional stem, depthwise convolutions and all maps pooled (the recommended
one of those that start from nothing). Both have the example's projections
before and after the memories.
"""

import os
from collections.abc import Callable

from contestants import workload

# As configs/eanet.py has them; heads and slots as the Keras example counts.
_PATCH_PX, _WIDTH, _HEADS, _COEFFICIENT, _MLP_WIDTH = 16, 64, 4, 4, 64


def network(image_px: int, blocks: int, *, stem: bool = False):
  """Returns an EANet for (b, y, x, 1) images, uncompiled.

  Args:
    image_px: side of an image.
    blocks: of the transformer.
    stem: whether it is the recommended one, not the paper's.
  """
  import keras
  from keras import layers, ops

  side = image_px // _PATCH_PX
  tokens, dropout = side**2, 0.1 if stem else 0.2

  class PositionEmbedding(layers.Layer):
    def build(self, shape):
      self.position = self.add_weight(shape=shape[1:], name="position")

    def call(self, x):
      return x + self.position

  def external_attention(x):
    heads, wide = _HEADS * _COEFFICIENT, _WIDTH * _COEFFICIENT
    x = layers.Dense(wide)(x)
    x = layers.Reshape((tokens, heads, wide // heads))(x)
    x = layers.Permute((2, 1, 3))(x)  # (b, h, n, k)
    x = layers.Dense(_WIDTH // _COEFFICIENT)(x)  # M_k
    x = layers.Softmax(axis=2)(x)
    x = layers.Lambda(
      lambda a: a / (1e-9 + ops.sum(a, axis=-1, keepdims=True)),
      output_shape=x.shape[1:],
    )(x)
    x = layers.Dropout(dropout)(x)
    x = layers.Dense(wide // heads)(x)  # M_v
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Reshape((tokens, wide))(x)
    return layers.Dropout(dropout)(layers.Dense(_WIDTH)(x))

  image = layers.Input((image_px, image_px, 1))
  x = layers.Rescaling(1 / 60, -2.0)(image)
  maps = []
  if stem:
    depth = _PATCH_PX.bit_length() - 1
    for i in range(depth):
      channels = _WIDTH >> (depth - 1 - i)
      x = layers.Conv2D(channels, 3, 2, padding="same", use_bias=False)(x)
      x = layers.Activation("gelu")(layers.BatchNormalization()(x))
      maps.append(x)
  else:
    x = layers.Conv2D(_WIDTH, _PATCH_PX, _PATCH_PX)(x)  # a patch is a token
  x = layers.Reshape((tokens, _WIDTH))(x)
  if not stem:
    x = PositionEmbedding()(x)
  for _ in range(blocks):
    if stem:
      y = layers.Reshape((side, side, _WIDTH))(x)
      y = layers.DepthwiseConv2D(3, padding="same")(y)
      x = layers.Add()([x, layers.Reshape((tokens, _WIDTH))(y)])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, external_attention(y)])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(_MLP_WIDTH, activation="gelu")(y)
    y = layers.Dense(_WIDTH)(layers.Dropout(dropout)(y))
    x = layers.Add()([x, layers.Dropout(dropout)(y)])
  x = layers.GlobalAveragePooling1D()(x)
  if stem:
    means = [layers.GlobalAveragePooling2D()(each) for each in maps]
    x = layers.BatchNormalization()(layers.Concatenate()([*means, x]))
    x = layers.Dropout(dropout)(x)
  return keras.Model(image, layers.Dense(workload.CLASSES)(x))


def work(backend: str, asked: workload.Asked) -> tuple[str, Callable]:
  """Returns (title, work): work(k) trains or infers k batches, to the end."""
  os.environ["KERAS_BACKEND"] = backend
  import keras
  import numpy as np

  stem = asked.network == "eanet_best"
  model = network(asked.image_px, asked.blocks, stem=stem)
  images, labels = workload.images(asked)
  title = f"Keras {keras.__version__} on {backend}"
  if asked.mode == "infer":
    batches = workload.batches(asked, images)
    return title, lambda count: [
      model.predict_on_batch(batches[i % len(batches)]) for i in range(count)
    ]
  model.compile(
    keras.optimizers.AdamW(1e-3, weight_decay=1e-4),
    keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    if stem
    else keras.losses.CategoricalFocalCrossentropy(from_logits=True),
  )
  one_hot = np.eye(workload.CLASSES, dtype="f4")[labels]

  def train(count: int) -> None:
    # One pass of `fit`, its fastest loop: nothing is fetched in between.
    rows = np.resize(np.arange(len(images)), count * asked.batch)
    model.fit(
      images[rows], one_hot[rows], batch_size=asked.batch, epochs=1, verbose=0
    )

  return title, train
