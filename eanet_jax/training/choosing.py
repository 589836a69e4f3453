"""What a run decides by itself: its folds, and whether to look at tiles.

Takes a configuration, gives a `choice_json.Choice`. Nothing is chosen on what
is tested on: views are compared by how they answer for training specimens that
are left out in turn.
"""

import collections
import dataclasses
import time

import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.data import dataset, split_copies
from eanet_jax.evaluation import answers, calibration
from eanet_jax.inference import forward_pass
from eanet_jax.runtime import console, peers, pytrees, sharding, wording
from eanet_jax.training import (
  discriminant,
  initial_state,
  objective_discriminant,
)
from eanet_jax.workdir import choice_json

# A micrograph of so many tiles is shrunk to half its size or less as a whole.
_TILES = 4
_TIMED = 8  # views, to tell how long all will take
_TIMED_ROWS = 512  # of a product, likewise
_MOST_FOLDS = 5


def is_settled(config: ml_collections.ConfigDict) -> bool:
  """Whether a configuration leaves nothing to choose."""
  return config.dataset.view != "auto" and not config.split.cross_validate


def choose(config: ml_collections.ConfigDict) -> choice_json.Choice:
  """Returns what a valid configuration leaves to choose.

  All processes of a job call this together.

  Raises:
    UserError: a source, path or split cannot be used.
  """
  by, folds, reasons = config.split.by, 0, []
  if config.split.cross_validate and not _says_what_to_test(config):
    everything = _with(config, "split", by="none", cross_validate=False)
    if config.dataset.view == "auto":
      everything = _with(everything, "dataset", view="whole")
    data = dataset.load(everything)
    if not data.states_split:
      by, folds, reason = _folds(data, by)
      reasons = [reason]
  if config.dataset.view != "auto":
    return choice_json.Choice(
      asked=config.split.cross_validate,
      view=config.dataset.view,
      by=by,
      folds=folds,
      tried=[],
      reasons=reasons,
    )
  whole = _with(
    config,
    "split",
    by=by,
    folds=folds or config.split.folds,
    cross_validate=folds > 0,
  )
  chosen = [
    _view(_with(whole, "split", fold=fold))
    for fold in (range(folds) if folds else [config.split.fold])
  ]
  # All of a cross-validation look in one way: that of most folds.
  views = collections.Counter(view for view, _, _ in chosen)
  view = views.most_common()[0][0]
  reasons += [next(reason for own, _, reason in chosen if own == view)]
  if len(views) > 1:
    reasons += [
      f"{views[view]} of {folds} folds chose so; as the others did not, what"
      " all of them reach is somewhat too good"
    ]
  tried = [each for _, own, _ in chosen for each in own]
  return choice_json.Choice(
    asked=config.split.cross_validate,
    view=view,
    by=by,
    folds=folds,
    tried=tried,
    reasons=reasons,
  )


def apply(
  config: ml_collections.ConfigDict, choice: choice_json.Choice
) -> ml_collections.ConfigDict:
  """Returns the configuration with what was chosen; what it says stands."""
  folds = 0 if _says_what_to_test(config) else choice.folds
  config = _with(config, "split", cross_validate=folds > 0)
  if folds:
    config = _with(config, "split", folds=folds, fold=-1)
    if config.split.by == "specimen":  # and no class has two
      config = _with(config, "split", by=choice.by)
  return _looking_at(config, choice.view)


def of_fold(
  config: ml_collections.ConfigDict, fold: int
) -> ml_collections.ConfigDict:
  """Returns the configuration of one network of a cross-validation.

  It is trained on all but a fold, and tested on that.

  Args:
    config: settled.
    fold: from 0.
  """
  return _with(config, "split", fold=fold)


def _with(
  config: ml_collections.ConfigDict, group: str, **fields: object
) -> ml_collections.ConfigDict:
  changed = config.copy_and_resolve_references()
  changed[group].update(fields)
  return changed


def _looking_at(
  config: ml_collections.ConfigDict, view: choice_json.View
) -> ml_collections.ConfigDict:
  """Looks at this view where that is to be chosen; nothing is enlarged."""
  if config.dataset.view != "auto":
    return config
  if view == "tiles":
    config = _with(config, "dataset", tile_px=config.dataset.image_px)
  return _with(config, "dataset", view=view)


def _says_what_to_test(config: ml_collections.ConfigDict) -> bool:
  split = config.split
  return bool(split.folds or split.test_specimens)


def _folds(data: dataset.Dataset, by: str) -> tuple[str, int, str]:
  """What keeps the folds apart, their number, and why."""
  views = data.views
  labels = np.asarray(views.class_names)[views.labels]
  units, _ = split_copies.together(
    labels, np.asarray(views.specimens), views.copies
  )
  of_class = [len(set(units[labels == name])) for name in np.unique(labels)]
  several = sum(number for number in of_class if number > 1)
  if by == "specimen" and several:
    folds = min(_MOST_FOLDS, several)
    return (
      by,
      folds,
      f"{folds} networks, each trained without the specimens that it is tested"
      " on, so that every specimen is tested on",
    )
  fewest = int(np.bincount(views.labels).min())
  folds = min(_MOST_FOLDS, fewest)
  why = "no class has two specimens" if by == "specimen" else "as was asked for"
  return (
    "micrograph",
    folds,
    f"{folds} networks, each trained without the images that it is tested on;"
    f" images of a specimen are on both sides ({why}), so that a new specimen"
    " will be told less well",
  )


