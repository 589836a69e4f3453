"""VGG16: the convolutional baseline, plain or with external attention.

Takes standardised images (b, y, x, c), gives class logits (b, l).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.models import dropout, layers

Array = jax.Array

# Configuration D of Simonyan & Zisserman, "Very Deep Convolutional Networks
# for Large-Scale Image Recognition", table 1: 13 convolutions in five stages.
_STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
MIN_PX = 2 ** len(_STAGES)


class Backbone(nn.Module):
  """The 13 convolutions of VGG16, each stage halved by a max pool.

  Attributes:
    width_multiplier: of every layer's channels; 1 is VGG16, and what
      pretrained weights need.
    batch_norm: between each convolution and its ReLU.
    dtype: of convolutions and activations; batch norm is float32 always.
  """

  width_multiplier: float = 1.0
  batch_norm: bool = False
  dtype: jax.typing.DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, images: Array, *, deterministic: bool) -> Array:
    """Returns features (b, y // 32, x // 32, c) of images (b, y, x, c).

    Raises:
      ValueError: a side is too short for five halvings.
    """
    height, width = images.shape[1:3]
    if min(height, width) < MIN_PX:
      raise ValueError(
        f"an image of {height} x {width} px is too small for VGG, which halves"
        f" it {len(_STAGES)} times: {MIN_PX} px is the least"
      )
    features = images.astype(self.dtype)
    for stage, (depth, channels) in enumerate(_STAGES, start=1):
      for layer in range(1, depth + 1):
        features = nn.Conv(
          max(1, round(channels * self.width_multiplier)),
          (3, 3),
          padding="SAME",
          kernel_init=nn.initializers.he_normal(),
          dtype=self.dtype,
          name=f"conv{stage}_{layer}",
        )(features)
        if self.batch_norm:
          features = nn.BatchNorm(
            use_running_average=deterministic,
            momentum=0.9,
            epsilon=1e-5,  # PyTorch's, whose weights can be loaded
            dtype=jnp.float32,
            name=f"norm{stage}_{layer}",
          )(features)
        features = nn.relu(features).astype(self.dtype)
      features = _max_pool(features)
    return features


def _max_pool(features: Array) -> Array:
  """Returns (b, y // 2, x // 2, c): the maximum of each 2 x 2 square.

  Equal maxima share the gradient. On a CPU that of this reduction is ten times
  as fast as that of a pooling window, which scatters.
  """
  b, y, x, c = features.shape
  features = features[:, : y // 2 * 2, : x // 2 * 2]
  return features.reshape(b, y // 2, 2, x // 2, 2, c).max(axis=(2, 4))


class VGG(nn.Module):
  """VGG16 classifier with the mean of its features under one dense layer.

  That mean replaces VGG16's three dense layers, nine tenths of its weights. It
  takes images of any size from 32 px, and a few hundred micrographs could not
  train 120 million weights.

  The paper's table of results has a row "VGG + Attention" and does not define
  that attention. Given one, the network has a residual block of it over the
  positions of the last feature map; with external attention that is the paper's
  own mechanism.

  Attributes:
    num_classes: l.
    backbone: its convolutions; its dtype is that of all activations and
      products. Parameters, normalisations and logits are float32 always.
    attention: a module of `models.attention`, or None.
    dropout_rate: on the pooled features.
  """

  num_classes: int
  backbone: Backbone
  attention: nn.Module | None = None
  dropout_rate: float = 0.2

  @nn.compact
  def __call__(self, images: Array, *, deterministic: bool) -> Array:
    """Returns float32 logits (b, l) of standardised images (b, y, x, c).

    Unless `deterministic`, batch norm is of this batch and moves the running
    averages in "batch_stats", which must then be mutable.

    Raises:
      ValueError: an image below 32 px.
    """
    features = self.backbone(images, deterministic=deterministic)
    b, _, _, c = features.shape
    tokens = features.reshape(b, -1, c)  # (b, n, c)
    words = [None] * 2 if deterministic else dropout.random_words(self, 2)
    if self.attention is not None:
      y = layers.LayerNorm(
        tokens.dtype,
        use_bias=not self.attention.cancels_bias,
        name="attention_norm",
      )(tokens)
      tokens = tokens + self.attention(y, words[0])
    self.sow("intermediates", layers.POOLED, tokens.reshape(features.shape))
    pooled = tokens.astype(jnp.float32).mean(axis=1)  # (b, c)
    pooled = dropout.Dropout(self.dropout_rate)(pooled, words[1])
    return nn.Dense(self.num_classes, name="head")(pooled)
