"""AdamW as the paper has it: Adam with decoupled weight decay.

Takes numbers from a configuration, gives an optax transformation and its
schedule.
"""

import jax
import jax.numpy as jnp
import optax

from eanet_jax.runtime import pytrees

_DECAYED = ("kernel", "memory", "memory_key", "memory_value")


def learning_rates(
  peak: float, schedule: str, warmup_steps: int, total_steps: int
) -> optax.Schedule:
  """Returns step -> learning rate.

  Args:
    peak: learning rate after the warm-up.
    schedule: "constant", or "cosine" from peak to 0 at total_steps.
    warmup_steps: linear from 0 to peak.
    total_steps: steps of the whole run.
  """
  if schedule == "cosine":
    after = optax.cosine_decay_schedule(
      peak, max(total_steps - warmup_steps, 1)
    )
  else:
    after = optax.constant_schedule(peak)
  if not warmup_steps:
    return after
  warmup = optax.linear_schedule(0.0, peak, warmup_steps)
  return optax.join_schedules([warmup, after], [warmup_steps])


def decay_mask(params: pytrees.PyTree) -> pytrees.PyTree:
  """Returns a tree of bool: True on matrices, False on biases, norms, position.

  Decay pulls a bias, a norm's scale or a position towards nothing useful.
  """
  return jax.tree_util.tree_map_with_path(
    lambda path, _: path[-1].key in _DECAYED, params
  )


def backbone_mask(params: pytrees.PyTree) -> pytrees.PyTree:
  """Returns a tree of bool: False on what a new task trains from scratch.

  That is the classifier, "head", and the attention between it and VGG.
  """
  new = ("head", "attention", "attention_norm")
  return jax.tree_util.tree_map_with_path(
    lambda path, _: path[0].key not in new, params
  )


def adamw(
  schedule: optax.Schedule,
  weight_decay: float,
  clip_norm: float,
  *,
  decoupled: bool = True,
  frozen_steps: int = 0,
) -> optax.GradientTransformation:
  """Returns AdamW with decay on `decay_mask`, after clipping if asked for.

  Args:
    schedule: step -> learning rate.
    weight_decay: a step shrinks the weights by learning rate * weight_decay.
    clip_norm: largest global norm of the gradient; 0 for no clipping.
    decoupled: False adds weight_decay * weights to the gradient instead, which
      Adam then rescales with the rest: L2 regularisation.
    frozen_steps: how many steps leave what `backbone_mask` selects as it is.
      Adam gathers its moments meanwhile, so that its first step is no leap.
  """
  # Adam's moments as two long vectors: hundreds of small arrays would mean as
  # many kernels to launch in each step, and files in each checkpoint.
  adam = optax.flatten(optax.scale_by_adam())
  decay = optax.add_decayed_weights(weight_decay, decay_mask)
  parts = [adam, decay] if decoupled else [decay, adam]
  parts.append(optax.scale_by_learning_rate(schedule))
  if clip_norm:
    parts.insert(0, optax.clip_by_global_norm(clip_norm))
  if frozen_steps:
    thawed = lambda step: (step >= frozen_steps).astype(jnp.float32)
    parts.append(optax.masked(optax.scale_by_schedule(thawed), backbone_mask))
  return optax.chain(*parts)
