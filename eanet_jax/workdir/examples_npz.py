"""examples.npz: small images for a report, and attention maps of some of them.

results.json holds the text that goes with them.
"""

import dataclasses
import pathlib
import zipfile

import numpy as np

from eanet_jax import errors
from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import checksums_json

FILE = "examples.npz"
_LARGEST = 2**28  # bytes unpacked; some dozens of small images take 2**20


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
    UserError: it was changed or is damaged.
    OSError: it is missing or cannot be read.
  """
  path = workdir / FILE
  checksums_json.check(path)
  # Opened here because NumPy would leave a damaged file open.
  with path.open("rb") as file:
    try:
      with zipfile.ZipFile(file) as members:
        size = sum(member.file_size for member in members.infolist())
      if size > _LARGEST:
        raise ValueError(f"it holds {size:,} bytes")
      with np.load(file, allow_pickle=False) as archive:
        arrays = ExampleArrays(archive["images"], archive["attention"])
    # Damage shows as one of half a dozen errors, an OSError among them.
    except Exception as error:
      raise errors.UserError(
        f"{path} was changed or is damaged: {error}"
      ) from None
  shapes = arrays.images.ndim, arrays.attention.ndim
  kinds = arrays.images.dtype.name, arrays.attention.dtype.name
  if shapes != (3, 4) or kinds != ("uint8", "float32"):
    raise errors.UserError(f"{path} was changed: its arrays are of other kinds")
  return arrays
