"""Focal loss: what the training step minimises.

Takes logits and labels of a batch, gives one loss for each example, so that
padded examples can be masked and metrics see every one.
"""

import jax
import jax.numpy as jnp

Array = jax.Array


def focal_loss(
  logits: Array,
  labels: Array,
  gamma: float = 2.0,
  class_weights: Array | None = None,
) -> Array:
  """Returns float32 (b,): -w_y (1 - p_y)^gamma log p_y of each example.

  Lin et al., "Focal Loss for Dense Object Detection", Eq. 5, over a softmax.
  gamma 0 is the cross-entropy.

  Args:
    logits: float32 (b, l).
    labels: int32 (b,), 0 to l - 1.
    gamma: how much less an example counts that is classified well, >= 0.
    class_weights: float32 (l,), None for 1 each.
  """
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
  log_p = jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]  # (b,)
  loss = -log_p
  if gamma:
    # The floor keeps the derivative of a power below 1 finite at p = 1.
    loss *= jnp.maximum(-jnp.expm1(log_p), 1e-7) ** gamma
  if class_weights is not None:
    loss *= class_weights[labels]
  return loss
