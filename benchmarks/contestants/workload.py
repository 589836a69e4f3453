"""What all contestants of a race are given: the same images, in batches."""

import dataclasses

import numpy as np

CLASSES = 3
_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class Asked:
  """One race.

  Attributes:
    network: stem of the recipe's file in configs/.
    mode: "train" or "infer".
    batch: images in a step.
    image_px: side of an image.
    blocks: of a transformer.
    dtype: of our activations; those of others are float32.
  """

  network: str
  mode: str
  batch: int
  image_px: int
  blocks: int
  dtype: str


def images(asked: Asked) -> tuple[np.ndarray, np.ndarray]:
  """Returns float32 grey levels (n, y, x, 1) and labels int (n,)."""
  count = max(_IMAGES, asked.batch)
  rng = np.random.default_rng(0)
  shape = (count, asked.image_px, asked.image_px, 1)
  grey = rng.integers(0, 256, shape, dtype=np.uint8).astype(np.float32)
  return grey, np.arange(count) % CLASSES


def batches(asked: Asked, rows: np.ndarray) -> list[np.ndarray]:
  """Returns rows (n, ...) as batches (b, ...), the last one filled up."""
  return [
    np.take(rows, np.arange(start, start + asked.batch), axis=0, mode="wrap")
    for start in range(0, len(rows), asked.batch)
  ]
