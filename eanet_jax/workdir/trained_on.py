"""What a network was trained on, for those who ask how it knows.

trained_on.csv names every micrograph. trained_on.npz holds where each lies
among features, and what left-out specimens told of the network. Its weights are
enough to predict; these say what a prediction is worth.
"""

import dataclasses
import hashlib
import pathlib
import zipfile

import numpy as np

from eanet_jax import errors
from eanet_jax.runtime import atomic_files, csv_files
from eanet_jax.workdir import checksums_json

FILE = "trained_on.csv"
ARRAYS = "trained_on.npz"
_COLUMNS = ("file", "class", "specimen", "um_per_px", "field_um", "digest")
_LARGEST = 2**30  # bytes unpacked: two million micrographs
_DIGEST_BYTES = 16


@dataclasses.dataclass(frozen=True)
class Source:
  """One micrograph that was trained on.

  Attributes:
    file, label, specimen: as the data set names them.
    um_per_px: micrometres that its pixels are wide; None if nothing says.
    field_um: how wide what the network sees at once is; None likewise.
    digest: of what the network sees of it, see `digest`.
  """

  file: str
  label: str
  specimen: str
  um_per_px: float | None
  field_um: float | None
  digest: str


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedOn:
  """All that is kept.

  Attributes:
    micrographs: m of them.
    places: float32 (m, d), where each lies in the directions of
      `novelty.Familiar`; (0, 0) of a network without features.
    typical: how far left-out micrographs are from the nearest one, the median.
    least: float64 (l, c), see `prediction_sets.Sets`.
    specimens: int64 (l,), see there.
    by_micrograph: whether micrographs were left out, not specimens.
  """

  micrographs: tuple[Source, ...]
  places: np.ndarray
  typical: float
  least: np.ndarray
  specimens: np.ndarray
  by_micrograph: bool


def digest(views: np.ndarray) -> str:
  """Returns a hash of what a network sees: uint8 views (t, y, x, 1).

  A file that was moved, renamed or saved in another lossless format has the
  same.
  """
  found = hashlib.blake2b(views.tobytes(), digest_size=_DIGEST_BYTES)
  return found.hexdigest()


def write(workdir: pathlib.Path, kept: TrainedOn) -> None:
  """Writes both files."""
  rows = (
    {
      "file": each.file,
      "class": each.label,
      "specimen": each.specimen,
      "um_per_px": each.um_per_px,
      "field_um": each.field_um,
      "digest": each.digest,
    }
    for each in kept.micrographs
  )
  csv_files.write(workdir / FILE, _COLUMNS, rows)
  atomic_files.write_arrays(
    workdir / ARRAYS,
    {
      "places": kept.places.astype(np.float32),
      "typical": np.asarray(kept.typical, np.float64),
      "least": kept.least.astype(np.float64),
      "specimens": kept.specimens.astype(np.int64),
      "by_micrograph": np.asarray(kept.by_micrograph, np.bool_),
    },
  )


def read(workdir: pathlib.Path) -> TrainedOn | None:
  """Returns what a workdir keeps; None if its run is not finished.

  Runs by earlier versions of this program keep nothing.

  Raises:
    UserError: it was changed or is damaged.
    OSError: it cannot be read.
  """
  for name in (FILE, ARRAYS):
    checksums_json.check(workdir / name)
  if not ((workdir / FILE).exists() and (workdir / ARRAYS).exists()):
    return None
  with csv_files.as_written(workdir / FILE):
    micrographs = tuple(
      Source(
        row["file"],
        row["class"],
        row["specimen"],
        float(row["um_per_px"]) if row["um_per_px"] else None,
        float(row["field_um"]) if row["field_um"] else None,
        row["digest"],
      )
      for row in csv_files.read(workdir / FILE, _COLUMNS)
    )
  arrays = _arrays(workdir / ARRAYS)
  if len(arrays["places"]) not in (0, len(micrographs)):
    raise errors.UserError(
      f"{workdir / ARRAYS} was changed: it is of {len(arrays['places'])}"
      f" micrographs, {FILE} of {len(micrographs)}"
    )
  return TrainedOn(
    micrographs=micrographs,
    places=arrays["places"],
    typical=float(arrays["typical"]),
    least=arrays["least"],
    specimens=arrays["specimens"],
    by_micrograph=bool(arrays["by_micrograph"]),
  )


def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Returns the arrays of the file; nothing in it is executed."""
  kinds = {
    "places": ("float32", 2),
    "typical": ("float64", 0),
    "least": ("float64", 2),
    "specimens": ("int64", 1),
    "by_micrograph": ("bool", 0),
  }
  with path.open("rb") as file:
    try:
      with zipfile.ZipFile(file) as members:
        size = sum(member.file_size for member in members.infolist())
      if size > _LARGEST:
        raise ValueError(f"it holds {size:,} bytes")
      with np.load(file, allow_pickle=False) as archive:
        found = {name: archive[name] for name in kinds}
    # Damage shows as one of half a dozen errors, an OSError among them.
    except Exception as error:
      raise errors.UserError(
        f"{path} was changed or is damaged: {error}"
      ) from None
  for name, (kind, axes) in kinds.items():
    if found[name].dtype.name != kind or found[name].ndim != axes:
      raise errors.UserError(f"{path} was changed: {name} is of another kind")
  return found
