"""The TFDS builder `sem_steel`: micrographs to TFRecord files.

Takes a `sources.Source`, gives one split SPLIT of cleaned grey micrographs
at full size; its FeaturesDict is the schema on disk. Which micrograph is for
training is decided later, since one data set serves many splits. Imports
TensorFlow: only `view_store` imports this module, and only to build.
"""

import collections
import io
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from eanet_jax import errors
from eanet_jax.data import (
  data_bar,
  micrographs,
  read_ahead,
  sources,
  synthetic,
)
from eanet_jax.runtime import console

SPLIT = "micrographs"
MIN_IMAGES = 3  # of a class: one for each split


class SemSteel(tfds.core.GeneratorBasedBuilder):
  """Steel micrographs of a `sources.Source`, cleaned, grey, at full size.

  Configs: synthetic (the default), folder, nine_cr and unlabelled.
  `info.metadata` holds what was left out: "skipped", a list of [file, reason]
  for unusable files, and "unmatched", lines about files of no class.
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
      name="unlabelled", description="Images to any depth, to pre-train on."
    ),
  ]

  def __init__(
    self,
    *,
    source: sources.Source | None = None,
    path: str = "",
    seed: int = 0,
    **kwargs,
  ):
    """As any TFDS builder, of `source` or of what is found at `path`."""
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
      metadata=tfds.core.MetadataDict(skipped=[], unmatched=[]),
      # Without this, examples come back in the order of a hash.
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing is downloaded
    return {SPLIT: self._generate_examples()}

  def _generate_examples(self):
    source = self._source
    usable = collections.Counter()
    skipped = []
    entries = console.progress(
      zip(source.entries, self._read(), strict=True),
      total=len(source.entries),
      desc=f"building the {source.name} data set",
      unit="image",
      leave=False,
    )
    for position, (entry, (micrograph, error)) in enumerate(entries):
      if micrograph is None:
        skipped.append([entry.file, error])
        continue
      usable[entry.label] += 1
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
    _check_classes(source.classes, usable, skipped)
    self.info.metadata["skipped"] = skipped
    self.info.metadata["unmatched"] = list(source.unmatched)

  def _read(self) -> Iterator[tuple[micrographs.Micrograph | None, str]]:
    """Each entry's micrograph in order, or None and why it is unusable."""
    if self._source.name == "synthetic":
      items = [(e.label, e.specimen, e.index) for e in self._source.entries]
      for drawing in synthetic.draw_all(self._source.seed, items):
        # The bar is found as in a real file, not taken from the drawing.
        rows = data_bar.count_rows(drawing.image)
        image = drawing.image[: drawing.image.shape[0] - rows]
        yield micrographs.Micrograph(image, rows, drawing.um_per_px), ""
      return
    root = pathlib.Path(self._source.root)
    files = [root / entry.file for entry in self._source.entries]
    # Decoding releases the interpreter lock.
    for _, found in read_ahead.in_order(_read_file, files):
      yield found


def _read_file(path: pathlib.Path):
  try:
    return micrographs.read(path), ""
  except micrographs.MicrographError as error:
    return None, str(error)


def _png(image: np.ndarray) -> bytes:
  """PNG of a uint8 (y, x) image, packed lightly: it is read far more often."""
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, "PNG", compress_level=1)
  return buffer.getvalue()


def _check_classes(classes, usable, skipped) -> None:
  """Raises UserError where a class has too few usable images."""
  for label in classes:
    if usable[label] >= MIN_IMAGES:
      continue
    reasons = "; ".join(f"{file}: {reason}" for file, reason in skipped[:3])
    raise errors.UserError(
      f"class {label} has {usable[label]} usable images, at least {MIN_IMAGES}"
      f" are needed"
      + (f" ({len(skipped)} unusable: {reasons})" * bool(skipped))
    )
