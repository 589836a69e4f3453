"""A trained network as a list of operations that a page's script runs.

Takes a network and its variables, gives a description in plain JSON and its
weights. Batch norms are folded into what is before them; page/operations.js
has an operation of each name.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from eanet_jax import errors
from eanet_jax.models import (
  attention,
  eanet,
  efficientnet_lite,
  ensemble,
  transfer,
  vgg,
)
from eanet_jax.runtime import pytrees

Variables = Mapping[str, Any]

_NORM_EPSILON = 1e-5  # flax.linen.BatchNorm's own


@dataclasses.dataclass(frozen=True, eq=False)
class PageNetwork:
  """What page/network.js takes.

  Attributes:
    description: plain JSON.
    weights: float32 arrays, which the description calls by number.
  """

  description: dict[str, Any]
  weights: list[np.ndarray]


class _Part:
  """Operations one after another; a value is the number of what made it."""

  def __init__(self, weights: list[np.ndarray]):
    self.operations: list[tuple[str, list[int], dict[str, Any]]] = []
    self.pooled: list[int] = []
    self._weights = weights

  def weight(self, array: np.ndarray) -> int:
    """Returns the number of a weight."""
    self._weights.append(np.ascontiguousarray(array, np.float32))
    return len(self._weights) - 1

  def __call__(self, name: str, *inputs: int, **attributes: Any) -> int:
    """Returns the value that an operation makes; arrays become weights."""
    kept = {
      key: self.weight(value) if isinstance(value, np.ndarray) else value
      for key, value in attributes.items()
    }
    self.operations.append((name, list(inputs), kept))
    return len(self.operations)

  def as_json(self, results: Sequence[int]) -> dict[str, Any]:
    """Returns the part with the values that come out of it."""
    return {
      "operations": self.operations,
      "pooled": self.pooled,
      "results": list(results),
    }


def of(
  model: nn.Module | ensemble.Ensemble,
  variables: pytrees.Variables,
  mean: float | None,
  std: float | None,
  side: int,
  orientations: int,
) -> PageNetwork:
  """Returns a network for a page.

  Args:
    model, variables: the network.
    mean, std: as `inputs.standardise` takes them.
    side: of an image, px.
    orientations: that answers are the mean of.

  Raises:
    UserError: a page cannot compute this network.
  """
  variables = jax.tree.map(_fetched, dict(variables))
  members = [variables]
  if isinstance(model, ensemble.Ensemble):
    count, model = model.members, model.network
    members = [ensemble.member(variables, i) for i in range(count)]
  of_members = [ensemble.of_network(each) for each in members]
  weights: list[np.ndarray] = []
  trunk = _Part(weights)
  level = {
    "mean": None if mean is None else float(mean),
    "std": None if std is None else float(std),
  }
  image = trunk("standardise", 0, **level)
  description: dict[str, Any] = {
    "side": side,
    "orientations": orientations,
    "temperature": float(ensemble.temperature(variables)),
    "heads": None,
    "familiar": None,
  }
  if isinstance(model, transfer.Transfer):
    _check_float32(model.trunk.dtype)
    features = _transfer(trunk, image, of_members[0]["frozen"]["trunk"])
    heads = _Part(weights)
    found = [_head(heads, each, model.sizes) for each in of_members]
    description |= {
      "trunk": trunk.as_json([features]),
      "heads": heads.as_json([logits for logits, _ in found]),
      "evidence": [
        {**evidence, "first": 0, "last": len(trunk.pooled)}
        for _, evidence in found
      ],
    }
    if "familiar" in variables:
      familiar = dict(variables["familiar"])
      threshold = float(familiar.pop("threshold"))
      description["familiar"] = {
        name: trunk.weight(value) for name, value in familiar.items()
      } | {"threshold": threshold}
  else:
    logits, evidence = [], []
    for each in of_members:
      first = len(trunk.pooled)
      answer, of_means = _whole(trunk, image, model, each)
      logits.append(answer)
      last = len(trunk.pooled)
      evidence.append({**of_means, "first": first, "last": last})
    description |= {"trunk": trunk.as_json(logits), "evidence": evidence}
  return PageNetwork(description, weights)


def _fetched(array: Any) -> np.ndarray:
  """Float64: what is folded is rounded once."""
  return np.asarray(array, np.float64)


def _check_float32(dtype: Any) -> None:
  if jnp.dtype(dtype) != jnp.float32:
    raise errors.UserError(
      f"a page computes in float32, and this network in {jnp.dtype(dtype)}:"
      " train it with model.dtype=float32"
    )


def _transfer(part: _Part, image: int, trunk: Variables) -> int:
  """Appends the frozen trunk; returns its features."""

  def conv(at: int, name: str, weights: Variables, **attributes: Any) -> int:
    return part(
      name,
      at,
      kernel=weights["kernel"],
      bias=weights["bias"],
      **attributes,
    )

  at = conv(image, "conv", trunk["stem"], size=3, stride=2, activation="relu6")
  moments = []
  for i, shape in enumerate(efficientnet_lite.BLOCKS):
    block, before = trunk[f"block_{i}"], at
    if shape.expansion > 1:
      at = conv(at, "product", block["expand"], activation="relu6")
    at = conv(
      at,
      "depthwise",
      block["depth"],
      size=shape.kernel,
      stride=shape.stride,
      activation="relu6",
    )
    added = shape.stride == 1 and shape.channels_in == shape.channels_out
    project = block["project"]
    at = part(
      "product",
      at,
      *[before] * added,
      kernel=project["kernel"],
      bias=project["bias"],
    )
    if i >= transfer.FIRST_BLOCK:
      part.pooled.append(at)
      moments.append(part("moments", at))
  return part("concat", *moments)


def _head(
  part: _Part, variables: Variables, sizes: Sequence[int]
) -> tuple[int, dict[str, Any]]:
  """Appends one member's layer; returns its logits and its evidence."""
  stats, head = variables["batch_stats"], variables["params"]["head"]
  own = {
    "mean": part.weight(stats["mean"]),
    "std": part.weight(stats["std"]),
    "power": float(stats["power"]),
    "sizes": list(sizes),
  }
  layer = {name: part.weight(head[name]) for name in ("kernel", "bias")}
  return part("product", part("equalise", 0, **own), **layer), own | layer