def _view(
  config: ml_collections.ConfigDict,
) -> tuple[choice_json.View, list[choice_json.Tried], str]:
  """The view for one split, what was tried for it, and why it was chosen.

  Whole micrographs are tried first. Where they are large, and not all are
  answered right, their tiles are tried too, if that takes no longer than
  `train.minutes`.
  """
  side = config.dataset.image_px
  data = dataset.load(_looking_at(config, "whole"))
  pixels = data.views.numbers["pixels"] * 1e6
  tiles = float(pixels.sum()) / side**2
  told = "whole micrographs are looked at: "
  if pixels.min() < _TILES * side**2:
    small = f"not all have {_TILES} tiles of {side} px or more"
    return "whole", [], told + small
  whole, network = _tried(config, data)
  right = (
    f"of the training micrographs, left out in turn, {whole['accuracy']:.1%}"
    " are answered right when looked at as a whole"
  )
  if whole["accuracy"] == 1:
    return "whole", [whole], told + right
  # Each fold is fitted twice, to be tried and to be used.
  fits = 2 * max(config.split.folds * config.split.cross_validate, 1)
  seconds = tiles * network.seconds_per_view(data.views.images)
  seconds += fits * _fit_seconds(tiles, sum(network.forward.model.sizes))
  seconds = float(peers.of_first_process(np.array(seconds)))
  if seconds > 60 * config.train.minutes:
    long = (
      f"to try their tiles would take {wording.duration(seconds)}, more than"
      f" --config.train.minutes={config.train.minutes:g}; {right}"
    )
    return "whole", [whole], told + long
  console.say(f"{right}: trying tiles, {wording.duration(seconds)}")
  try:
    data = dataset.load(_looking_at(config, "tiles"))
  except errors.UserError as error:  # a class of long, narrow ones, say
    return "whole", [whole], f"{told}{right}; tiles cannot be tried: {error}"
  tiled, _ = _tried(config, data)
  best = min(whole, tiled, key=lambda tried: tried["loss"])
  if best is tiled:
    told = "tiles of the micrographs are looked at: "
  return (
    best["view"],
    [whole, tiled],
    f"{told}{right}, by tiles {tiled['accuracy']:.1%}; the mean of -log p is"
    f" {whole['loss']:.3f} and {tiled['loss']:.3f}",
  )


@dataclasses.dataclass(frozen=True, eq=False)
class _Network:
  """A frozen trunk that looks at views, `orientations` of each."""

  forward: forward_pass.ForwardPass
  variables: pytrees.Variables
  orientations: int

  def seconds_per_view(self, images: np.ndarray) -> float:
    """Returns how long one of images (v, y, x, 1) takes."""
    some = np.arange(_TIMED) % len(images)
    for _ in range(2):  # the first compiles
      begun = time.monotonic()
      self.forward.features(self.variables, images, some, self.orientations)
      seconds = time.monotonic() - begun
    return seconds / _TIMED


def _tried(
  config: ml_collections.ConfigDict, data: dataset.Dataset
) -> tuple[choice_json.Tried, _Network]:
  """What a view is worth on the training split, and what looked at it."""
  objective = objective_discriminant.Discriminant.create(config, data)
  mesh = sharding.data_mesh()
  model, state, _ = initial_state.create(config, data, objective, 1, mesh)
  forward = forward_pass.ForwardPass(
    model, data.mean, data.std, config.evaluation.batch_size, mesh
  )
  logits = objective.fit(state.variables, data, forward).logits
  views = data.views
  own = answers.Answers(views, views.of(data.split.train), logits)
  found = np.array(
    [
      (own.predicted == own.labels).mean(),
      calibration.loss(own.logits, own.labels, own.groups),
    ]
  )
  accuracy, loss = peers.of_first_process(found).tolist()
  tried = choice_json.Tried(
    view="tiles" if len(views.images) > len(views.labels) else "whole",
    views=len(views.images),
    accuracy=accuracy,
    loss=loss,
  )
  return tried, _Network(forward, state.variables, objective.orientations)


def _fit_seconds(views: float, size: int) -> float:
  """About how long a discriminant of so many views and features takes to fit.

  Nearly all of it are products of features with themselves, on the host.
  """
  some = np.ones((_TIMED_ROWS, size))
  begun = time.monotonic()
  some @ some.T
  seconds = time.monotonic() - begun
  times = views * min(views, size) / _TIMED_ROWS**2
  return float(discriminant.PRODUCTS * seconds * times)
