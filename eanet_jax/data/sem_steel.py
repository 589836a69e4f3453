"""The TFDS builder `sem_steel`: micrographs to TFRecords, and back.

Takes a `sources.Source`, gives one split SPLIT of cleaned grey micrographs
at full size; its FeaturesDict is the schema on disk. Which micrograph is for
training is decided later, since one data set serves many splits. Imports
TensorFlow: only `view_store` imports this module, and only to build.
"""

import contextlib
import dataclasses
import functools
import io
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from eanet_jax.data import (
  built_files,
  cleaning,
  duplicates,
  file_limits,
  sources,
)
from eanet_jax.runtime import console

# A record by field, as TFDS writes and reads it.
Example = dict[str, Any]

SPLIT = "micrographs"
_NAME = "sem_steel"  # of the builder, as TFDS names its folder


class SemSteel(tfds.core.GeneratorBasedBuilder):
  """Steel micrographs of a `sources.Source`, cleaned, grey, at full size.

  Configs: synthetic (the default), folder, table, nine_cr and unlabelled.
  `info.metadata` holds what was left out: "skipped" and "beyond_limits" as in
  `cleaning.Notes`, "remarks" and "numbers" too, and "unmatched", lines about
  files of no class.
  """

  VERSION = tfds.core.Version(sources.VERSION)
  BUILDER_CONFIGS = [
    tfds.core.BuilderConfig(
      name="synthetic", description="Drawn micrographs of three families."
    ),
    tfds.core.BuilderConfig(
      name="folder", description="<class>/[<specimen>/]image, any classes."
    ),
    tfds.core.BuilderConfig(
      name="nine_cr",
      description="9-12 % Cr steels, Data in Brief 45 (2022) 108714.",
    ),
    tfds.core.BuilderConfig(
      name="table", description="Files that a table names, any classes."
    ),
    tfds.core.BuilderConfig(
      name="unlabelled", description="Images to any depth, to pre-train on."
    ),
  ]

  def __init__(
    self,
    *,
    source: sources.Source | None = None,
    path: str = "",
    seed: int = 0,
    limits: file_limits.Limits | None = None,
    **kwargs: Any,
  ):
    """As any TFDS builder, of `source` or of what is found at `path`."""
    self._limits = limits or file_limits.Limits()
    config = source.name if source else kwargs.pop("config", None)
    config = config or "synthetic"
    name = getattr(config, "name", config)
    self._source = source or sources.find(name, path, seed=seed)
    super().__init__(config=config, **kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    features = tfds.features.FeaturesDict(
      {
        "image": tfds.features.Image(
          shape=(None, None, 1), dtype=np.uint8, encoding_format="png"
        ),
        "label": tfds.features.ClassLabel(names=self._source.classes),
        "specimen": tfds.features.Text(),
        "file": tfds.features.Text(),
        "um_per_px": np.float32,  # micrometres; -1 where unknown
        "crop_rows": np.int32,  # rows of the data bar removed
      }
    )
    return self.dataset_info_from_configs(
      features=features,
      supervised_keys=("image", "label"),
      metadata=tfds.core.MetadataDict(
        **dataclasses.asdict(cleaning.Notes()), unmatched=[]
      ),
      # Without this, examples come back in the order of a hash.
      disable_shuffling=True,
    )

  def _split_generators(
    self, dl_manager: object
  ) -> dict[str, Iterator[tuple[int, Example]]]:
    del dl_manager  # nothing is downloaded
    return {SPLIT: self._generate_examples()}

  def _generate_examples(self) -> Iterator[tuple[int, Example]]:
    notes = cleaning.Notes()
    found = cleaning.usable(self._source, self._limits, notes)
    examples = enumerate(found)
    for position, (entry, micrograph) in examples:
      scale = micrograph.um_per_px
      yield (
        position,
        {
          "image": io.BytesIO(_png(micrograph.image)),
          "label": entry.label,
          "specimen": entry.specimen,
          "file": entry.file,
          "um_per_px": -1.0 if scale is None else scale,
          "crop_rows": micrograph.crop_rows,
        },
      )
    self.info.metadata.update(dataclasses.asdict(notes))
    self.info.metadata["unmatched"] = list(self._source.unmatched)


def _png(image: np.ndarray) -> bytes:
  """PNG of a uint8 (y, x) image, packed lightly: it is read far more often."""
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, "PNG", compress_level=1)
  return buffer.getvalue()


