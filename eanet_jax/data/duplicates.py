"""Which micrographs show the same picture: copies, and frames of one field.

Takes cleaned micrographs, gives pairs of them. A copy may have been resized,
saved once more as a JPEG or taken a moment later; a network that was trained on
one and is tested on the other has seen the answer.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
from PIL import Image

# Of a square thumbnail, in which noise and JPEG blocks have gone.
_SIDE = 32
# Correlation above which thumbnails show one field. Other fields, also of the
# same specimen, stay below 0.8 in four sets of real images with 5,000 files.
_ALIKE = 0.9
# In each quarter too: what is burnt into all images of a set, as a scale bar or
# a data bar that was not found, must not make them alike.
_QUARTERS_ALIKE = 0.7
# Grey levels that a thumbnail must vary by, or it shows nothing.
_LEAST_SPREAD = 0.1
_BLOCK = 1024  # of thumbnails, compared with all others at once

FINGERPRINT = np.dtype(
  [("pixels", "u1", 32), ("thumbnail", "<f4", (_SIDE, _SIDE))]
)


def fingerprint(image: np.ndarray) -> np.ndarray:
  """Returns what copies of a uint8 image (y, x) share: () of FINGERPRINT."""
  found = np.zeros((), FINGERPRINT)
  content = hashlib.sha256(f"{image.shape}".encode())
  content.update(image.tobytes())
  found["pixels"] = np.frombuffer(content.digest(), np.uint8)
  picture = Image.fromarray(image)
  # Whole pixels are put together first: float32 of a stitched micrograph would
  # take four times its memory.
  factor = min(picture.size) // (8 * _SIDE)
  if factor > 1:
    picture = picture.reduce(factor)
  small = picture.convert("F").resize((_SIDE, _SIDE), Image.Resampling.BOX)
  found["thumbnail"] = np.asarray(small)
  return found


def pairs(fingerprints: Iterable[np.ndarray]) -> list[tuple[int, int]]:
  """Returns the pairs (i, j), i < j, that show the same picture, in order.

  Of pictures that are equal pixel for pixel, each is paired with the first.

  Args:
    fingerprints: of m micrographs.
  """
  prints = np.array(list(fingerprints), FINGERPRINT)  # (m,)
  if not len(prints):
    return []
  _, first, same_as = np.unique(
    prints["pixels"], axis=0, return_index=True, return_inverse=True
  )
  origin = first[same_as.ravel()]
  copies = np.flatnonzero(origin != np.arange(len(prints)))
  found = [(int(origin[i]), int(i)) for i in copies]
  return sorted(found + _alike(prints["thumbnail"], np.sort(first)))


def _alike(thumbnails: np.ndarray, of: np.ndarray) -> list[tuple[int, int]]:
  """The pairs among the thumbnails numbered `of`."""
  whole, spread = _standardised(thumbnails[of], degree=2)
  of, whole = of[spread > _LEAST_SPREAD], whole[spread > _LEAST_SPREAD]
  half = _SIDE // 2
  quarters = [
    _standardised(thumbnails[of, y : y + half, x : x + half], degree=1)[0]
    for y in (0, half)
    for x in (0, half)
  ]
  found: list[tuple[int, int]] = []
  for start in range(0, len(of), _BLOCK):
    block = whole[start : start + _BLOCK]
    i, j = np.nonzero(block @ whole[start:].T > _ALIKE)
    i, j = i[i < j] + start, j[i < j] + start
    for quarter in quarters:
      alike = np.einsum("pk,pk->p", quarter[i], quarter[j]) > _QUARTERS_ALIKE
      i, j = i[alike], j[alike]
    found += zip(of[i].tolist(), of[j].tolist(), strict=True)
  return found


def _standardised(
  pictures: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray]:
  """float32 (m, pixels) of norm 1, and the spread in grey levels (m,).

  Light that falls off to one side or all sides is taken off first, as a
  polynomial: it is the microscope's, and alike in all that it takes.
  """
  count, side, _ = pictures.shape
  axis = np.linspace(-1, 1, side)
  terms = [
    np.outer(axis**a, axis**b).ravel()
    for a in range(degree + 1)
    for b in range(degree + 1 - a)
  ]
  base = np.linalg.qr(np.stack(terms, 1))[0].astype(np.float32)
  flat = pictures.reshape(count, side**2).astype(np.float32)
  flat -= flat @ base @ base.T
  norm = np.linalg.norm(flat, axis=1)
  return flat / np.maximum(norm, 1e-6)[:, None], norm / side
