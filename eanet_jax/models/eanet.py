"""EANet: a transformer whose blocks hold external attention.

Takes standardised images (b, y, x, c), gives class logits (b, l). With
self-attention in its blocks the same network is the conventional ViT.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.models import dropout, layers

Array = jax.Array

POOL_EPSILON = 1e-5  # added to the variances of what is pooled


def token_grid(images: Array, patch_px: int) -> tuple[int, int]:
  """Returns rows and columns of the tokens of images (b, y, x, c).

  Raises:
    ValueError: a side is not a multiple of patch_px.
  """
  _, y, x, _ = images.shape
  if y % patch_px or x % patch_px:
    raise ValueError(
      f"an image of {y} x {x} px does not divide into patches of {patch_px} px"
    )
  return y // patch_px, x // patch_px


def patches(images: Array, patch_px: int) -> Array:
  """Cuts images (b, y, x, c) into tokens (b, n, patch_px * patch_px * c).

  Raises:
    ValueError: a side is not a multiple of patch_px.
  """
  b, _, _, c = images.shape
  rows, columns = token_grid(images, patch_px)
  images = images.reshape(b, rows, patch_px, columns, patch_px, c)
  images = images.transpose(0, 1, 3, 2, 4, 5)
  return images.reshape(b, rows * columns, patch_px * patch_px * c)


class PatchEmbedding(nn.Module):
  """Tokens of an image: one product of each patch, the paper's.

  Attributes:
    patch_px: side of a square patch.
    width: d, channels of a token.
    dtype: of the product and of what comes back.
  """

  patch_px: int
  width: int
  dtype: jax.typing.DTypeLike = jnp.float32

  scope_name = "embedding"

  @nn.compact
  def __call__(
    self, images: Array, *, deterministic: bool
  ) -> tuple[Array, tuple[int, int], list[Array]]:
    """Returns tokens (b, n, d) of images (b, y, x, c), their grid, no maps.

    Raises:
      ValueError: a side is not a multiple of patch_px.
    """
    del deterministic
    grid = token_grid(images, self.patch_px)
    dense = layers.Dense(self.width, self.dtype)
    nn.share_scope(self, dense)  # its parameters are this module's
    return dense(patches(images.astype(self.dtype), self.patch_px)), grid, []


class ConvStem(nn.Module):
  """Tokens of an image: overlapping 3 x 3 convolutions of stride 2.

  As many as halve a patch to one token. Batch norm and GELU after each;
  channels double from one to the next, up to `width`. Xiao et al., "Early
  Convolutions Help Transformers See Better".

  Attributes:
    patch_px: a power of 2.
    width: d, channels of a token.
    dtype: of convolutions and activations; batch norm is float32 always.
  """

  patch_px: int
  width: int
  dtype: jax.typing.DTypeLike = jnp.float32

  scope_name = "stem"

  @nn.compact
  def __call__(
    self, images: Array, *, deterministic: bool
  ) -> tuple[Array, tuple[int, int], list[Array]]:
    """Returns tokens (b, n, d) of images (b, y, x, c), their grid, and maps.

    Those are what each convolution gives. The tokens are the last of them, each
    before it is twice as high and wide, of half the channels.

    Raises:
      ValueError: a side is not a multiple of patch_px.
    """
    grid = token_grid(images, self.patch_px)
    maps = [images.astype(self.dtype)]
    depth = self.patch_px.bit_length() - 1
    for i in range(depth):
      y = nn.Conv(
        max(1, self.width >> (depth - 1 - i)),
        (3, 3),
        strides=2,
        use_bias=False,  # batch norm has one
        kernel_init=nn.initializers.he_normal(),
        dtype=self.dtype,
        name=f"conv_{i}",
      )(maps[-1])
      y = nn.BatchNorm(
        use_running_average=deterministic,
        momentum=0.9,
        dtype=jnp.float32,
        name=f"norm_{i}",
      )(y)
      maps.append(nn.gelu(y, approximate=False).astype(self.dtype))
    return maps[-1].reshape(images.shape[0], -1, self.width), grid, maps[1:]


class Block(nn.Module):
  """Pre-norm block: tokens + attention, then tokens + MLP.

  With a `depthwise_size`, a depthwise convolution is added to the tokens before
  either. It shows a token its neighbours, which external attention cannot tell
  from any other tokens.

  Attributes:
    attention: a module of `models.attention`.
    mlp_width: hidden channels of the MLP.
    depthwise_size: side of the depthwise convolution; 0 for none.
    dropout_rate: on the attention's output, and twice in the MLP.
  """

  attention: nn.Module
  mlp_width: int = 64
  depthwise_size: int = 0
  dropout_rate: float = 0.2

  @nn.compact
  def __call__(
    self,
    tokens: Array,
    grid: tuple[int, int],
    dropout_words: Array | None,
  ) -> Array:
    """Returns (b, n, d) from tokens (b, n, d), in their type.

    Args:
      tokens: of each image.
      grid: rows and columns of the tokens.
      dropout_words: uint32 (4, 2), see `dropout.Dropout`; None drops nothing.
    """
    d, dtype = tokens.shape[-1], tokens.dtype
    words = [None] * 4 if dropout_words is None else dropout_words
    drop = dropout.Dropout(self.dropout_rate)

    if self.depthwise_size:
      y = tokens.reshape(-1, *grid, d)
      y = layers.DepthwiseConv(self.depthwise_size, name="depthwise")(y)
      tokens = tokens + y.reshape(tokens.shape)

    # The gradient of a bias that cancels would be rounding noise.
    y = layers.LayerNorm(
      dtype, use_bias=not self.attention.cancels_bias, name="attention_norm"
    )(tokens)
    y = self.attention(y, words[0])
    tokens = tokens + drop(y, words[1])

    y = layers.LayerNorm(dtype, name="mlp_norm")(tokens)
    y = layers.Dense(self.mlp_width, dtype, name="mlp_in")(y)
    y = drop(nn.gelu(y, approximate=False), words[2])
    y = layers.Dense(d, dtype, name="mlp_out")(y)
    return tokens + drop(y, words[3])


class EANet(nn.Module):
  """External-attention transformer classifier (the paper's EANet).

  Attributes:
    num_classes: l.
    tokenizer: a `PatchEmbedding` or a `ConvStem`; its dtype is that of all
      activations and products. Parameters, normalisations and logits are
      float32 always.
    block: what every block is like.
    num_blocks: how many, each with parameters of its own.
    position_embedding: whether a token knows where it is.
    pool_maps: beside the mean of the tokens, also that of each map of the
      tokenizer, batch-normalised: what the texture is like at every scale.
    dropout_rate: on those means. The paper's network drops nothing after its
      pooling, and neither does this one without `pool_maps`.
  """

  num_classes: int
  tokenizer: nn.Module
  block: Block
  num_blocks: int = 8
  position_embedding: bool = True
  pool_maps: bool = False
  dropout_rate: float = 0.2

  @nn.compact
  def __call__(self, images: Array, *, deterministic: bool) -> Array:
    """Returns float32 logits (b, l) of standardised images (b, y, x, c).

    Unless `deterministic`, batch norm is of this batch and moves the running
    averages in "batch_stats", which must then be mutable.

    Raises:
      ValueError: a side of the images is not a multiple of a patch's.
    """
    # A copy, for the name that its parameters have in checkpoints.
    tokenizer = self.tokenizer.copy(name=self.tokenizer.scope_name)
    tokens, grid, maps = tokenizer(images, deterministic=deterministic)
    if self.position_embedding:
      position = self.param(
        "position_embedding", nn.initializers.normal(0.02), tokens.shape[1:]
      )
      position = jnp.expand_dims(position.astype(tokens.dtype), 0)
      tokens = tokens + position
    sites = self.num_blocks + self.pool_maps
    words = None if deterministic else dropout.random_words(self, sites, 4)
    for i in range(self.num_blocks):
      block = self.block.copy(name=f"block_{i}")
      tokens = block(tokens, grid, None if words is None else words[i])
    pooled = tokens.astype(jnp.float32).mean(axis=1)  # (b, d)
    last = tokens.reshape(-1, *grid, tokens.shape[-1])
    maps = [*maps, last] if self.pool_maps else [last]
    for each in maps:
      self.sow("intermediates", layers.POOLED, each)
    if self.pool_maps:
      means = [each.astype(jnp.float32).mean(axis=(1, 2)) for each in maps[:-1]]
      pooled = jnp.concatenate([*means, pooled], axis=-1)
      pooled = nn.BatchNorm(
        use_running_average=deterministic,
        momentum=0.9,
        epsilon=POOL_EPSILON,
        name="pool_norm",
      )(pooled)
      word = None if words is None else words[-1][0]
      pooled = dropout.Dropout(self.dropout_rate)(pooled, word)
    return nn.Dense(self.num_classes, name="head")(pooled)
