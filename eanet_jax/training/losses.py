"""What the training step minimises: the focal loss, of classes or of pairs.

Takes logits and labels of a batch, gives one loss for each example, because
metrics need each one.
"""

import jax
import jax.numpy as jnp

Array = jax.Array


def focal_loss(
  logits: Array,
  labels: Array,
  gamma: float = 2.0,
  class_weights: Array | None = None,
  label_smoothing: float = 0.0,
) -> Array:
  """Returns float32 (b,): -w_y sum_k q_k (1 - p_k)^gamma log p_k, each example.

  Lin et al., "Focal Loss for Dense Object Detection", Eq. 5, over a softmax.
  gamma 0 is the cross-entropy. The targets q are one-hot, or smoothed: Szegedy
  et al., "Rethinking the Inception Architecture for Computer Vision", Sec. 7.

  Args:
    logits: float32 (b, l).
    labels: int32 (b,), 0 to l - 1.
    gamma: how much less a well-classified example counts, >= 0.
    class_weights: float32 (l,), None for 1 each.
    label_smoothing: share of a target spread evenly over all classes.
  """
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32))  # (b, l)
  each = -log_p
  if gamma:
    # The floor keeps the derivative of a power below 1 finite at p = 1.
    each *= jnp.maximum(-jnp.expm1(log_p), 1e-7) ** gamma
  loss = jnp.take_along_axis(each, labels[:, None], axis=-1)[:, 0]  # (b,)
  if label_smoothing:
    loss = (1 - label_smoothing) * loss + label_smoothing * each.mean(axis=-1)
  if class_weights is not None:
    loss *= class_weights[labels]
  return loss


def pair_logits(embeddings: Array, temperature: float) -> Array:
  """Returns float32 (2 b, 2 b): logits of which view is each view's partner.

  With the cross-entropy this is NT-Xent (Chen et al., "A Simple Framework for
  Contrastive Learning of Visual Representations", Eq. 1): the partner is the
  other view of the same image, to be picked from all other views in the batch
  by the cosine of the embeddings. A view's own logit is far below all others.

  Args:
    embeddings: float32 (2 b, k), one view of each image, then the others in the
      same order.
    temperature: what cosines are divided by.
  """
  squares = (embeddings**2).sum(axis=-1, keepdims=True)
  units = embeddings * jax.lax.rsqrt(squares + 1e-12)
  cosines = jnp.einsum("ik,jk->ij", units, units)
  itself = jnp.eye(len(embeddings), dtype=bool)
  return jnp.where(itself, -1e9, cosines / temperature)
