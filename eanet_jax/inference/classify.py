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
  image_folders,
  micrographs,
  read_ahead,
)
from eanet_jax.inference import (
  forward_pass,
  judgement,
  picture_views,
  predictions,
)
from eanet_jax.models import ensemble, transfer
from eanet_jax.runtime import sharding
from eanet_jax.workdir import packed_workdir, restore, trained_on

# Files are answered for in groups, each of twice as many views as the one
# before, from one view to so many batches: the first answer comes at once, and
# devices are kept busy.
_MOST_BATCHES = 4
# Of what an answer depends on, so many characters name it.
_ID_CHARACTERS = 12

# From uint8 images (v, y, x, 1) to float64 (v,) of each, by name.
Describe = Callable[[np.ndarray], Mapping[str, np.ndarray]]


class Classifier:
  """A trained network, ready to classify files.

  Attributes:
    class_names: in the order of the network's outputs.
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
    meta, config = network.meta, network.meta.config
    self.class_names = meta.class_names
    self.trained_on: str = config["dataset"]["path"]
    self.network, self.mesh = network, mesh
    self._variables, self._dataset = network.variables, config["dataset"]
    self._pictures = picture_views.PictureViews(self._dataset, readers, told)
    usual = config["evaluation"]["orientations"]
    self._orientations = 1 if fast else usual
    self._judgement = judgement.Judgement(
      network, kept, coverage, self._orientations
    )
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
  def told(self) -> micrographs.Told:
    """What is said of all files, and how they are cleaned."""
    return self._pictures.told

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
    self, paths: Iterable[str | os.PathLike]
  ) -> list[predictions.Prediction]:
    """Returns a prediction for each file of `paths`, in order.

    Args:
      paths: files, or folders that are searched to any depth; or a single one.
    """
    if isinstance(paths, str | os.PathLike):  # a str would give characters
      paths = [paths]
    return list(self.stream(image_folders.expand(paths)))

  def stream(
    self,
    paths: Iterable[str | os.PathLike],
    told: Mapping[str, micrographs.Told] | None = None,
    *,
    facts: bool = False,
    describe: Describe | None = None,
  ) -> Iterator[predictions.Prediction]:
    """Yields a prediction for each file, reading ahead of the network.

    Args:
      paths: files, as many as there may be: a few are in memory at a time.
      told: what is known of some files in place of what is of all, by path.
      facts: whether their brightness, contrast and size are measured.
      describe: what finds their structures.
    """
    told = told or {}

    def seen_in(path: str | os.PathLike) -> picture_views.Seen:
      own = told.get(str(path))
      return self._pictures.read(path, own, facts=facts)[1]

    waiting: list[tuple[str | os.PathLike, picture_views.Seen]] = []
    views, enough = 0, 1
    found = read_ahead.in_order(seen_in, paths, lambda seen: seen.views.nbytes)
    for path, seen in found:
      waiting.append((path, seen))
      views += len(seen.views)
      if views >= enough:
        yield from self._classify(waiting, describe)
        waiting, views = [], 0
        enough = min(2 * enough, _MOST_BATCHES * self._forward.batch_size)
    yield from self._classify(waiting, describe)

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
      "levels": self._forward.levels,
      "dataset": [dataset[k] for k in ("view", "image_px", "tile_px")],
      "told": dataclasses.asdict(self.told),
      "orientations": self._orientations,
      "coverage": self._judgement.confidence.coverage,
    }
    if besides:
      decides["besides"] = besides
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
    for leaf in jax.tree.leaves(self._variables):
      digest.update(sharding.fetch(leaf).tobytes())
    return digest.hexdigest()[:_ID_CHARACTERS]

  def examine(self, path: str | os.PathLike) -> predictions.Examined:
    """Returns the prediction for one file, and what it was made from."""
    micrograph, seen = self._pictures.read(path)
    (prediction,) = self._classify([(path, seen)])
    return predictions.Examined(prediction, micrograph, seen.views)

  def answers(self, views: np.ndarray) -> predictions.ViewAnswers:
    """Returns the answers for views uint8 (v, y, x, 1), at least one.

    Their sides are those of the training images. The answer for a file is the
    mean over its views.
    """
    logits, features = self._looked_at(views)
    return predictions.ViewAnswers(
      forward_pass.probabilities(logits),
      self._judgement.novelties(features),
      features,
    )

  def _classify(
    self,
    waiting: Sequence[tuple[str | os.PathLike, picture_views.Seen]],
    describe: Describe | None = None,
  ) -> Iterator[predictions.Prediction]:
    if not waiting:
      return
    counts = [len(seen.views) for _, seen in waiting]
    groups = np.repeat(np.arange(len(waiting)), counts)
    images = np.concatenate([seen.views for _, seen in waiting])
    logits, features = self._looked_at(images)
    structure = describe(images) if describe and len(images) else {}
    for i, (path, seen) in enumerate(waiting):
      own = groups == i
      of_own = None if features is None else features[own]
      of_views = {name: shares[own] for name, shares in structure.items()}
      yield self._judgement.prediction(
        str(path), seen, logits[own], of_own, of_views
      )

  def _looked_at(
    self, images: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits (k, l) of views uint8 (k, y, x, 1), and their features (k, f)."""
    if not len(images):
      return np.empty((0, len(self.class_names)), np.float32), None
    chosen, features = np.arange(len(images)), None
    if isinstance(self._forward.model, transfer.Transfer):
      features = images = self._forward.features(
        self._variables, images, chosen, self._orientations
      )
    logits = self._forward(self._variables, images, chosen, self._orientations)
    return logits, features
