"""The networks by name: from the `model` group of a configuration.

Takes plain values, gives a Flax module that takes images to logits. Only here
are the fields of that group translated into modules.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from eanet_jax import errors
from eanet_jax.models import (
  attention,
  eanet,
  efficientnet_lite,
  transfer,
  vgg,
)
from eanet_jax.models.pretrained import efficientnet_lite0

# Fields of a configuration's `model` group that are about its weights.
_NOT_OF_THE_NETWORK = ("name", "pretrained", "frozen_epochs")


def create(model: Mapping[str, Any], outputs: int) -> nn.Module:
  """Returns the network that the `model` group of a configuration describes.

  Args:
    model: see configs/default.py.
    outputs: logits of an image, one for each class.

  Raises:
    UserError: another version of this program wrote the group.
  """
  makers: dict[str, Callable[..., nn.Module]] = {
    "eanet": _eanet,
    "vgg": _vgg,
    "transfer": _transfer,
  }
  fields = {k: v for k, v in model.items() if k not in _NOT_OF_THE_NETWORK}
  try:
    return makers[model["name"]](outputs, **fields)
  except (KeyError, TypeError) as error:
    raise errors.UserError(
      "the run is of another version of this program and its network cannot be"
      f" built ({error}): train it again"
    ) from None


def _eanet(
  num_classes: int,
  *,
  attention_type: str,
  num_heads: int,
  num_slots: int,
  normalisation: str,
  key_width: int,
  attention_dropout_rate: float,
  stem: str,
  patch_px: int,
  width: int,
  num_blocks: int,
  mlp_width: int,
  depthwise_size: int,
  position_embedding: bool,
  pooling: str,
  dropout_rate: float,
  dtype: str,
) -> eanet.EANet:
  """Returns EANet; with self-attention it is the conventional ViT."""
  tokenizers = {"patches": eanet.PatchEmbedding, "convolutions": eanet.ConvStem}
  attend: nn.Module
  if attention_type == "self":
    attend = attention.SelfAttention(
      num_heads, key_width, attention_dropout_rate
    )
  elif attention_type == "simplified":
    attend = attention.SimplifiedSelfAttention(attention_dropout_rate)
  else:
    single_memory = {"external": False, "single_memory": True}[attention_type]
    attend = attention.ExternalAttention(
      num_heads, num_slots, single_memory, normalisation, attention_dropout_rate
    )
  return eanet.EANet(
    num_classes,
    tokenizer=tokenizers[stem](patch_px, width, jnp.dtype(dtype)),
    block=eanet.Block(attend, mlp_width, depthwise_size, dropout_rate),
    num_blocks=num_blocks,
    position_embedding=position_embedding,
    pool_maps={"mean": False, "maps": True}[pooling],
    dropout_rate=dropout_rate,
  )


def _vgg(
  num_classes: int,
  *,
  attention_type: str,
  num_heads: int,
  num_slots: int,
  attention_dropout_rate: float,
  width_multiplier: float,
  batch_norm: bool,
  dropout_rate: float,
  dtype: str,
) -> vgg.VGG:
  """Returns VGG16, plain or with attention over its last feature map."""
  external = attention.ExternalAttention(
    num_heads, num_slots, dropout_rate=attention_dropout_rate
  )
  return vgg.VGG(
    num_classes,
    backbone=vgg.Backbone(width_multiplier, batch_norm, jnp.dtype(dtype)),
    attention={"none": None, "external": external}[attention_type],
    dropout_rate=dropout_rate,
  )


def _transfer(num_classes: int, *, trunk: str, dtype: str) -> transfer.Transfer:
  """Returns a linear classifier of what a frozen trunk sees."""
  if trunk != "efficientnet_lite0":
    raise KeyError(trunk)
  return transfer.Transfer(
    num_classes, efficientnet_lite.Trunk(dtype=jnp.dtype(dtype))
  )


def frozen_weights(model: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the "frozen" collection of a network, {} if it has none.

  Args:
    model: the `model` group of a configuration.

  Raises:
    UserError: the weights are missing, or are not those that are known.
  """
  if model["name"] != "transfer":
    return {}
  load = {"efficientnet_lite0": efficientnet_lite0.load}[model["trunk"]]
  return {"trunk": load()}


def title(model: Mapping[str, Any]) -> str:
  """Returns what people call the network, e.g. "EANet, 16 x 16 slots"."""
  if model["name"] == "transfer":
    parts = ["Linear classifier on a frozen EfficientNet-Lite0"]
  elif model["name"] == "vgg":
    parts = ["VGG16" + (" + attention" * (model["attention_type"] != "none"))]
    if model["width_multiplier"] != 1:
      parts.append(f"{model['width_multiplier']:g} of its width")
    parts += ["batch norm"] * model["batch_norm"]
  elif model["attention_type"] in ("self", "simplified"):
    parts = ["ViT"]
    parts += ["simplified self-attention"] * (model["attention_type"] != "self")
  else:
    parts = ["EANet", f"{model['num_heads']} x {model['num_slots']} slots"]
    parts += ["one memory"] * (model["attention_type"] == "single_memory")
    parts += ["convolutional stem"] * (model["stem"] == "convolutions")
  parts += ["pre-trained"] * bool(model["pretrained"])
  return ", ".join(parts)
