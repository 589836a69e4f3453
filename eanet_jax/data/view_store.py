"""TFRecords to the arrays that a network sees.

Takes a source and a view, gives `Views`: uint8 images in a memory-mapped file
beside the TFRecords. tf.data decodes and resizes once; afterwards any example
is at hand in any order, on machines without TensorFlow too.
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import shutil
import tempfile

import filelock
import numpy as np

from eanet_jax import errors
from eanet_jax.data import micrographs, sources
from eanet_jax.runtime import console


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
    digest: of the source and the view.
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

  def of(self, micrograph_indices: np.ndarray) -> np.ndarray:
    """Returns int64 indices of the views of these micrographs."""
    return np.flatnonzero(np.isin(self.micrograph, micrograph_indices))


def load(
  source: sources.Source,
  data_dir: str,
  *,
  view: str,
  image_px: int,
  tile_px: int,
) -> Views:
  """Returns the views of a source, building what is not there yet.

  Args:
    source: what to build from.
    data_dir: where data sets are kept; "" for TFDS's own default.
    view: "whole" or "tiles".
    image_px: side of a view.
    tile_px: side of a tile before it is resized; not used by "whole".

  Raises:
    UserError: the source holds too few usable images, or data_dir cannot be
      written.
  """
  home = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
  root = pathlib.Path(home).expanduser().absolute()
  root /= f"{source.name}-{source.digest[:16]}"
  name = f"whole-{image_px}px"
  if view == "tiles":
    name = f"tiles-{tile_px}px-{image_px}px"
  folder = root / "views" / name
  if not (folder / "index.json").exists():
    try:
      root.mkdir(parents=True, exist_ok=True)
      with filelock.FileLock(root / ".lock"):  # another run may be building it
        if not (folder / "index.json").exists():
          _build(source, root, folder, view, image_px, tile_px)
    except OSError as error:
      raise errors.UserError(
        f"cannot keep the data set in {root}: {error.strerror or error}; choose"
        " another folder with --config.dataset.data_dir=FOLDER"
      ) from None
  index = json.loads((folder / "index.json").read_text())
  shape = (len(index["micrograph"]), image_px, image_px, 1)
  return Views(
    images=np.memmap(folder / "images.u8", np.uint8, "r", shape=shape),
    micrograph=np.asarray(index["micrograph"], np.int32),
    labels=np.asarray(index["labels"], np.int32),
    specimens=tuple(index["specimens"]),
    files=tuple(index["files"]),
    class_names=tuple(index["class_names"]),
    skipped=tuple((file, reason) for file, reason in index["skipped"]),
    unmatched=tuple(index["unmatched"]),
    digest=f"{source.digest[:16]}-{name}",
  )


def _build(source, root, folder, view, image_px, tile_px) -> None:
  """Writes TFRecords where there are none, then the views of them.

  Both appear under their final name only when whole: an interrupted build
  leaves nothing that looks complete.
  """
  builder = _prepared_builder(source, root)
  folder.parent.mkdir(parents=True, exist_ok=True)
  for stale in folder.parent.glob("*.incomplete-*"):
    shutil.rmtree(stale, ignore_errors=True)
  building = pathlib.Path(
    tempfile.mkdtemp(prefix=f"{folder.name}.incomplete-", dir=folder.parent)
  )
  try:
    index = _write_images(
      builder, building / "images.u8", view, image_px, tile_px
    )
    (building / "index.json").write_text(json.dumps(index))
    shutil.rmtree(folder, ignore_errors=True)  # whatever it was, not whole
    building.rename(folder)
  finally:
    shutil.rmtree(building, ignore_errors=True)


def _prepared_builder(source, root):
  import tensorflow as tf
  import tensorflow_datasets as tfds

  from eanet_jax.data import sem_steel

  tf.config.set_visible_devices([], "GPU")
  tf.config.set_visible_devices([], "TPU")
  tfds.disable_progress_bar()  # the builder shows one of its own
  builder = sem_steel.SemSteel(source=source, data_dir=str(root))
  if not builder.is_prepared():
    for stale in root.glob("sem_steel/*/*incomplete*"):
      shutil.rmtree(stale, ignore_errors=True)
    with contextlib.redirect_stdout(io.StringIO()):  # it announces a download
      builder.download_and_prepare()
  return builder


def _write_images(builder, path, view, image_px, tile_px) -> dict:
  """Streams decoded and resized views to `path`; returns the index."""
  import tensorflow as tf
  import tensorflow_datasets as tfds

  from eanet_jax.data import sem_steel

  def views(image):
    """uint8 (t, image_px, image_px, 1); none where a micrograph has no tile."""
    try:
      found = micrographs.views(image[..., 0], view, image_px, tile_px)
    except micrographs.MicrographError:
      return np.empty((0, image_px, image_px, 1), np.uint8)
    return found[..., None]

  def add_views(example):
    image = tf.numpy_function(
      views, [example["image"]], tf.uint8, stateful=False
    )
    return {**example, "image": image}

  dataset = builder.as_dataset(
    split=sem_steel.SPLIT,
    shuffle_files=False,
    read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
  )
  dataset = dataset.map(
    add_views, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  ).prefetch(4)
  skipped = list(builder.info.metadata["skipped"])
  micrograph, labels, specimens, files = [], [], [], []
  with path.open("wb") as out:
    for example in console.progress(
      dataset.as_numpy_iterator(),
      total=builder.info.splits[sem_steel.SPLIT].num_examples,
      desc="resizing" if view == "whole" else "cutting tiles",
      unit="image",
      leave=False,
    ):
      file = example["file"].decode()
      if not len(example["image"]):
        skipped.append([file, f"smaller than a tile of {tile_px} px"])
        continue
      micrograph += [len(labels)] * len(example["image"])
      labels.append(int(example["label"]))
      specimens.append(example["specimen"].decode())
      files.append(file)
      out.write(example["image"].tobytes())
  class_names = builder.info.features["label"].names
  missing = [name for i, name in enumerate(class_names) if i not in labels]
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
    "unmatched": list(builder.info.metadata["unmatched"]),
  }


def pixel_statistics(images: np.ndarray, indices: np.ndarray):
  """Returns (mean, standard deviation) of the grey levels of these images.

  Args:
    images: uint8 (v, y, x, 1).
    indices: int (k,), which of them.
  """
  counts = np.zeros(256, np.int64)
  for i in indices:
    counts += np.bincount(images[i].ravel(), minlength=256)
  levels = np.arange(256)
  mean = (counts @ levels) / counts.sum()
  variance = (counts @ (levels - mean) ** 2) / counts.sum()
  return float(mean), float(max(np.sqrt(variance), 1.0))
