"""Norms, GELU and convolutions by their formulas."""

import numpy as np
from scipy import special


def layer_norm(x, scale, bias):
  centred = x - x.mean(axis=-1, keepdims=True)
  variance = (centred**2).mean(axis=-1, keepdims=True)
  return centred / np.sqrt(variance + 1e-6) * scale + bias


def batch_norm(x, p, stats, name):
  """By the running averages, as at inference."""
  centred = x - stats[f"{name}/mean"]
  scale = p[f"{name}/scale"] / np.sqrt(stats[f"{name}/var"] + 1e-5)
  return centred * scale + p[f"{name}/bias"]


def gelu(x):
  return x * (1 + special.erf(x / np.sqrt(2))) / 2


def strided_conv(x, kernel):
  """3 x 3 with stride 2; of an even side, zeros beyond its end alone."""
  padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
  height, width = x.shape[1:3]
  return sum(
    padded[:, i : i + height : 2, j : j + width : 2] @ kernel[i, j]
    for i, j in np.ndindex(3, 3)
  )


def depthwise_conv(x, kernel):
  """Each channel by its own kernel (k, k, d), place by place and tap by tap."""
  k, out = len(kernel), np.zeros_like(x)
  for row, column in np.ndindex(x.shape[1:3]):
    for i, j in np.ndindex(k, k):
      y, z = row + i - k // 2, column + j - k // 2
      if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
        out[:, row, column] += x[:, y, z] * kernel[i, j]
  return out
