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
from typing import Any, NamedTuple

import jax
import numpy as np

from eanet_jax import errors
from eanet_jax.data import (
  file_limits,
  file_readers,
  image_folders,
  micrographs,
  picture_facts,
  read_ahead,
)
from eanet_jax.inference import confidence, forward_pass, neighbours, novelty
from eanet_jax.models import ensemble, transfer
from eanet_jax.runtime import sharding
from eanet_jax.workdir import packed_workdir, restore, trained_on

_NEAREST = 3  # training micrographs beside an answer


@dataclasses.dataclass(frozen=True)
class Neighbour:
  """A training micrograph that is like the one predicted.

  Attributes:
    file, label, specimen: as the data set names them.
    distance: 1 where half of the micrographs that were left out of training
      have one as near.
  """

  file: str
  label: str
  specimen: str
  distance: float


# Files are answered for in groups, each of twice as many views as the one
# before, from one view to so many batches: the first answer comes at once, and
# devices are kept busy.
_MOST_BATCHES = 4
# Of what an answer depends on, so many characters name it.
_ID_CHARACTERS = 12

# From uint8 images (v, y, x, 1) to float64 (v,) of each, by name.
Describe = Callable[[np.ndarray], Mapping[str, np.ndarray]]


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
    set: classes of which one is the true one as often as is promised (see
      `Classifier.promise`), the most probable first; () if nothing can be.
    verdict: "known"; "unsure" where several classes are in the set, or the
      class is less probable than true ones are; "foreign" where novelty is
      above 1; "other magnification"; "" where the network cannot tell.
    reason: for a verdict other than "known".
    nearest: the training micrographs most like it, () of a network without
      features.
    trained_on: the training micrograph that it is, "" if it is none.
    um_per_px, um_from: how wide a pixel is and what told, as in
      `micrographs.Micrograph`.
    crop_rows, bar_from: rows of the data bar that were removed and what told.
    remarks: what a person should know of the file, a line each.
    error: why the file could not be used; "" if it could.
    novelties: float64 (views,), which `novelty` is the mean of; None likewise.
    corners: int64 (views, 2), the top and left pixel of each view in the
      specimen rows; None if the file could not be used.
    facts: of the specimen rows, where they were asked for.
    structure: float64 (views,) by what slots of a memory are called: the share
      of a view that they take up; {} where it was not asked for.
  """

  file: str
  label: str = ""
  probability: float | None = None
  probabilities: np.ndarray | None = None
  logits: np.ndarray | None = None
  novelty: float | None = None
  set: tuple[str, ...] = ()
  verdict: str = ""
  reason: str = ""
  nearest: tuple[Neighbour, ...] = ()
  trained_on: str = ""
  um_per_px: float | None = None
  um_from: str = ""
  crop_rows: int = 0
  bar_from: str = ""
  remarks: tuple[str, ...] = ()
  error: str = ""
  novelties: np.ndarray | None = None
  corners: np.ndarray | None = None
  facts: picture_facts.Facts | None = None
  structure: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


class ViewAnswers(NamedTuple):
  """The network's answers for views, for each by itself.

  Attributes:
    probabilities: float64 (v, l).
    novelties: float64 (v,); None of a network that cannot tell.
    features: float32 (v, f), which novelty is found from; None of a network
      without.
  """

  probabilities: np.ndarray
  novelties: np.ndarray | None
  features: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class _Seen:
  """What the network sees of a file: uint8 views (v, y, x, 1), or an error.

  Attributes:
    views: none if there is an error.
    field_um: how wide a view is, see `micrographs.field_um`.
    of_file: the fields of a `Prediction` that the file alone decides.
  """

  views: np.ndarray
  field_um: float | None = None
  of_file: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  error: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Examined:
  """The answer for one file beside what it is the answer for.

  Attributes:
    prediction: as for any file.
    micrograph: cleaned; None if the file could not be used.
    views: uint8 (v, y, x, 1), what the network saw of it.
  """

  prediction: Prediction
  micrograph: micrographs.Micrograph | None
  views: np.ndarray


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
    self._readers = readers or file_readers.Readers(
      file_limits.Limits(option="Limits({}=N)")
    )
    meta, config = network.meta, network.meta.config
    self.class_names = meta.class_names
    self._confidence = confidence.Confidence.of(
      kept, meta.class_names, coverage
    )
    self._kept = kept
    self._known = (
      {each.digest: each.file for each in kept.micrographs} if kept else {}
    )
    self.trained_on: str = config["dataset"]["path"]
    self.network, self.mesh = network, mesh
    self._variables = network.variables
    self._familiar: novelty.Familiar | None = None
    self._dataset = config["dataset"]
    self.told = as_trained(told, self._dataset)
    usual = config["evaluation"]["orientations"]
    self._orientations = 1 if fast else usual
    # How far is far was found with the mean over the usual orientations; of
    # images as they are, every single one would be foreign.
    if "familiar" in network.variables and self._orientations == usual:
      familiar = jax.tree.map(sharding.fetch, network.variables["familiar"])
      self._threshold = float(familiar.pop("threshold"))
      self._familiar = novelty.Familiar(**familiar)
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
  def knows_its_training(self) -> bool:
    """Whether it can tell of a file that it was trained on."""
    return self._kept is not None

  @property
  def promise(self) -> str:
    """What the sets of classes promise, or why there are none; a line."""
    return self._confidence.promise

  @property
  def image_px(self) -> int:
    """Side of what the network looks at, a square."""
    return self._dataset["image_px"]

  @property
  def tile_px(self) -> int | None:
    """Side of the tiles that are looked at; None of whole micrographs."""
    tiled = self._dataset["view"] == "tiles"
    return self._dataset["tile_px"] if tiled else None

  def __call__(self, paths: Iterable[str | os.PathLike]) -> list[Prediction]:
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
  ) -> Iterator[Prediction]:
    """Yields a prediction for each file, reading ahead of the network.

    Args:
      paths: files, as many as there may be: a few are in memory at a time.
      told: what is known of some files in place of what is of all, by path.
      facts: whether their brightness, contrast and size are measured.
      describe: what finds their structures.
    """
    told = told or {}

    def seen_in(path: str | os.PathLike) -> _Seen:
      return self._read(path, told.get(str(path)), facts)[1]

    waiting: list[tuple[str | os.PathLike, _Seen]] = []
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
      "coverage": self._confidence.coverage,
    }
    if besides:
      decides["besides"] = besides
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
    for leaf in jax.tree.leaves(self._variables):
      digest.update(sharding.fetch(leaf).tobytes())
    return digest.hexdigest()[:_ID_CHARACTERS]

  def examine(self, path: str | os.PathLike) -> Examined:
    """Returns the prediction for one file, and what it was made from."""
    micrograph, seen = self._read(path, None, False)
    (prediction,) = self._classify([(path, seen)])
    return Examined(prediction, micrograph, seen.views)

  def answers(self, views: np.ndarray) -> ViewAnswers:
    """Returns the answers for views uint8 (v, y, x, 1), at least one.

    Their sides are those of the training images. The answer for a file is the
    mean over its views.
    """
    images, chosen, features = views, np.arange(len(views)), None
    if isinstance(self._forward.model, transfer.Transfer):
      features = images = self._forward.features(
        self._variables, views, chosen, self._orientations
      )
    logits = self._forward(self._variables, images, chosen, self._orientations)
    novelties = None
    if features is not None and self._familiar is not None:
      novelties = self._familiar.distances(features) / self._threshold
    return ViewAnswers(forward_pass.probabilities(logits), novelties, features)

  def _read(
    self,
    path: str | os.PathLike,
    told: micrographs.Told | None,
    facts: bool,
  ) -> tuple[micrographs.Micrograph | None, _Seen]:
    dataset = self._dataset
    side = dataset["image_px"]
    said = as_trained(told, dataset) if told else self.told
    try:
      micrograph = self._readers.read(path, said)
      views = micrographs.views(
        micrograph.image, dataset["view"], side, dataset["tile_px"]
      )
    except micrographs.MicrographError as error:
      nothing = np.empty((0, side, side, 1), np.uint8)
      return None, _Seen(nothing, error=str(error))
    field_um = micrographs.field_um(
      micrograph.um_per_px,
      micrograph.image.size,
      dataset["view"],
      dataset["tile_px"],
    )
    corners = np.zeros((1, 2), np.int64)
    if dataset["view"] == "tiles":
      height, width = micrograph.image.shape
      corners = micrographs.corners(height, width, dataset["tile_px"])
    of_file = {
      "um_per_px": micrograph.um_per_px,
      "um_from": micrograph.um_from,
      "crop_rows": micrograph.crop_rows,
      "bar_from": micrograph.bar_from,
      "remarks": micrograph.remarks,
      "corners": corners,
      "facts": picture_facts.measure(micrograph.image) if facts else None,
    }
    return micrograph, _Seen(views[..., None], field_um, of_file)

  def _classify(
    self,
    waiting: Sequence[tuple[str | os.PathLike, _Seen]],
    describe: Describe | None = None,
  ) -> Iterator[Prediction]:
    if not waiting:
      return
    counts = [len(seen.views) for _, seen in waiting]
    groups = np.repeat(np.arange(len(waiting)), counts)
    images = np.concatenate([seen.views for _, seen in waiting])
    logits, features = self._looked_at(images)
    structure = describe(images) if describe and len(images) else {}
    for i, (path, seen) in enumerate(waiting):
      if seen.error:
        yield Prediction(str(path), error=seen.error)
        continue
      own = groups == i
      of_own = None if features is None else features[own]
      of_views = {name: shares[own] for name, shares in structure.items()}
      yield self._prediction(path, seen, logits[own], of_own, of_views)

  def _looked_at(
    self, images: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits (k, l) of views uint8 (k, y, x, 1), and their features (k, f)."""
    if not len(images):
      return np.empty((0, len(self.class_names)), np.float32), None
    chosen, features = np.arange(len(images)), None
    if self._familiar is not None:
      features = images = self._forward.features(
        self._variables, images, chosen, self._orientations
      )
    logits = self._forward(self._variables, images, chosen, self._orientations)
    return logits, features

  def _prediction(
    self,
    path: str | os.PathLike,
    seen: _Seen,
    logits: np.ndarray,
    features: np.ndarray | None,
    structure: Mapping[str, np.ndarray],
  ) -> Prediction:
    """Of one file: logits (t, l) and features (t, f) of its views."""
    mean = forward_pass.probabilities(logits).mean(0)
    best = int(mean.argmax())
    far = novelties = None
    if features is not None and self._familiar is not None:
      novelties = self._familiar.distances(features) / self._threshold
      far = float(novelties.mean())
    verdict, reason = self._confidence.verdict(mean, far, seen.field_um)
    return Prediction(
      file=str(path),
      label=self.class_names[best],
      probability=float(mean[best]),
      probabilities=mean,
      logits=logits,
      novelty=far,
      set=self._confidence.set_of(mean),
      verdict=verdict,
      reason=reason,
      nearest=() if features is None else self._nearest(features),
      trained_on=self._known.get(trained_on.digest(seen.views), ""),
      novelties=novelties,
      structure=structure,
      **seen.of_file,
    )

  def _nearest(self, features: np.ndarray) -> tuple[Neighbour, ...]:
    """The training micrographs most like one, of features (t, f)."""
    kept = self._kept
    if kept is None or self._familiar is None or not len(kept.places):
      return ()
    one = np.zeros(len(features), int)
    place = neighbours.places(self._familiar, features, one)[0]
    found = neighbours.nearest(place, kept.places, _NEAREST)
    return tuple(
      Neighbour(
        kept.micrographs[i].file,
        kept.micrographs[i].label,
        kept.micrographs[i].specimen,
        distance / kept.typical,
      )
      for i, distance in zip(*(each.tolist() for each in found), strict=True)
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
