"""The networks by name: from the `model` group of a configuration.

Takes plain values, gives a Flax module that takes images to logits.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from eanet_jax import errors
from eanet_jax.models import eanet, vgg

# Fields of a configuration's `model` group that are about its weights.
_NOT_OF_THE_NETWORK = ("name", "pretrained", "frozen_epochs")
_NETWORKS = {"eanet": eanet.EANet, "vgg": vgg.VGG}


def create(model: Mapping[str, Any], num_classes: int) -> nn.Module:
  """Returns the network that the `model` group of a configuration describes.

  Raises:
    UserError: the group is of another version of this program.
  """
  fields = {k: v for k, v in model.items() if k not in _NOT_OF_THE_NETWORK}
  try:
    return _NETWORKS[model["name"]](num_classes=num_classes, **fields)
  except (KeyError, TypeError) as error:
    raise errors.UserError(
      "the run is of another version of this program and its network cannot be"
      f" built ({error}): train it again"
    ) from None


def title(model: Mapping[str, Any]) -> str:
  """Returns what people call the network, e.g. "EANet, 16 heads x 16 slots"."""
  if model["name"] == "vgg":
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
    parts += ["convolutional stem"] * (model.get("stem") == "convolutions")
  parts += ["pre-trained"] * bool(model["pretrained"])
  return ", ".join(parts)
