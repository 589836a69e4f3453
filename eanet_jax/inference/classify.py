"""Classifying files with a trained network: `Classifier.restore(workdir)`.

Takes a workdir and image files, gives a `Prediction` for each file, unusable
ones included. Decodes, cleans, tiles and standardises with the code and the
numbers of training. Needs only the workdir, runs on any number of devices and
never imports TensorFlow.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import jax
import numpy as np

from eanet_jax import errors
from eanet_jax.data import (
  file_limits,
  file_readers,
  micrographs,
)
from eanet_jax.inference import (
  answering_network,
  forward_pass,
  judgement,
  picture_views,
  predictions,
)
from eanet_jax.models import ensemble
from eanet_jax.runtime import sharding
from eanet_jax.workdir import packed_workdir, restore, trained_on

# Of views in a group of files that are answered for together.
_MOST_BATCHES = 4
# Of what an answer depends on, so many characters name it.
_ID_CHARACTERS = 12

# From uint8 images (v, y, x, 1) to float64 (v,) of each, by name.
Describe = Callable[[np.ndarray], Mapping[str, np.ndarray]]


class Classifier:
  """A trained network, ready to classify files.

  Attributes:
    class_names: in the order of the network's outputs.
    told: what is said of all files, and how they are cleaned.
    trained_on: the folder or table of the data set it was trained with, as it
      was called then; "" for drawings.
    network: with its variables and what is known of its training.
    mesh: the devices that hold the variables.
  """

  def __init__(
    self,
    network: restore.TrainedNetwork,
    mesh: jax.sharding.Mesh,
    readers: file_readers.Readers | None = None,
    told: micrographs.Told = micrographs.NOTHING_TOLD,
    kept: trained_on.TrainedOn | None = None,
    coverage: int | None = None,
    *,
    fast: bool = False,
  ):
    """Takes a network whose variables are on the devices of `mesh`.

    Args:
      network, mesh: see above.
      readers, told, coverage, fast: see `restore`.
      kept: what its workdir keeps of the training; None if nothing.
    """
    readers = readers or file_readers.Readers(
      file_limits.Limits(option="Limits({}=N)")
    )
    config = network.meta.config
    self.class_names = network.meta.class_names
    self.trained_on: str = config["dataset"]["path"]
    self.network, self.mesh = network, mesh
    self._dataset = config["dataset"]
    self._pictures = picture_views.PictureViews(self._dataset, readers, told)
    self.told = self._pictures.told
    self._network = answering_network.AnsweringNetwork(network, mesh, fast)
    self._most_views = _MOST_BATCHES * self._network.forward.batch_size
    self._judgement = judgement.Judgement(
      network, kept, coverage, self._network.orientations
    )

  @classmethod
  def restore(
    cls,
    workdir: str | os.PathLike,
    readers: file_readers.Readers | None = None,
    told: micrographs.Told = micrographs.NOTHING_TOLD,
    *,
    coverage: int | None = None,
    calibrated: bool = True,
    fast: bool = False,
  ) -> "Classifier":
    """Returns the best checkpoint of a training run's workdir.

    Args:
      workdir: of the run; or the file that `eanet pack` made of one.
      readers: of the files; by default they have the usual limits.
      told: what is known of the files. How they are cleaned is as in training.
      coverage: of sets of classes, in per cent of the micrographs of new
        specimens; by default 90, or as much as can be promised.
      calibrated: whether probabilities are as sure as left-out micrographs were
        right. If not there are no sets, which are of probabilities that are.
      fast: whether views are looked at as they are, not in all orientations;
        then nothing is said of novelty, and there are no sets.

    Raises:
      UserError: there is no such folder, no sound checkpoint in it, or the
        coverage cannot be promised.
    """
    mesh = sharding.data_mesh()
    with packed_workdir.opened(pathlib.Path(workdir)) as folder:
      network = restore.restore(folder, mesh)
      kept = trained_on.read(folder)
    if not network.meta.class_names:
      raise errors.UserError(
        f"{workdir} is a pre-training and knows no classes: train a network"
        f" from it first, with the field init_from={workdir}"
      )
    if not calibrated:
      variables = ensemble.uncalibrated(network.variables)
      network = network._replace(variables=variables)
    # They are of probabilities in the usual orientations, as calibrated.
    other = fast and network.meta.config["evaluation"]["orientations"] != 1
    if kept is not None and (other or not calibrated):
      kept = dataclasses.replace(kept, least=kept.least[:0])
    return cls(network, mesh, readers, told, kept, coverage, fast=fast)

  @property
  def knows_its_training(self) -> bool:
    """Whether it can tell of a file that it was trained on."""
    return self._judgement.knows_its_training

  @property
  def promise(self) -> str:
    """What the sets of classes promise, or why there are none; a line."""
    return self._judgement.confidence.promise

  @property
  def image_px(self) -> int:
    """Side of what the network looks at, a square."""
    return self._dataset["image_px"]

  @property
  def tile_px(self) -> int | None:
    """Side of the tiles that are looked at; None of whole micrographs."""
    tiled = self._dataset["view"] == "tiles"
    return self._dataset["tile_px"] if tiled else None

  def __call__(
    self,
    paths: picture_views.Picture | Iterable[picture_views.Picture],
    told: micrographs.Told | None = None,
  ) -> list[predictions.Prediction]:
    """Returns a prediction for each picture, in order.

    Args:
      paths: files, folders that are searched to any depth, or NumPy arrays of
        grey levels (y, x), mixed as you like; a stack of arrays (n, y, x); or a
        single one. An array is answered for as a file with its pixels is:
        uint8; uint16, of which as many bits count as hold the brightest pixel;
        or floats from 0 for black to 1 for white.
      told: what is known of these in place of what was told to `restore`.

    Raises:
      UserError: an array is another one, as of colours, or has another range.
    """
    return list(self.stream(picture_views.given(paths), told))

  def stream(
    self,
    paths: Iterable[picture_views.Picture],
    told: picture_views.ToldOf | None = None,
    *,
    facts: bool = False,
    describe: Describe | None = None,
  ) -> Iterator[predictions.Prediction]:
    """Yields a prediction for each file or array, reading ahead of the network.

    Args:
      paths: files or arrays, see `__call__`, as many as there may be: a few are
        in memory at a time.
      told: what is known of them in place of what is of all; or of some of
        them, by path or "array 3", counted from 0.
      facts: whether their brightness, contrast and size are measured.
      describe: what finds their structures.

    Raises:
      UserError: see `__call__`.
    """
    for group in self._pictures.groups(
      paths, told, self._most_views, facts=facts
    ):
      yield from self._classify(group, describe)

  def embed(
    self,
    paths: picture_views.Picture | Iterable[picture_views.Picture],
    told: micrographs.Told | None = None,
  ) -> np.ndarray:
    """Returns float32 (n, f): features of each picture, to search or plot by.

    They are what the network's last layer takes, before it is scaled: means
    over the places of its last maps, and of a `transfer.Transfer` the logarithm
    of their spread too. Each row is the mean over a picture's views, and over
    the orientations that are looked at. Networks of an ensemble that do not
    share them stand side by side.

    Args:
      paths, told: see `__call__`, whose predictions are in the same order.

    Raises:
      UserError: a picture cannot be used, see `Prediction.error`. A row of NaN
        would show only where distances or means of rows are odd.
    """
    found = []
    pictures = picture_views.given(paths)
    for group in self._pictures.groups(pictures, told, self._most_views):
      for name, seen in group:
        if seen.error:
          raise errors.UserError(f"{name}: {seen.error}")
      views = np.concatenate([seen.views for _, seen in group])
      features = self._network.features(views)
      ends = np.cumsum([len(seen.views) for _, seen in group])[:-1]
      found += [each.mean(0) for each in np.split(features, ends)]
    if not found:
      nothing = np.zeros((1, self.image_px, self.image_px, 1), np.uint8)
      return self._network.features(nothing)[:0]
    return np.stack(found)

  def identity(self, besides: str = "") -> str:
    """Returns hexadecimal digits of all that answers for a file depend on.

    The weights, the classes, how files are cleaned and cut, what is told of
    them all, and the orientations that are looked at.

    Args:
      besides: what else they depend on.
    """
    dataset = self._dataset
    decides = {
      "classes": self.class_names,
      "levels": self._network.forward.levels,
      "dataset": [dataset[k] for k in ("view", "image_px", "tile_px")],
      "told": dataclasses.asdict(self.told),
      "orientations": self._network.orientations,
      "coverage": self._judgement.confidence.coverage,
    }
    if besides:
      decides["besides"] = besides
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
    for leaf in jax.tree.leaves(self.network.variables):
      digest.update(sharding.fetch(leaf).tobytes())
    return digest.hexdigest()[:_ID_CHARACTERS]

  def examine(self, path: picture_views.Picture) -> predictions.Examined:
    """Returns the prediction for a file or array, and what it was made from.

    Raises:
      UserError: see `__call__`.
    """
    ((name, picture),) = picture_views.named([path])
    micrograph, seen = self._pictures.read(name, picture)
    (prediction,) = self._classify([(name, seen)])
    return predictions.Examined(prediction, micrograph, seen.views)

  def answers(self, views: np.ndarray) -> predictions.ViewAnswers:
    """Returns the answers for views uint8 (v, y, x, 1), at least one.

    Their sides are those of the training images. The answer for a file is the
    mean over its views.
    """
    logits, features = self._network(views)
    return predictions.ViewAnswers(
      forward_pass.probabilities(logits),
      self._judgement.novelties(features),
      features,
    )

  def _classify(
    self,
    group: Sequence[tuple[str, picture_views.Seen]],
    describe: Describe | None = None,
  ) -> Iterator[predictions.Prediction]:
    images = np.concatenate([seen.views for _, seen in group])
    logits, features = self._network(images)
    structure = describe(images) if describe and len(images) else {}
    return self._judgement.judged(group, logits, features, structure)
