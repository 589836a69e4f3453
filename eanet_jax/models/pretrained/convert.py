"""Weights from a file of Keras or PyTorch, to fine-tune a network from.

Takes a file and the freshly initialised variables of a VGG or an EANet, gives
those variables with all that the file has for the network.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import flax.traverse_util
import numpy as np

from eanet_jax import errors
from eanet_jax.models.pretrained import (
  eanet_weights,
  vgg_weights,
  weight_files,
)


def load(
  file: pathlib.Path, params: dict[str, Any], batch_stats: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Returns new (params, batch_stats), float32 where the file has weights.

  A VGG keeps its head and attention as initialised, an EANet its head if the
  file's has another number of classes. A kernel of three channels is summed
  over them where the network has one: a grey image has the same in all three.

  The Keras example of an EANet standardises images itself; here they come
  standardised. Its GELU is the tanh form, within 5e-4 of the exact one, and its
  layer norms add 1e-5 to the variance where these add 1e-6.

  Args:
    file: a Keras model as .h5 or .hdf5, or a PyTorch state dict, under
      torchvision's names or those that `eanet_weights` lists, as
      .safetensors or .npz.
    params: of a VGG ("backbone") or an EANet ("block_0").
    batch_stats: of the same network; empty without batch norm.

  Raises:
    UserError: the file cannot be read, or is not of this network.
  """
  old = flax.traverse_util.flatten_dict(
    {"params": params, "batch_stats": batch_stats}, sep="/"
  )
  new: Mapping[str, np.ndarray | None]  # None of what a file lacks
  try:
    tensors = weight_files.read(file)
    network = vgg_weights if "backbone" in params else eanet_weights
    new = network.convert(tensors, old)
    for path in sorted(new.keys() | old.keys()):
      _check(path, new.get(path), old.get(path))
  except weight_files.WrongFile as error:
    raise errors.UserError(f"{file} {error}") from None
  for path, value in new.items():
    old[path] = np.ascontiguousarray(value, np.float32)
  merged = flax.traverse_util.unflatten_dict(old, sep="/")
  return merged["params"], merged.get("batch_stats", {})


def _check(path: str, new: np.ndarray | None, old: Any) -> None:
  """Raises WrongFile unless `new` can replace `old`."""
  name = path.partition("/")[2]
  layer = name.partition("/")[0]
  if new is None:
    if layer not in ("head", "attention", "attention_norm"):
      raise weight_files.WrongFile(f"has no weights for {name}")
  elif old is None:
    raise weight_files.WrongFile(
      f"has weights for {name}, which the network has not"
    )
  elif new.shape != old.shape:
    advice = (
      "pretrained weights need --config.model.width_multiplier=1"
      if layer == "backbone"
      else "model.width, mlp_width and patch_px, and dataset.image_px, must be"
      " those it was trained with"
    )
    raise weight_files.WrongFile(
      f"has {name} of shape {new.shape}, the network {old.shape}: {advice}"
    )
