"""What could tell the classes of a data set apart without the microstructure.

Takes numbers of each micrograph, gives lines for people, to be read before
training: a network learns whatever tells classes, magnification or exposure as
well as any phase.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from eanet_jax.runtime import wording

# Of a class's micrographs, the middle so many are looked at: one odd picture
# neither makes nor hides a shortcut.
_MIDDLE = (0.05, 0.95)
_FEWEST = 3  # micrographs of a class
_PAIRS_SHOWN = 3
# What numbers are called, and their unit.
_WORDS = {
  "um_per_px": ("magnification", " um/px"),
  "pixels": ("size", " Mpx"),
  "mean": ("brightness", ""),
  "std": ("contrast", ""),
}


def remarks(
  class_names: Sequence[str],
  labels: np.ndarray,
  numbers: Mapping[str, np.ndarray],
) -> list[str]:
  """Returns a line for each thing that tells some classes apart.

  Args:
    class_names: l names.
    labels: int (m,).
    numbers: "um_per_px", "pixels" (in millions), "mean" and "std" of each of
      the m micrographs, float; NaN is unknown.
  """
  found = _scales(class_names, labels, numbers["um_per_px"])
  sizes = np.unique(numbers["pixels"])
  for name, (word, unit) in _WORDS.items():
    if name == "pixels" and len(sizes) == 1:
      continue
    if pairs := _apart(labels, numbers[name], len(class_names)):
      told = [
        f"{class_names[a]} ({low:.3g}{unit} at most) from"
        f" {class_names[b]} ({high:.3g}{unit} at least)"
        for a, b, low, high in pairs[:_PAIRS_SHOWN]
      ]
      if len(pairs) > len(told):
        told.append(f"{len(pairs) - len(told)} more pairs")
      found.append(f"{word} alone tells " + ", ".join(told))
  return found


def _scales(
  class_names: Sequence[str], labels: np.ndarray, um_per_px: np.ndarray
) -> list[str]:
  """Lines about micrographs whose scale is unknown, where some are known."""
  unknown = np.isnan(um_per_px)
  if not unknown.any() or unknown.all():
    return []
  count = wording.count(int(unknown.sum()), "micrograph")
  lines = [f"{count} of {len(labels)} without a scale"]
  of_class = [unknown[labels == label] for label in range(len(class_names))]
  without = [
    name for name, each in zip(class_names, of_class, strict=True) if each.all()
  ]
  whole = [
    name
    for name, each in zip(class_names, of_class, strict=True)
    if len(each) and not each.any()
  ]
  if without and whole:
    lines[0] += (
      f": all of {wording.listed(without, _PAIRS_SHOWN)}, none of"
      f" {wording.listed(whole, _PAIRS_SHOWN)}: is it another microscope?"
    )
  return lines


def _apart(
  labels: np.ndarray, values: np.ndarray, classes: int
) -> list[tuple[int, int, float, float]]:
  """Pairs of classes whose values do not overlap, the clearest first.

  Each is (a, b, the highest value of a, the lowest of b).
  """
  low, high = np.full(classes, np.nan), np.full(classes, np.nan)
  for label in range(classes):
    own = values[labels == label]
    own = own[~np.isnan(own)]
    if len(own) >= _FEWEST:
      low[label], high[label] = np.quantile(own, _MIDDLE, method="nearest")
  with np.errstate(invalid="ignore"):
    gap = low[None] - high[:, None]  # (a, b): b begins above where a ends
  pairs = np.argwhere(gap > 1e-3 * np.abs(low[None]))
  order = np.argsort(-gap[tuple(pairs.T)], kind="stable")
  return [
    (int(a), int(b), float(high[a]), float(low[b])) for a, b in pairs[order]
  ]
