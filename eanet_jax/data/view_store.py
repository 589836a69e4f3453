"""What a network sees of a data set, kept as one array file.

Takes a source and a view, gives `Views`: uint8 images in a memory-mapped file,
so that any is at hand in any order. They are decoded and resized once, by way
of TFRecords, which stay beside them for other programs; where TensorFlow cannot
be imported, straight from the source. The files are the same byte for byte.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import pathlib
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

import numpy as np

from eanet_jax import errors
from eanet_jax.data import (
  built_files,
  cleaning,
  duplicates,
  file_limits,
  micrographs,
  sources,
)
from eanet_jax.runtime import atomic_files, console

# From a uint8 image (y, x), uint8 views (t, y, x).
_MakeViews = Callable[[np.ndarray], np.ndarray]
# An entry, its views, and the fingerprint of its micrograph.
_Found = tuple[sources.Entry, np.ndarray, np.ndarray]
_IMAGES = "images.u8"


@dataclasses.dataclass(frozen=True)
class Views:
  """What a network sees of a data set, one view after another.

  v views (micrographs, or tiles of them) of m micrographs.

  Attributes:
    images: uint8 (v, y, x, 1), memory-mapped.
    micrograph: int32 (v,), which micrograph a view is of.
    labels: int32 (m,).
    specimens, files: str, one for each micrograph.
    class_names: l names.
    skipped: (file, reason) of files that could not be used.
    unmatched: lines about files of no class.
    digest: hexadecimal; of the images, of which micrograph each is and what
      label that has. Names and folders are no part of it.
    remarks: (file, remark) of files that could be used.
    numbers: float64 (m,) by `cleaning.NUMBERS`; NaN is unknown.
    copies: pairs (i, j) of micrographs that show the same picture, i < j.
  """

  images: np.ndarray
  micrograph: np.ndarray
  labels: np.ndarray
  specimens: tuple[str, ...]
  files: tuple[str, ...]
  class_names: tuple[str, ...]
  skipped: tuple[tuple[str, str], ...]
  unmatched: tuple[str, ...]
  digest: str
  remarks: tuple[tuple[str, str], ...] = ()
  numbers: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
  copies: tuple[tuple[int, int], ...] = ()

  def of(self, micrograph_indices: np.ndarray) -> np.ndarray:
    """Returns int64 indices of the views of these micrographs."""
    return np.flatnonzero(np.isin(self.micrograph, micrograph_indices))


def load(
  source: sources.Source,
  data_dir: str,
  *,
  limits: file_limits.Limits,
  view: str,
  image_px: int,
  tile_px: int,
) -> Views:
  """Returns the views of a source, building what is not there yet.

  Args:
    source: what to build from.
    data_dir: where data sets are kept; "" for TFDS's own default.
    limits: of each file. What was built stays good, except that files which
      were kept out are read again where they may take more.
    view: "whole" or "tiles".
    image_px: side of a view.
    tile_px: side of a tile before it is resized; not used by "whole".

  Raises:
    UserError: the source holds too few usable images, or data_dir cannot be
      written.
  """
  name = f"whole-{image_px}px"
  if view == "tiles":
    name = f"tiles-{tile_px}px-{image_px}px"
  root = built_files.home(data_dir) / f"{source.name}-{source.digest[:16]}"
  folder = root / "views" / name
  try:
    if _fault(folder, limits):
      root.mkdir(parents=True, exist_ok=True)
      with built_files.only_builder(root):
        # Another run may have built it meanwhile.
        if fault := _fault(folder, limits):
          if folder.is_dir():
            console.say(f"{folder} {fault}: building it again")
          _build(source, root, folder, limits, view, image_px, tile_px)
    # Other files may come and go without the data set being another.
    return dataclasses.replace(
      _read(folder, image_px), unmatched=source.unmatched
    )
  except OSError as error:
    raise errors.UserError(
      f"cannot keep the data set in {root}: {error.strerror or error}; choose"
      " another folder with --config.dataset.data_dir=FOLDER"
    ) from None


def _fault(folder: pathlib.Path, limits: file_limits.Limits) -> str:
  """Returns why the views in a folder are not to be used, "" if they are."""
  if damage := built_files.damage(folder):
    return f"is damaged ({damage})"
  index = _index(folder)
  notes = cleaning.Notes(beyond_limits=index["beyond_limits"])
  if notes.may_be_read_with(limits):
    return "lacks files that may take more now"
  return ""


def _index(folder: pathlib.Path) -> dict[str, Any]:
  return json.loads((folder / "index.json").read_text(encoding="utf-8"))


def _read(folder: pathlib.Path, image_px: int) -> Views:
  index = _index(folder)
  micrograph = np.asarray(index["micrograph"], np.int32)
  labels = np.asarray(index["labels"], np.int32)
  digest = hashlib.sha256(
    f"{built_files.checksum(folder, _IMAGES)} {len(labels)} ".encode()
  )
  digest.update(micrograph.tobytes() + labels.tobytes())
  return Views(
    images=np.memmap(
      folder / _IMAGES,
      np.uint8,
      "r",
      shape=(len(micrograph), image_px, image_px, 1),
    ),
    micrograph=micrograph,
    labels=labels,
    specimens=tuple(index["specimens"]),
    files=tuple(index["files"]),
    class_names=tuple(index["class_names"]),
    skipped=tuple((file, reason) for file, reason in index["skipped"]),
    unmatched=tuple(index["unmatched"]),
    remarks=tuple((file, remark) for file, remark in index["remarks"]),
    numbers={
      name: np.asarray(column, np.float64)  # None becomes NaN
      for name, column in zip(
        cleaning.NUMBERS, zip(*index["numbers"], strict=True), strict=True
      )
    },
    digest=digest.hexdigest(),
    copies=tuple((i, j) for i, j in index["copies"]),
  )


def _build(
  source: sources.Source,
  root: pathlib.Path,
  folder: pathlib.Path,
  limits: file_limits.Limits,
  view: str,
  image_px: int,
  tile_px: int,
) -> None:
  """Writes the views of a source to `folder`.

  It appears under its final name only when it is whole: an interrupted build
  leaves nothing that looks complete.
  """
  folder.parent.mkdir(parents=True, exist_ok=True)
  for stale in folder.parent.glob("*.incomplete-*"):
    shutil.rmtree(stale, ignore_errors=True)

  def make_views(image: np.ndarray) -> np.ndarray:
    """uint8 (t, image_px, image_px); none where a micrograph has no tile."""
    try:
      return micrographs.views(image, view, image_px, tile_px)
    except micrographs.MicrographError:
      return np.empty((0, image_px, image_px), np.uint8)

  with atomic_files.replacing(folder) as building:
    building.mkdir()
    notes = cleaning.Notes()
    if _has_tensorflow():
      desc = "resizing" if view == "whole" else "cutting tiles"
      found = _through_records(source, limits, root, make_views, notes, desc)
    else:
      found = _directly(source, limits, make_views, notes)
    with contextlib.closing(found):
      index = _write_images(found, building / _IMAGES, source, tile_px)
    index["skipped"] = notes.skipped + index["skipped"]
    index["beyond_limits"] = notes.beyond_limits
    index["remarks"] = notes.remarks
    index["numbers"] = [notes.numbers[file] for file in index["files"]]
    (building / "index.json").write_text(json.dumps(index), encoding="utf-8")
    built_files.seal(building)


@functools.cache  # a second try would fail as slowly, and say it again
def _has_tensorflow() -> bool:
  """Whether TensorFlow can be used; says why not, once."""
  try:
    import tensorflow  # noqa: F401
    import tensorflow_datasets  # noqa: F401
  except Exception as error:
    # ImportError where it is missing; a broken one fails in any way: a shared
    # library that does not load, another version of NumPy or protobuf.
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    console.say(
      f"TensorFlow cannot be imported ({reason}): the data set is built without"
      " TFRecords"
    )
    return False
  return True


def _through_records(
  source: sources.Source,
  limits: file_limits.Limits,
  root: pathlib.Path,
  make_views: _MakeViews,
  notes: cleaning.Notes,
  desc: str,
) -> Generator[_Found, None, None]:
  """Yields what is found in TFRecords, written where there are none.

  Adds to `notes` what is noted of the files, as `_directly` does.
  """
  from eanet_jax.data import sem_steel

  builder = sem_steel.prepare(source, limits, root)
  vars(notes).update(vars(sem_steel.notes(builder)))
  yield from console.progress(
    sem_steel.records(builder, make_views),
    total=builder.info.splits[sem_steel.SPLIT].num_examples,
    desc=desc,
    unit="image",
    leave=False,
  )


def _directly(
  source: sources.Source,
  limits: file_limits.Limits,
  make_views: _MakeViews,
  notes: cleaning.Notes,
) -> Generator[_Found, None, None]:
  """Yields what is found in the micrographs themselves."""
  for entry, micrograph in cleaning.usable(source, limits, notes):
    image = micrograph.image
    yield entry, make_views(image), duplicates.fingerprint(image)


def _write_images(
  found: Iterable[_Found],
  path: pathlib.Path,
  source: sources.Source,
  tile_px: int,
) -> dict[str, Any]:
  """Streams views to `path`; returns the index of those written."""
  class_names = source.classes
  label_of = {name: label for label, name in enumerate(class_names)}
  micrograph: list[int] = []
  labels: list[int] = []
  specimens: list[str] = []
  files: list[str] = []
  skipped: list[list[str]] = []
  fingerprints: list[np.ndarray] = []
  with path.open("wb") as out:
    for entry, views, fingerprint in found:
      if not len(views):
        reason = f"smaller than a tile of {tile_px} px"
        skipped.append([entry.file, reason])
        continue
      micrograph += [len(labels)] * len(views)
      labels.append(label_of[entry.label])
      specimens.append(entry.specimen)
      files.append(entry.file)
      fingerprints.append(fingerprint)
      out.write(views.tobytes())
  present = set(labels)
  missing = [name for name, i in label_of.items() if i not in present]
  if missing:
    raise errors.UserError(
      f"class {missing[0]} has no micrograph of {tile_px} x {tile_px} px or"
      " more: choose smaller tiles with --config.dataset.tile_px=N, or"
      " --config.dataset.view=whole"
    )
  return {
    "micrograph": micrograph,
    "labels": labels,
    "specimens": specimens,
    "files": files,
    "class_names": class_names,
    "skipped": skipped,
    "unmatched": list(source.unmatched),
    "copies": duplicates.pairs(fingerprints),
  }
