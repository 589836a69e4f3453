"""examples.npz: small images for a report, and attention maps of some of them.

results.json holds the text that goes with them.
"""

import dataclasses
import pathlib

import numpy as np

from eanet_jax.runtime import atomic_files

FILE = "examples.npz"


@dataclasses.dataclass(frozen=True, eq=False)
class ExampleArrays:
  """What is in the file.

  Attributes:
    images: uint8 (k, y, x), scaled down.
    attention: float32 (a, maps, gy, gx), of the examples that results.json
      lists under "attention"; (0, 0, 0, 0) if the network has no attention.
  """

  images: np.ndarray
  attention: np.ndarray


def write(workdir: pathlib.Path, arrays: ExampleArrays) -> None:
  """Writes WORKDIR/examples.npz."""
  atomic_files.write_arrays(workdir / FILE, dataclasses.asdict(arrays))


def read(workdir: pathlib.Path) -> ExampleArrays:
  """Returns the arrays of a workdir; nothing in the file is executed.

  Raises:
    OSError, ValueError, KeyError, zipfile.BadZipFile: the file is missing, or
      is not what `write` wrote.
  """
  # Opened here because NumPy would leave a damaged file open.
  with (
    (workdir / FILE).open("rb") as file,
    np.load(file, allow_pickle=False) as archive,
  ):
    return ExampleArrays(archive["images"], archive["attention"])
