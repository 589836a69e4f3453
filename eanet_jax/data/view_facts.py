"""Numbers about views that are costly to find, kept beside the views' file.

Takes the views and what finds the numbers, gives the numbers. The file is a
cache and no part of a data set: one that is damaged is made again, and in a
folder that cannot be written to there is none.
"""

import contextlib
import pathlib
from collections.abc import Callable

import numpy as np

from eanet_jax.runtime import atomic_files


def kept(
  images: np.ndarray, name: str, width: int, find: Callable[[], np.ndarray]
) -> np.ndarray:
  """Returns float32 (v, width), a row for each view.

  Args:
    images: (v, y, x, 1); kept beside its file if it is a memory map.
    name: of the file; another for whatever would find other numbers.
    width: numbers of a view.
    find: finds them all.
  """
  file = getattr(images, "filename", None)
  if file is None:
    return find()
  path = pathlib.Path(file).with_name(f"{name}.npz")
  found = _read(path, (len(images), width))
  if found is None:
    found = find()
    # In a folder that cannot be written to, they are found each time.
    with contextlib.suppress(OSError):
      atomic_files.write_arrays(path, {"rows": found})
  return found


def _read(path: pathlib.Path, shape: tuple[int, int]) -> np.ndarray | None:
  """Returns the float32 array of a file; None if it holds anything else."""
  try:
    # A zip archive, whose checksum finds damage. NumPy would leave it open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
      found = archive["rows"]
  except Exception:  # damage shows as one of half a dozen errors
    return None
  usable = (
    isinstance(found, np.ndarray)
    and found.dtype == np.float32
    and found.shape == shape
    and np.isfinite(found).all()
  )
  return found if usable else None
