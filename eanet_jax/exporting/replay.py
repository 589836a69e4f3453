"""Two trainings of one configuration: are they the same, bit for bit?

Takes what a dossier and a workdir hold, gives a finding for each stage, in the
order in which one follows from the other: where the first differs, they part.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from eanet_jax import errors
from eanet_jax.configuration import config_tree
from eanet_jax.runtime import wording
from eanet_jax.workdir import predictions_csv, results_json, trained_on

_SHOWN = 3
# Of results.json: what a clock, a machine or a folder's name says.
_NOT_COMPARED = {
  "format",
  "device",
  "versions",
  "wall_time_s",
  "images_per_s",
  "inference_images_per_s",
  "gflop_per_image",
  "dataset.path",
}


class Finding(NamedTuple):
  """One stage of two trainings.

  Attributes:
    stage: data, split, features, weights, predictions or results.
    differs: in what; "" where nothing does.
    of: what was compared.
  """

  stage: str
  differs: str
  of: str

  def __str__(self) -> str:
    """Returns a line for people."""
    return f"{self.stage}: {self.differs or 'identical'} ({self.of})"


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
  """What one training left.

  Attributes:
    results: all figures.
    kept: what was trained on; None of a run by an earlier version.
    predictions: of micrographs, by a network that had not seen them.
    digest: of the images, labels and split.
    hashes: of every array of the weights.
    weights: arrays, some or all.
  """

  results: results_json.RunResults
  kept: trained_on.TrainedOn | None
  predictions: predictions_csv.Predictions
  digest: str
  hashes: Mapping[str, str]
  weights: Mapping[str, np.ndarray]


def read(
  folder: pathlib.Path,
  digest: str,
  hashes: Mapping[str, str],
  weights: Mapping[str, np.ndarray],
) -> Record:
  """Returns the record of a folder, a workdir's or an unpacked dossier's.

  Raises:
    UserError: it lacks a file, or one was changed or is damaged.
  """
  try:
    results = results_json.read(folder)
    if not isinstance(results, results_json.RunResults):
      raise errors.UserError(f"{folder}: it has no results of classes")
    return Record(
      results=results,
      kept=trained_on.read(folder),
      predictions=predictions_csv.read_test(folder, results.class_names),
      digest=digest,
      hashes=hashes,
      weights=weights,
    )
  except OSError as error:
    raise errors.UserError(f"{folder}: {errors.reason(error)}") from None


def compare(before: Record, again: Record) -> list[Finding]:
  """Returns a finding for each stage, in order."""
  split = _split(before, again)
  found = [_data(before, again, bool(split.differs)), split]
  if before.kept is not None and again.kept is not None:
    found.append(_features(before.kept, again.kept))
  found += [_weights(before, again), _predictions(before, again)]
  return [*found, _results(before.results, again.results)]


def _data(before: Record, again: Record, other_split: bool) -> Finding:
  """What the network sees of each micrograph that it is trained on."""
  rows, others = (
    {each.file: each for each in record.kept.micrographs} if record.kept else {}
    for record in (before, again)
  )
  differ = [
    file
    for file in sorted(rows.keys() | others.keys())
    if rows.get(file) != others.get(file)
  ]
  told = ""
  if differ:
    count = wording.count(len(differ), "micrograph")
    told = f"differs in {count}: {wording.listed(differ, _SHOWN)}"
  elif before.digest != again.digest and not other_split:
    told = "differs in micrographs that are tested on, or in their order"
  return Finding("data", told, wording.count(len(rows), "micrograph"))


def _split(before: Record, again: Record) -> Finding:
  """What is tested on, in which order, and under which class."""
  one, other = before.predictions, again.predictions
  differ = [
    name
    for name, same in (
      ("counts", before.results.split == again.results.split),
      ("classes", before.results.class_names == again.results.class_names),
      ("micrographs tested on", one.files.tolist() == other.files.tolist()),
      ("specimens", one.specimens.tolist() == other.specimens.tolist()),
      ("true classes", one.labels.tolist() == other.labels.tolist()),
    )
    if not same
  ]
  told = f"differs in its {', '.join(differ)}" if differ else ""
  return Finding("split", told, f"{len(one.files)} tested on")


def _features(
  before: trained_on.TrainedOn, again: trained_on.TrainedOn
) -> Finding:
  """Where micrographs lie among features, and what is promised of sets."""
  pairs: dict[str, tuple[Any, Any]] = {
    "places": (before.places, again.places),
    "usual distance": (before.typical, again.typical),
    "sets": (before.least, again.least),
  }
  differ = [
    f"{name} by {_difference(*pair)}"
    for name, pair in pairs.items()
    if not np.array_equal(*pair)
  ]
  told = f"differs in its {', '.join(differ)}" if differ else ""
  return Finding("features", told, "places of what was trained on, thresholds")


def _weights(before: Record, again: Record) -> Finding:
  names = sorted(before.hashes.keys() | again.hashes.keys())
  differ = [n for n in names if before.hashes.get(n) != again.hashes.get(n)]
  told = ""
  if differ:
    first = differ[0]
    size = ""
    if first in before.weights and first in again.weights:
      size = f" by {_difference(before.weights[first], again.weights[first])}"
    told = f"differs in {len(differ)} of {len(names)} arrays, {first}{size}"
  return Finding("weights", told, f"{len(names)} arrays, SHA-256 of each")


def _predictions(before: Record, again: Record) -> Finding:
  one, other = before.predictions, again.predictions
  told = ""
  if one.probabilities.shape != other.probabilities.shape:
    told = "differs in their number"
  elif not np.array_equal(one.probabilities, other.probabilities):
    called, now = (each.probabilities.argmax(-1) for each in (one, other))
    others = int((called != now).sum())
    labels = (
      f"{others} of {len(called)} labels are others"
      if others
      else "all labels are equal"
    )
    far = _difference(one.probabilities, other.probabilities)
    told = f"differs, probabilities by {far} at most, {labels}"
  count = wording.count(len(one.files), "micrograph")
  return Finding("predictions", told, f"{count}, none trained on")


def _results(
  before: results_json.RunResults, again: results_json.RunResults
) -> Finding:
  one, other = (_figures(each) for each in (before, again))
  differ = [
    name
    for name in sorted(one.keys() | other.keys())
    if one.get(name) != other.get(name)
  ]
  told = ""
  if differ:
    first = differ[0]
    values = one.get(first), other.get(first)
    told = f"differs in {len(differ)} of {len(one)} figures, {first}"
    if all(isinstance(value, int | float) for value in values):
      told += f" ({values[0]} and {values[1]})"
  return Finding("results", told, f"{len(one)} figures")


def _figures(run: results_json.RunResults) -> dict[str, Any]:
  flat = config_tree.flatten(dataclasses.asdict(run))
  return {
    name: value
    for name, value in flat.items()
    if not {name, name.partition(".")[0]} & _NOT_COMPARED
  }


def _difference(one: Any, other: Any) -> str:
  """The greatest difference of two arrays, in words."""
  one, other = np.asarray(one), np.asarray(other)
  if one.shape != other.shape:
    return f"their shapes, {one.shape} and {other.shape}"
  return f"{np.abs(one.astype(np.float64) - other).max():.1e}"


def verdict(found: list[Finding]) -> str:
  """Returns "identical", or where two trainings part; a line."""
  parts = [each for each in found if each.differs]
  if not parts:
    return "identical"
  told = f"not identical: they part at the {parts[0].stage}"
  answers = next(each for each in found if each.stage == "predictions")
  if parts[0] is not answers:
    told += f"; predictions: {answers.differs or 'identical'}"
  return told
