"""EfficientNet-Lite0 in float64 NumPy, from the tensors as its file has them.

Batch norms stand on their own, the image has three channels, and a convolution
is a loop over its taps: nothing is folded, summed or fenced.
"""

import numpy as np

# Repeats, kernel, stride, expansion: Tan & Le, table 1.
STAGES = (
  (1, 3, 1, 1),
  (2, 3, 2, 6),
  (2, 5, 2, 6),
  (3, 3, 2, 6),
  (3, 5, 1, 6),
  (4, 5, 2, 6),
  (1, 3, 1, 6),
)


def convolve(x, weight, stride):
  """x (b, y, x, c), weight (d, c / groups, k, k), zeros beyond the edges."""
  size, depthwise = weight.shape[-1], weight.shape[1] == 1
  sides = [-(-side // stride) for side in x.shape[1:3]]
  edges = []
  for side, out in zip(x.shape[1:3], sides, strict=True):
    missing = max((out - 1) * stride + size - side, 0)
    edges.append((missing // 2, missing - missing // 2))
  x = np.pad(x, [(0, 0), *edges, (0, 0)])
  total = 0.0
  for i in range(size):
    for j in range(size):
      tap = x[:, i : i + (sides[0] - 1) * stride + 1 : stride]
      tap = tap[:, :, j : j + (sides[1] - 1) * stride + 1 : stride]
      own = weight[..., i, j]
      total = total + (tap * own[:, 0] if depthwise else tap @ own.T)
  return total


def normalise(x, tensors, name):
  mean, variance = (tensors[f"{name}.running_{n}"] for n in ("mean", "var"))
  scaled = (x - mean) / np.sqrt(variance + 1e-3)
  return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def maps(tensors, images):
  """Maps of the stem and of all blocks, of images (b, y, x, 1)."""
  tensors = {name: value.astype("f8") for name, value in tensors.items()}
  relu6 = lambda x: np.minimum(np.maximum(x, 0), 6)

  def layer(x, convolution, norm, stride=1):
    x = convolve(x, tensors[f"{convolution}.weight"], stride)
    return normalise(x, tensors, norm)

  x = np.repeat(images.astype("f8"), 3, axis=-1)
  found = [relu6(layer(x, "_conv_stem", "_bn0", 2))]
  number = 0
  for repeats, _, stride, expansion in STAGES:
    for i in range(repeats):
      name, x = f"_blocks.{number}.", found[-1]
      y = x
      if expansion > 1:
        y = relu6(layer(y, f"{name}_expand_conv", f"{name}_bn0"))
      own = stride if i == 0 else 1
      y = relu6(layer(y, f"{name}_depthwise_conv", f"{name}_bn1", own))
      y = layer(y, f"{name}_project_conv", f"{name}_bn2")
      found.append(x + y if x.shape == y.shape else y)
      number += 1
  return found
