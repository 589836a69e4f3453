"""EANet: a transformer whose blocks hold external attention.

Takes standardised images (b, y, x, c), gives class logits (b, l). With
self-attention in its blocks the same network is the conventional ViT.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.models import attention, layers

Array = jax.Array


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


class ConvStem(nn.Module):
  """Overlapping 3 x 3 convolutions of stride 2, down to one token a patch.

  Batch norm and GELU after each; channels double from one to the next, up to
  `width`. Xiao et al., "Early Convolutions Help Transformers See Better".

  Attributes:
    patch_px: a power of 2.
    width: d, channels of a token.
    dtype: of convolutions and activations; batch norm is float32 always.
  """

  patch_px: int
  width: int
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Array, *, deterministic: bool) -> list[Array]:
    """Returns the maps of each convolution, of images (b, y, x, c).

    The last is (b, y // patch_px, x // patch_px, d), each before it twice as
    high and wide, of half its channels.
    """
    maps = [images]
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
    return maps[1:]


class Block(nn.Module):
  """Pre-norm block: tokens + attention, then tokens + MLP; fields of EANet.

  With a `depthwise_size`, a depthwise convolution is added to the tokens before
  either: what a token sees of its neighbours, which external attention does
  not tell from any other tokens.
  """

  attention_type: str
  num_heads: int
  num_slots: int
  normalisation: str
  key_width: int
  mlp_width: int
  depthwise_size: int
  dropout_rate: float
  attention_dropout_rate: float
  dtype: jnp.dtype

  @nn.compact
  def __call__(
    self,
    tokens: Array,
    grid: tuple[int, int],
    dropout_words: Array | None,
  ) -> Array:
    """Returns (b, n, d) from tokens (b, n, d).

    Args:
      tokens: of each image.
      grid: rows and columns of the tokens.
      dropout_words: uint32 (4, 2), see `layers.Dropout`; None drops nothing.
    """
    d = tokens.shape[-1]
    words = [None] * 4 if dropout_words is None else dropout_words
    dropout = layers.Dropout(self.dropout_rate)

    if self.depthwise_size:
      y = tokens.reshape(-1, *grid, d)
      y = layers.DepthwiseConv(self.depthwise_size, name="depthwise")(y)
      tokens = tokens + y.reshape(tokens.shape)

    external = self.attention_type in ("external", "single_memory")
    # Before a softmax over tokens a bias would shift a slot's logit by as much
    # at every token, which cancels: its gradient would be rounding noise.
    cancels = external and self.normalisation != "slots"
    y = layers.LayerNorm(
      self.dtype, use_bias=not cancels, name="attention_norm"
    )(tokens)
    y = self._attention()(y, words[0])
    tokens = tokens + dropout(y, words[1])

    y = layers.LayerNorm(self.dtype, name="mlp_norm")(tokens)
    y = layers.Dense(self.mlp_width, self.dtype, name="mlp_in")(y)
    y = dropout(nn.gelu(y, approximate=False), words[2])
    y = layers.Dense(d, self.dtype, name="mlp_out")(y)
    return tokens + dropout(y, words[3])

  def _attention(self) -> nn.Module:
    shared = {
      "attention_dropout_rate": self.attention_dropout_rate,
      "dtype": self.dtype,
      "name": "attention",
    }
    if self.attention_type == "self":
      return attention.SelfAttention(self.num_heads, self.key_width, **shared)
    if self.attention_type == "simplified":
      return attention.SimplifiedSelfAttention(**shared)
    return attention.ExternalAttention(
      num_heads=self.num_heads,
      num_slots=self.num_slots,
      single_memory=self.attention_type == "single_memory",
      normalisation=self.normalisation,
      **shared,
    )


class EANet(nn.Module):
  """External-attention transformer classifier (the paper's EANet).

  Attributes:
    num_classes: l.
    attention_type: "external"; "single_memory", external with M_k = M_v;
      "self", which makes it a ViT; or "simplified", softmax(F F^T) F.
    patch_px: side of a square patch; one patch is one token.
    width: d, channels of a token.
    num_blocks: transformer blocks.
    num_heads: h, memories of each block, or heads of self-attention.
    num_slots: s, slots of each memory.
    normalisation: of external attention, see `attention.normalise`.
    key_width: k, channels of a head of self-attention.
    mlp_width: hidden channels of each block's MLP.
    stem: "patches", one product of each patch, or "convolutions", `ConvStem`.
    depthwise_size: side of the depthwise convolution of each block; 0 for none.
    position_embedding: whether a token knows where it is.
    pooling: "mean" of the tokens; or "maps", beside it the mean of each map of
      the stem, batch-normalised: what the texture is like at every scale.
    dropout_rate: on the attention's projection, in the MLP and on such means.
    attention_dropout_rate: on the attention map.
    dtype: of activations and products; parameters, normalisations and logits
      are float32 always.
  """

  num_classes: int
  attention_type: str = "external"
  patch_px: int = 16
  width: int = 64
  num_blocks: int = 8
  num_heads: int = 16
  num_slots: int = 16
  normalisation: str = "double"
  key_width: int = 64
  mlp_width: int = 64
  stem: str = "patches"
  depthwise_size: int = 0
  position_embedding: bool = True
  pooling: str = "mean"
  dropout_rate: float = 0.2
  attention_dropout_rate: float = 0.2
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Array, *, deterministic: bool) -> Array:
    """Returns float32 logits (b, l) of standardised images (b, y, x, c)."""
    images = images.astype(self.dtype)
    grid = token_grid(images, self.patch_px)
    maps = []
    if self.stem == "convolutions":
      stem = ConvStem(self.patch_px, self.width, self.dtype, name="stem")
      maps = stem(images, deterministic=deterministic)
      tokens = maps[-1].reshape(len(images), -1, self.width)
    else:
      tokens = patches(images, self.patch_px)  # (b, n, p*p*c)
      tokens = layers.Dense(self.width, self.dtype, name="embedding")(tokens)
    if self.position_embedding:
      position = self.param(
        "position_embedding", nn.initializers.normal(0.02), tokens.shape[1:]
      )
      position = jnp.expand_dims(position.astype(self.dtype), 0)
      tokens = tokens + position  # (b, n, d)
    # The paper's network has no dropout behind its pooling.
    sites = self.num_blocks + (self.pooling == "maps")
    words = [None] * sites
    if not deterministic:
      words = layers.dropout_words(self, sites, 4)
    for i in range(self.num_blocks):
      tokens = Block(
        attention_type=self.attention_type,
        num_heads=self.num_heads,
        num_slots=self.num_slots,
        normalisation=self.normalisation,
        key_width=self.key_width,
        mlp_width=self.mlp_width,
        depthwise_size=self.depthwise_size,
        dropout_rate=self.dropout_rate,
        attention_dropout_rate=self.attention_dropout_rate,
        dtype=self.dtype,
        name=f"block_{i}",
      )(tokens, grid, words[i])
    pooled = tokens.astype(jnp.float32).mean(axis=1)  # (b, d)
    if self.pooling == "maps":
      means = [each.astype(jnp.float32).mean(axis=(1, 2)) for each in maps]
      pooled = jnp.concatenate([*means, pooled], axis=-1)
      pooled = nn.BatchNorm(
        use_running_average=deterministic, momentum=0.9, name="pool_norm"
      )(pooled)
      word = None if deterministic else words[-1][0]
      pooled = layers.Dropout(self.dropout_rate)(pooled, word)
    return nn.Dense(self.num_classes, name="head")(pooled)
