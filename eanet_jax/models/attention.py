"""Attention: external (to a learnt memory) and self (to the other tokens).

Takes the tokens (b, n, d) of an image, gives as many of the same width. Given
random words, see `dropout.Dropout`, weights of the attention map are dropped.
External attention is linear in the number of tokens, self-attention quadratic.

Products are in the type of the tokens, normalisations always in float32. Every
module sows its map into "intermediates", under a name that says what it is over
(`SLOT_WEIGHTS` or `TOKEN_WEIGHTS`), and says with `cancels_bias` whether one
vector added to all tokens leaves that map as it is.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.models import dropout, layers
from eanet_jax.runtime import compiler

Array = jax.Array

SLOT_WEIGHTS = "slot_weights"  # (b, n, h, s): of each token over the slots
TOKEN_WEIGHTS = "token_weights"  # (b, h, n, n): of each token over the tokens


@jax.custom_vjp
def double_normalise(logits: Array) -> Array:
  """Double normalisation: softmax over tokens, then L1 over memory slots.

  The softmax makes a slot's weights comparable between tokens, the L1 norm
  makes each token a weighted mean of the slots whatever its length (Guo et
  al., "Beyond Self-attention", Eq. 7 to 9).

  Args:
    logits: float32 (b, n, h, s).

  Returns:
    float32 (b, n, h, s); each token's weights sum to 1 over s, unless every
    one of them underflows.
  """
  return _double_normalise_fwd(logits)[0]


def _double_normalise_fwd(logits: Array) -> tuple[Array, tuple[Array, Array]]:
  # Heads and slots as one axis: sixteen slots alone make a short inner loop.
  shape, logits = logits.shape, _flat(logits)  # (b, n, h s)
  largest = compiler.fence(logits.max(axis=1, keepdims=True))
  weights = compiler.fence(jnp.exp(logits - largest))
  slot_sum = compiler.fence(weights.sum(axis=1, keepdims=True))
  over_tokens = weights * (1 / slot_sum)
  # A token whose every weight underflows would otherwise divide 0 by 0.
  tiny = jnp.finfo(logits.dtype).tiny
  token_sum = jnp.maximum(_head_sums(over_tokens, shape), tiny)
  attention = over_tokens * (1 / token_sum)
  return attention.reshape(shape), (attention, token_sum)


def _double_normalise_bwd(
  residuals: tuple[Array, Array], cotangent: Array
) -> tuple[Array]:
  # With B = A / t, A = softmax(l), t = sum_s A, both Jacobians collapse to two
  # sums: g = B (dB - sum_s B dB), dl = g - A sum_n g. Only B and t are kept.
  attention, token_sum = residuals
  weighted = compiler.fence(attention * _flat(cotangent))
  g = weighted - attention * _head_sums(weighted, cotangent.shape)
  g = compiler.fence(g)
  g_sum = compiler.fence(g.sum(axis=1, keepdims=True))
  return ((g - attention * token_sum * g_sum).reshape(cotangent.shape),)


def _flat(x: Array) -> Array:
  """Returns (b, n, h s) of (b, n, h, s)."""
  return x.reshape(*x.shape[:2], -1)


def _head_sums(x: Array, shape: tuple[int, ...]) -> Array:
  """Returns x (b, n, h s) summed over s, as wide as it was; shape (b,n,h,s)."""
  sums = compiler.fence(x.reshape(shape).sum(axis=-1, keepdims=True))
  return _flat(jnp.broadcast_to(sums, shape))


double_normalise.defvjp(_double_normalise_fwd, _double_normalise_bwd)


def normalise(logits: Array, normalisation: str) -> Array:
  """Returns attention (b, n, h, s) of float32 logits (b, n, h, s).

  Args:
    logits: token by memory slot; in this order of axes both products are plain
      ones of matrices, nothing is transposed.
    normalisation: "double"; or one half of it alone, for comparison: "tokens",
      a softmax over the tokens, or "slots", a softmax over the slots as
      self-attention has it over its keys.
  """
  if normalisation == "double":
    return double_normalise(logits)
  return jax.nn.softmax(logits, axis={"tokens": 1, "slots": -1}[normalisation])


class ExternalAttention(nn.Module):
  """A = Norm(F M_k^T), F_out = A M_v as two einsums (paper, Eq. for EANet).

  With more than one head, h memories are attended to side by side. This is
  the multi-head form of the literature exactly: nothing non-linear stands
  between its input projection and M_k, nor between M_v and its output
  projection, so each pair is one matrix here. A key bias would cancel in the
  softmax over tokens and is left out.

  Attributes:
    num_heads: h; 1 with num_slots=64 is the paper's formula to the letter.
    num_slots: s, memory vectors of each head.
    single_memory: M is both M_k and M_v (paper, F_out = A M).
    normalisation: see `normalise`.
    dropout_rate: on the attention map.
  """

  num_heads: int = 16
  num_slots: int = 16
  single_memory: bool = False
  normalisation: str = "double"
  dropout_rate: float = 0.0

  @property
  def cancels_bias(self) -> bool:
    """Whether a bias on all tokens changes no weight of the map.

    It shifts a slot's logit by as much at every token, and a softmax over the
    tokens takes that out again.
    """
    return self.normalisation != "slots"

  @nn.compact
  def __call__(
    self, tokens: Array, dropout_words: Array | None = None
  ) -> Array:
    """Returns (b, n, d) from tokens (b, n, d); sows its `SLOT_WEIGHTS`."""
    d, dtype = tokens.shape[-1], tokens.dtype
    shape = (self.num_heads, self.num_slots, d)
    # Fan-in of a slot is d on the way in; on the way out a token sums h heads,
    # each a mean of its slots.
    key_init = nn.initializers.normal(d**-0.5)
    value_init = nn.initializers.normal(self.num_heads**-0.5)
    if self.single_memory:
      memory_key = memory_value = self.param("memory", key_init, shape)
    else:
      memory_key = self.param("memory_key", key_init, shape)
      memory_value = self.param("memory_value", value_init, shape)
    bias = self.param("bias", nn.initializers.zeros, (d,))

    logits = layers.einsum("bnd,hsd->bnhs", tokens, memory_key, dtype)
    attention = normalise(logits.astype(jnp.float32), self.normalisation)
    self.sow("intermediates", SLOT_WEIGHTS, attention)
    attention = dropout.Dropout(self.dropout_rate)(
      attention.astype(dtype), dropout_words
    )
    out = layers.einsum("bnhs,hsd->bnd", attention, memory_value, dtype)
    return layers.add_bias(out, bias)


class SelfAttention(nn.Module):
  """softmax(Q K^T / sqrt(k)) V over the tokens: the conventional transformer.

  Vaswani et al., "Attention Is All You Need", Eq. 1, multi-head.

  Attributes:
    num_heads: h.
    key_width: k, channels of a head; h k need not be d.
    dropout_rate: on the attention map.
  """

  num_heads: int = 4
  key_width: int = 64
  dropout_rate: float = 0.0

  cancels_bias = False

  @nn.compact
  def __call__(
    self, tokens: Array, dropout_words: Array | None = None
  ) -> Array:
    """Returns (b, n, d) from tokens (b, n, d); sows its `TOKEN_WEIGHTS`.

    The map's last axis is the tokens attended to, and sums to 1.
    """
    d, dtype = tokens.shape[-1], tokens.dtype

    def project(name: str) -> Array:
      return nn.DenseGeneral(
        (self.num_heads, self.key_width), dtype=dtype, name=name
      )(tokens)  # (b, n, h, k)

    query, key, value = project("query"), project("key"), project("value")
    query = query * self.key_width**-0.5
    logits = jnp.einsum("bnhk,bmhk->bhnm", query, key)
    attention = jax.nn.softmax(logits.astype(jnp.float32), axis=-1)
    self.sow("intermediates", TOKEN_WEIGHTS, attention)
    attention = dropout.Dropout(self.dropout_rate)(
      attention.astype(dtype), dropout_words
    )
    out = jnp.einsum("bhnm,bmhk->bnhk", attention, value)
    return nn.DenseGeneral(d, axis=(-2, -1), dtype=dtype, name="out")(out)


class SimplifiedSelfAttention(nn.Module):
  """softmax(F F^T) F, the paper's simplified self-attention: no parameters.

  Attributes:
    dropout_rate: on the attention map.
  """

  dropout_rate: float = 0.0

  cancels_bias = False

  @nn.compact
  def __call__(
    self, tokens: Array, dropout_words: Array | None = None
  ) -> Array:
    """Returns (b, n, d) from tokens (b, n, d); sows `TOKEN_WEIGHTS`, h = 1."""
    logits = jnp.einsum("bnd,bmd->bnm", tokens, tokens)
    attention = jax.nn.softmax(logits.astype(jnp.float32), axis=-1)
    self.sow("intermediates", TOKEN_WEIGHTS, attention[:, None])
    attention = dropout.Dropout(self.dropout_rate)(
      attention.astype(tokens.dtype), dropout_words
    )
    return jnp.einsum("bnm,bmd->bnd", attention, tokens)
