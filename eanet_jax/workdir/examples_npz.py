"""examples.npz: small images of a report, and attention maps of some of them.

results.json has the words that go with them.
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
    images: uint8 (k, y, x), small.
    attention: float32 (a, maps, gy, gx), of the examples that results.json
      lists under "attention"; (0, 0, 0, 0) of a network without.
  """

  images: np.ndarray
  attention: np.ndarray


def write(workdir: pathlib.Path, arrays: ExampleArrays) -> None:
  """Writes WORKDIR/examples.npz."""
  atomic_files.write_arrays(workdir / FILE, dataclasses.asdict(arrays))


def read(workdir: pathlib.Path) -> ExampleArrays:
  """Returns the arrays of a workdir; nothing in the file is executed.

  Raises:
    OSError, ValueError, KeyError, zipfile.BadZipFile: it is not there, or not
      what `write` wrote.
  """
  # Opened here: of a damaged file NumPy would leave it open.
  with (
    (workdir / FILE).open("rb") as file,
    np.load(file, allow_pickle=False) as archive,
  ):
    return ExampleArrays(archive["images"], archive["attention"])
