"""VGG16's features, by scipy's correlations."""

import numpy as np
from scipy import signal

STAGES = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3"]
STAGES += ["4_1", "4_2", "4_3", "5_1", "5_2", "5_3"]


def correlations(image, kernel, bias):
  """(y, x, d) of image (y, x, c), zeros around it, and kernel (3, 3, c, d)."""
  maps = [
    sum(
      signal.correlate2d(image[..., c], kernel[..., c, d], mode="same")
      for c in range(kernel.shape[2])
    )
    for d in range(kernel.shape[3])
  ]
  return np.stack(maps, axis=-1) + bias


def halved(image):
  """The largest of each 2 x 2 pixels; an odd last row or column is left."""
  rows, columns = image.shape[0] // 2, image.shape[1] // 2
  out = np.empty((rows, columns, image.shape[2]))
  for y in range(rows):
    for x in range(columns):
      out[y, x] = image[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max(axis=(0, 1))
  return out


def features(p, stats, image):
  """(y, x, c) of one image, by the parameters of the backbone.

  Args:
    p: by path, e.g. "conv1_1/kernel".
    stats: of batch norm, by path; empty without.
    image: (y, x, c).
  """
  for before, stage in zip(["1", *STAGES], STAGES, strict=False):
    if before[0] != stage[0]:
      image = halved(image)
    kernel, bias = p[f"conv{stage}/kernel"], p[f"conv{stage}/bias"]
    image = correlations(image, kernel, bias)
    if stats:
      norm = f"norm{stage}"
      spread = np.sqrt(stats[f"{norm}/var"] + 1e-5)
      image = (image - stats[f"{norm}/mean"]) / spread
      image = image * p[f"{norm}/scale"] + p[f"{norm}/bias"]
    image = np.maximum(image, 0)
  return halved(image)
