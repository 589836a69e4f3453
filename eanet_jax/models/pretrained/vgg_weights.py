"""A VGG16 of Keras or PyTorch under the names that this program has."""

import collections
import re
from typing import Any

from eanet_jax.models.pretrained import weight_files

# Keras' published VGG16 takes grey levels less their mean, not divided by
# their spread; this program's images have unit spread, as PyTorch's have.
# ImageNet's levels have a spread of 0.226 of the full 255.
_GREY_LEVEL_SPREAD = 57.6


def convert(
  tensors: weight_files.Tensors, old: dict[str, Any]
) -> weight_files.Tensors:
  """Returns {path: value} of a VGG's backbone; kernels are (y, x, c, d)."""
  if any("batch_normalization" in name for name in tensors):
    raise weight_files.WrongFile(
      "has batch norms of Keras; only PyTorch's can be loaded"
    )
  found: dict[int, weight_files.Tensors] = collections.defaultdict(dict)
  for name, tensor in tensors.items():
    if match := re.fullmatch(r"(?:.*\.)?features\.(\d+)\.(\w+)", name):
      tensor = tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor
      found[int(match[1])][match[2]] = tensor
  keras = weight_files.keras_layers(tensors, r"block\d_conv\d|conv2d")
  layers = keras or [found[i] for i in sorted(found)]
  is_conv = [
    "weight" in layer and layer["weight"].ndim == 4 for layer in layers
  ]
  stages = re.findall(r"backbone/conv(\w+)/kernel", " ".join(sorted(old)))
  n = len(stages)
  if is_conv not in ([True] * n, [True, False] * n):
    raise weight_files.WrongFile(
      f"has {sum(is_conv)} convolutions and {is_conv.count(False)} norms under"
      f" known names, VGG16 {n} and one after each or none"
    )
  norms = not all(is_conv)
  if norms != any(path.startswith("batch_stats/") for path in old):
    raise weight_files.WrongFile(
      f"has {'' if norms else 'no '}batch norms and the network has"
      f" {'none' if norms else 'them'}: set --config.model.batch_norm={norms}"
    )
  new, stage = {}, -1
  for layer, conv in zip(layers, is_conv, strict=True):
    stage += conv  # a norm belongs to the convolution before it
    name = f"backbone/{'conv' if conv else 'norm'}{stages[stage]}"
    for leaf, tensor in layer.items():
      group = "batch_stats" if leaf.startswith("running_") else "params"
      leaf = leaf.removeprefix("running_")
      if leaf == "weight":
        leaf = "kernel" if conv else "scale"
      new[f"{group}/{name}/{leaf}"] = tensor
  first = f"params/backbone/conv{stages[0]}/kernel"
  if keras:  # whose channels are in the order blue, green, red
    new[first] = _GREY_LEVEL_SPREAD * new[first][:, :, ::-1]
  new[first] = weight_files.sum_over_rgb(new[first], old[first])
  return new