def _whole(
  part: _Part, image: int, model: nn.Module, variables: Variables
) -> tuple[int, dict[str, Any]]:
  """Appends a step-trained network; returns its logits and its evidence."""
  params, stats = variables["params"], variables.get("batch_stats", {})
  if isinstance(model, eanet.EANet):
    pooled = _eanet(part, image, model, params, stats)
  elif isinstance(model, vgg.VGG):
    pooled = [_vgg(part, image, model, params, stats)]
  else:
    raise errors.UserError(
      f"a page cannot compute a {type(model).__name__}: take another format"
    )
  part.pooled += pooled
  means = [part("mean", each) for each in pooled]
  features = part("concat", *means) if len(means) > 1 else means[0]
  slopes, constants = params["head"]["kernel"], params["head"]["bias"]
  start = np.zeros(len(slopes))
  if "pool_norm" in params:
    scale, shift = _folded(
      params["pool_norm"], stats["pool_norm"], eanet.POOL_EPSILON
    )
    features = part("affine", features, scale=scale, shift=shift)
    start = stats["pool_norm"]["mean"]
    constants = constants + params["pool_norm"]["bias"] @ slopes
    slopes = slopes * scale[:, None]
  logits = part("product", features, **_dense(params["head"]))
  evidence = {"slopes": slopes, "start": start, "constants": constants}
  return logits, {k: part.weight(v) for k, v in evidence.items()}


def _eanet(
  part: _Part,
  image: int,
  model: eanet.EANet,
  params: Variables,
  stats: Variables,
) -> list[int]:
  """Appends all but the last layer; returns the maps that are pooled."""
  tokenizer, maps = model.tokenizer, []
  _check_float32(tokenizer.dtype)
  own = params[tokenizer.scope_name]
  if isinstance(tokenizer, eanet.ConvStem):
    at = image
    for i in range(tokenizer.patch_px.bit_length() - 1):
      at = _conv_norm(
        part,
        at,
        own[f"conv_{i}"],
        own[f"norm_{i}"],
        stats[tokenizer.scope_name][f"norm_{i}"],
        stride=2,
      )
      at = part("gelu", at)
      maps.append(at)
  else:
    at = part("patches", image, px=tokenizer.patch_px)
    at = part("product", at, **_dense(own))
  if model.position_embedding:
    at = part("position", at, position=params["position_embedding"])
  for i in range(model.num_blocks):
    at = _block(part, at, model.block, params[f"block_{i}"])
  return [*maps, at] if model.pool_maps else [at]