def notes(builder: SemSteel) -> cleaning.Notes:
  """Returns what was noted of the files that TFRecords were built from."""
  names = (field.name for field in dataclasses.fields(cleaning.Notes))
  return cleaning.Notes(**{name: builder.info.metadata[name] for name in names})


def prepare(
  source: sources.Source, limits: file_limits.Limits, data_dir: pathlib.Path
) -> SemSteel:
  """Returns the builder of a source, with its TFRecords below `data_dir`.

  Raises:
    UserError: a class has too few usable images.
    OSError: the TFRecords cannot be written.
  """
  tf.config.set_visible_devices([], "GPU")
  tf.config.set_visible_devices([], "TPU")
  tfds.disable_progress_bar()  # the builder shows one of its own
  for stale in data_dir.glob(f"{_NAME}/*/*incomplete*"):
    shutil.rmtree(stale, ignore_errors=True)
  for folder in data_dir.glob(f"{_NAME}/*/{sources.VERSION}"):
    if damage := built_files.damage(folder):
      console.say(f"{folder} is damaged ({damage}): building it again")
      shutil.rmtree(folder)
  make = functools.partial(
    SemSteel, source=source, limits=limits, data_dir=str(data_dir)
  )
  builder = make()
  if builder.is_prepared() and notes(builder).may_be_read_with(limits):
    shutil.rmtree(builder.data_dir)
    builder = make()
  if not builder.is_prepared():
    try:
      with contextlib.redirect_stdout(io.StringIO()):  # announces a download
        builder.download_and_prepare()
    except (tf.errors.OpError, RuntimeError) as error:
      # TensorFlow has exceptions of its own for a full disk and the like, and
      # TFDS wraps some of them once more.
      cause = error if isinstance(error, tf.errors.OpError) else error.__cause__
      if not isinstance(cause, tf.errors.OpError):
        raise
      raise OSError(cause.message.rpartition("; ")[2]) from error
    built_files.seal(pathlib.Path(builder.data_dir))
  return builder


def records(
  builder: SemSteel, make_views: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[sources.Entry, np.ndarray, np.ndarray]]:
  """Yields the entry, the views and the fingerprint of each TFRecord, in order.

  Args:
    builder: whose TFRecords are there.
    make_views: of a uint8 image (y, x), any number of uint8 (t, y, x). It is
      called in threads, on some images ahead.
  """

  def seen(image: np.ndarray) -> tuple[np.ndarray, bytes]:
    grey = image[..., 0]  # (y, x)
    return make_views(grey), duplicates.fingerprint(grey).tobytes()

  def with_views(example: Example) -> Example:
    views, fingerprint = tf.numpy_function(
      seen, [example["image"]], (tf.uint8, tf.string), stateful=False
    )
    return {**example, "image": views, "fingerprint": fingerprint}

  dataset = builder.as_dataset(
    split=SPLIT,
    shuffle_files=False,
    read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
  )
  dataset = dataset.map(
    with_views, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  ).prefetch(4)
  names = builder.info.features["label"].names
  for example in dataset.as_numpy_iterator():
    entry = sources.Entry(
      label=names[example["label"]],
      specimen=example["specimen"].decode(),
      file=example["file"].decode(),
    )
    fingerprint = np.frombuffer(example["fingerprint"], duplicates.FINGERPRINT)
    yield entry, example["image"], fingerprint[0]
