"""Classifying files with a trained network: `Classifier.restore(workdir)`.

Takes a workdir and image files, gives a `Prediction` for each file, unusable
ones included. Decodes, cleans, tiles and standardises with the code and the
numbers of training. Needs only the workdir, runs on any number of devices and
never imports TensorFlow.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from eanet_jax import errors
from eanet_jax.data import (
  file_limits,
  file_readers,
  image_folders,
  micrographs,
  read_ahead,
)
from eanet_jax.inference import forward_pass, novelty
from eanet_jax.runtime import sharding
from eanet_jax.workdir import restore

# From the views of a file, uint8 (v, y, x, 1), to the share of each structure.
Describe = Callable[[np.ndarray], Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class Prediction:
  """The network's answer for one file.

  Attributes:
    file: path as it was found.
    label: the most probable class; "" if the file could not be used.
    probability: of `label`; None if the file could not be used.
    probabilities: float64 (l,), the mean over the views; None likewise.
    logits: float32 (views, l); None likewise.
    novelty: how unlike everything trained on, 1 where of images like those only
      5 % are beyond; None likewise, and of a network that cannot tell.
    crop_rows: rows of the data bar that were removed.
    remarks: what a person should know of the file, a line each.
    error: why the file could not be used; "" if it could.
    structure: shares of what somebody named in the network's memory; {} if
      nobody did.
  """

  file: str
  label: str = ""
  probability: float | None = None
  probabilities: np.ndarray | None = None
  logits: np.ndarray | None = None
  novelty: float | None = None
  crop_rows: int = 0
  remarks: tuple[str, ...] = ()
  error: str = ""
  structure: Mapping[str, float] = dataclasses.field(default_factory=dict)

  @property
  def verdict(self) -> str:
    """Says "known" or "foreign"; "" where the network cannot tell."""
    if self.novelty is None:
      return ""
    return "foreign" if self.novelty > 1 else "known"


@dataclasses.dataclass(frozen=True)
class _Seen:
  """What the network sees of a file: uint8 views (v, y, x, 1), or an error."""

  views: np.ndarray
  crop_rows: int = 0
  remarks: tuple[str, ...] = ()
  error: str = ""


class Classifier:
  """A trained network, ready to classify files."""

  def __init__(
    self,
    network: restore.TrainedNetwork,
    mesh: jax.sharding.Mesh,
    readers: file_readers.Readers | None = None,
    told: micrographs.Told = micrographs.NOTHING_TOLD,
    describe: Describe | None = None,
  ):
    """Takes a network whose variables are on the devices of `mesh`."""
    self._describe = describe
    self._readers = readers or file_readers.Readers(
      file_limits.Limits(option="Limits({}=N)")
    )
    meta, config = network.meta, network.meta.config
    self.class_names = meta.class_names
    self._variables = network.variables
    self._familiar: novelty.Familiar | None = None
    if "familiar" in network.variables:
      kept = jax.tree.map(sharding.fetch, network.variables["familiar"])
      self._threshold = float(kept.pop("threshold"))
      self._familiar = novelty.Familiar(**kept)
    self._dataset = config["dataset"]
    self._told = as_trained(told, self._dataset)
    self._orientations = config["evaluation"]["orientations"]
    self._forward = forward_pass.ForwardPass(
      network.model,
      meta.mean,
      meta.std,
      config["evaluation"]["batch_size"],
      mesh,
    )

  @classmethod
  def restore(
    cls,
    workdir: str | os.PathLike,
    readers: file_readers.Readers | None = None,
    told: micrographs.Told = micrographs.NOTHING_TOLD,
    describer: Callable[
      [restore.TrainedNetwork, pathlib.Path, jax.sharding.Mesh],
      Describe | None,
    ] = lambda *_: None,
  ) -> "Classifier":
    """Returns the best checkpoint of a training run's workdir.

    Args:
      workdir: of the run.
      readers: of the files; by default they have the usual limits.
      told: what is known of the files. How they are cleaned is as in training.
      describer: what finds the structures of files with the network, if there
        are any to find.

    Raises:
      UserError: there is no such folder, or no sound checkpoint in it.
    """
    workdir = pathlib.Path(workdir).expanduser()
    mesh = sharding.data_mesh()
    network = restore.restore(workdir, mesh)
    if not network.meta.class_names:
      raise errors.UserError(
        f"{workdir} is a pre-training and knows no classes: train a network"
        f" from it first, with the field init_from={workdir}"
      )
    describe = describer(network, workdir, mesh)
    return cls(network, mesh, readers, told, describe)

  @property
  def describes(self) -> bool:
    """Whether predictions have structures."""
    return self._describe is not None

  def __call__(self, paths: Iterable[str | os.PathLike]) -> list[Prediction]:
    """Returns a prediction for each file of `paths`, in order.

    Args:
      paths: files, or folders that are searched to any depth; or a single one.
    """
    if isinstance(paths, str | os.PathLike):  # a str would give characters
      paths = [paths]
    return list(self.stream(image_folders.expand(paths)))

  def stream(self, paths: Iterable[pathlib.Path]) -> Iterator[Prediction]:
    """Yields a prediction for each file, reading ahead of the network."""
    waiting: list[tuple[pathlib.Path, _Seen]] = []
    views = 0
    found = read_ahead.in_order(
      self._seen, paths, lambda seen: seen.views.nbytes
    )
    for path, seen in found:
      waiting.append((path, seen))
      views += len(seen.views)
      if views >= 256:  # a few batches, however many tiles a file has
        yield from self._classify(waiting)
        waiting, views = [], 0
    yield from self._classify(waiting)

  def _seen(self, path: pathlib.Path) -> _Seen:
    dataset = self._dataset
    side = dataset["image_px"]
    try:
      micrograph = self._readers.read(path, self._told)
      views = micrographs.views(
        micrograph.image, dataset["view"], side, dataset["tile_px"]
      )
    except micrographs.MicrographError as error:
      nothing = np.empty((0, side, side, 1), np.uint8)
      return _Seen(nothing, error=str(error))
    return _Seen(views[..., None], micrograph.crop_rows, micrograph.remarks)

  def _looked_at(
    self, images: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits (k, l) of views uint8 (k, y, x, 1), and their novelty (k,)."""
    chosen, distances = np.arange(len(images)), None
    if self._familiar is not None:
      images = self._forward.features(
        self._variables, images, chosen, self._orientations
      )
      distances = self._familiar.distances(images) / self._threshold
    logits = self._forward(self._variables, images, chosen, self._orientations)
    return logits, distances

  def _classify(
    self, waiting: Sequence[tuple[pathlib.Path, _Seen]]
  ) -> Iterator[Prediction]:
    counts = [len(seen.views) for _, seen in waiting]
    if not sum(counts):
      logits = np.empty((0, len(self.class_names)), np.float32)
      distances = None
    else:
      images = np.concatenate([seen.views for _, seen in waiting])
      logits, distances = self._looked_at(images)
    ends = np.cumsum(counts)
    for (path, seen), end in zip(waiting, ends, strict=True):
      if seen.error:
        yield Prediction(str(path), error=seen.error)
        continue
      own = logits[end - len(seen.views) : end]
      mean = forward_pass.probabilities(own).mean(0)
      best = int(mean.argmax())
      yield Prediction(
        file=str(path),
        label=self.class_names[best],
        probability=float(mean[best]),
        probabilities=mean,
        logits=own,
        novelty=None
        if distances is None
        else float(distances[end - len(seen.views) : end].mean()),
        crop_rows=seen.crop_rows,
        remarks=seen.remarks,
        structure=self._describe(seen.views) if self._describe else {},
      )


def as_trained(
  told: micrographs.Told, dataset: Mapping[str, Any]
) -> micrographs.Told:
  """Returns what is told of files, which are to be cleaned as in training.

  The microscope's bar is taken to be as tall as was said then. How wide the
  pixels were then says nothing about other files.
  """
  if told.bar_rows is None and dataset["bar_rows"] >= 0:
    told = dataclasses.replace(told, bar_rows=dataset["bar_rows"])
  return dataclasses.replace(
    told,
    keep_overlays=dataset["overlays"] == "keep",
    resample_um_per_px=dataset["um_per_px"] or None,
  )