def _block(
  part: _Part, tokens: int, block: eanet.Block, params: Variables
) -> int:
  """Appends a block of the transformer."""
  if block.depthwise_size:
    by_depth = part(
      "depthwise",
      tokens,
      size=block.depthwise_size,
      stride=1,
      **_dense(params["depthwise"]),
    )
    tokens = part("add", tokens, by_depth)
  y = part("norm", tokens, **params["attention_norm"])
  y = _attention(part, y, block.attention, params.get("attention", {}))
  tokens = part("add", tokens, y)
  y = part("norm", tokens, **params["mlp_norm"])
  y = part("gelu", part("product", y, **_dense(params["mlp_in"])))
  return part("product", y, tokens, **_dense(params["mlp_out"]))


def _attention(
  part: _Part, tokens: int, module: nn.Module, params: Variables
) -> int:
  """Appends attention of any kind."""
  if isinstance(module, attention.ExternalAttention):
    key = params.get("memory_key", params.get("memory"))
    value = params.get("memory_value", params.get("memory"))
    heads, slots, width = key.shape
    y = part("product", tokens, kernel=key.reshape(heads * slots, width).T)
    y = part(
      "memory_weights", y, heads=heads, normalisation=module.normalisation
    )
    value = value.reshape(heads * slots, width)
    return part("product", y, kernel=value, bias=params["bias"])
  if isinstance(module, attention.SelfAttention):

    def project(name: str) -> int:
      kernel, bias = params[name]["kernel"], params[name]["bias"]
      flat = kernel.reshape(kernel.shape[0], -1)
      return part("product", tokens, kernel=flat, bias=bias.reshape(-1))

    y = part(
      "attend",
      *(project(name) for name in ("query", "key", "value")),
      heads=module.num_heads,
      scale=module.key_width**-0.5,
    )
    kernel, bias = params["out"]["kernel"], params["out"]["bias"]
    flat = kernel.reshape(-1, kernel.shape[-1])
    return part("product", y, kernel=flat, bias=bias)
  return part("attend", tokens, tokens, tokens, heads=1, scale=1.0)


def _vgg(
  part: _Part,
  image: int,
  model: vgg.VGG,
  params: Variables,
  stats: Variables,
) -> int:
  """Appends all but the last layer; returns the map that is pooled."""
  backbone, at = model.backbone, image
  _check_float32(backbone.dtype)
  own = params["backbone"]
  for stage, (depth, _) in enumerate(vgg.STAGES, start=1):
    for layer in range(1, depth + 1):
      name = f"{stage}_{layer}"
      norm = running = None
      if backbone.batch_norm:
        norm = own[f"norm{name}"]
        running = stats["backbone"][f"norm{name}"]
      at = _conv_norm(
        part, at, own[f"conv{name}"], norm, running, stride=1, activation="relu"
      )
    at = part("max_pool", at)
  if model.attention is not None:
    y = part("norm", at, **params["attention_norm"])
    y = _attention(part, y, model.attention, params["attention"])
    at = part("add", at, y)
  return at


def _conv_norm(
  part: _Part,
  at: int,
  conv: Variables,
  norm: Variables | None,
  running: Variables | None,
  **attributes: Any,
) -> int:
  """Appends a square convolution with the batch norm behind it, if any."""
  kernel = conv["kernel"]
  bias = conv.get("bias", np.zeros(kernel.shape[-1]))
  if norm is not None and running is not None:
    scale, shift = _folded(norm, running, _NORM_EPSILON)
    kernel, bias = kernel * scale, bias * scale + shift
  return part(
    "conv", at, kernel=kernel, bias=bias, size=len(kernel), **attributes
  )


def _folded(
  norm: Variables, running: Variables, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
  """Scale and shift (c,) of a batch norm."""
  scale = norm["scale"] / np.sqrt(running["var"] + epsilon)
  return scale, norm["bias"] - running["mean"] * scale


def _dense(params: Variables) -> dict[str, np.ndarray]:
  return {"kernel": params["kernel"], "bias": params["bias"]}
