"""Answers as rows of a table: of tiles, of micrographs or of specimens.

Takes predictions, gives cells by column. Which columns there are, in which
order and of which type is said here and nowhere else.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from eanet_jax.inference import confidence, forward_pass, predictions
from eanet_jax.workdir import predictions_csv

Level = Literal["tile", "micrograph", "specimen"]
LEVELS: tuple[Level, ...] = get_args(Level)
# More digits would say more than is known.
_DIGITS = 4

# What a row is of, by level.
_OF: Mapping[str, Mapping[str, type]] = {
  "tile": {"file": str, "tile": int, "top_px": int, "left_px": int},
  "micrograph": {"file": str},
  "specimen": {"specimen": str, "micrographs": int, "unusable": int},
}
# What is said besides the classes, by level.
_BESIDES: Mapping[str, Mapping[str, type]] = {
  "tile": {"novelty": float, "verdict": str, "error": str},
  "micrograph": {
    "set": str,
    "novelty": float,
    "verdict": str,
    "reason": str,
    "nearest": str,
    "nearest_specimen": str,
    "nearest_distance": float,
    "trained_on": str,
    "um_per_px": float,
    "um_from": str,
    "crop_rows": int,
    "bar_from": str,
    "remarks": str,
    "error": str,
  },
  "specimen": {
    "agree": float,
    "novelty": float,
    "foreign": int,
    "verdict": str,
    "error": str,
  },
}

Row = dict[str, object]


@dataclasses.dataclass(frozen=True)
class Table:
  """The rows and columns of one level.

  Attributes:
    level: what a row is of.
    class_names: in the order of the network's outputs.
    network_id: stands in every row, see `Classifier.identity`.
    top_k: the most probable classes alone have columns, so many; 0 for a
      column of each class.
    more: further columns with their types, behind what a row is of.
    structure: what slots of the network's memory are called; each has a column
      for its share.
  """

  level: Level
  class_names: Sequence[str]
  network_id: str
  top_k: int = 0
  more: Mapping[str, type] = dataclasses.field(default_factory=dict)
  structure: Sequence[str] = ()

  @property
  def key(self) -> str:
    """The column that says what a row is of."""
    return next(iter(_OF[self.level]))

  @property
  def columns(self) -> dict[str, type]:
    """The columns and their types, in order."""
    columns = {**_OF[self.level], **self.more, "label": str}
    columns["probability"] = float
    if self.top_k:
      for rank in range(2, self._ranks + 1):
        columns |= {f"label_{rank}": str, f"probability_{rank}": float}
    else:
      names = predictions_csv.class_columns(self.class_names, self._others)
      columns |= dict.fromkeys(names, float)
    columns |= dict.fromkeys(map(_share_of, self.structure), float)
    return {**columns, **_BESIDES[self.level], "network_id": str}

  @property
  def _ranks(self) -> int:
    return min(self.top_k, len(self.class_names))

  @property
  def _others(self) -> set[str]:
    """Columns that no class may be called like."""
    level = self.level
    shares = map(_share_of, self.structure)
    return {*_OF[level], *self.more, *shares, *_BESIDES[level], "network_id"}

  def rows(self, prediction: predictions.Prediction) -> list[Row]:
    """Returns the rows of one file: its tiles', or its own.

    They are empty except for its name and error where it could not be used.
    """
    own: Row = {
      "file": prediction.file,
      "error": prediction.error,
      "network_id": self.network_id,
    }
    if prediction.probabilities is None:
      return [own]
    if self.level == "tile":
      return self._of_tiles(prediction, own)
    own |= self._answer(prediction.probabilities)
    own |= {
      _share_of(name): _rounded(float(shares.mean()))
      for name, shares in prediction.structure.items()
    }
    own |= {
      "set": "; ".join(prediction.set),
      "novelty": _rounded(prediction.novelty),
      "verdict": prediction.verdict,
      "reason": prediction.reason,
      "trained_on": prediction.trained_on,
      "um_per_px": _significant(prediction.um_per_px),
      "um_from": prediction.um_from,
      "crop_rows": prediction.crop_rows,
      "bar_from": prediction.bar_from,
      "remarks": "; ".join(prediction.remarks),
    }
    for each in prediction.nearest[:1]:
      own |= {
        "nearest": each.file,
        "nearest_specimen": each.specimen,
        "nearest_distance": _rounded(each.distance),
      }
    return [own]

  def _of_tiles(
    self, prediction: predictions.Prediction, own: Row
  ) -> list[Row]:
    found = []
    assert prediction.corners is not None
    assert prediction.logits is not None
    probabilities = forward_pass.probabilities(prediction.logits)
    for tile, (top, left) in enumerate(prediction.corners.tolist()):
      novelty = None
      if prediction.novelties is not None:
        novelty = float(prediction.novelties[tile])
      row = own | {"tile": tile, "top_px": top, "left_px": left}
      row |= self._answer(probabilities[tile])
      row |= {
        _share_of(name): _rounded(float(shares[tile]))
        for name, shares in prediction.structure.items()
      }
      row["novelty"] = _rounded(novelty)
      row["verdict"] = confidence.by_novelty(novelty)
      found.append(row)
    return found

  def of_specimen(self, vote: "Vote") -> Row:
    """Returns the row of a specimen of which every micrograph was seen."""
    row: Row = {
      "specimen": vote.specimen,
      "micrographs": vote.used,
      "unusable": vote.unusable,
      "network_id": self.network_id,
    }
    if vote.sum is None:
      return row | {"error": f"no file of it could be used: {vote.error}"}
    mean = vote.sum / vote.used
    row |= self._answer(mean)
    row["agree"] = round(vote.labels[int(mean.argmax())] / vote.used, _DIGITS)
    row |= {
      _share_of(name): _rounded(total / vote.used)
      for name, total in vote.structure.items()
    }
    if vote.novelties is not None:
      row["novelty"] = _rounded(vote.novelties / vote.used)
      row["foreign"] = vote.foreign
      most = 2 * vote.foreign > vote.used
      row["verdict"] = confidence.FOREIGN if most else confidence.KNOWN
    if vote.unusable:
      files = "file" if vote.unusable == 1 else "files"
      row["error"] = f"{vote.unusable} {files} could not be used: {vote.error}"
    return row

  def _answer(self, probabilities: np.ndarray) -> Row:
    """The cells of class probabilities (l,)."""
    rounded = probabilities.round(_DIGITS)
    if not self.top_k:
      row: Row = dict(
        predictions_csv.by_column(self.class_names, rounded, self._others)
      )
      row["label"] = self.class_names[int(probabilities.argmax())]
      row["probability"] = float(rounded.max())
      return row
    row = {}
    order = np.argsort(-probabilities, kind="stable")[: self._ranks]
    for rank, i in enumerate(order.tolist(), start=1):
      ending = f"_{rank}" if rank > 1 else ""
      row[f"label{ending}"] = self.class_names[i]
      row[f"probability{ending}"] = float(rounded[i])
    return row


def _share_of(name: str) -> str:
  """The column of what slots of the memory are called."""
  return f"share of {name}"


def _rounded(number: float | None) -> float | None:
  return None if number is None else round(number, _DIGITS)


def _significant(number: float | None) -> float | None:
  return None if number is None else float(f"{number:.6g}")


@dataclasses.dataclass
class Vote:
  """What the micrographs of a specimen say together, as they come.

  Its probability of a class is the mean over its micrographs, as in
  `answers.Answers`: what a run's specimens are scored by is what new ones get.
  The mean of logarithms would let one micrograph that is sure outvote all.

  Attributes:
    specimen: its name.
    waiting: how many files are still to come.
    used, unusable: how many were and could not be used.
    sum: float64 (l,), of probabilities; None before the first.
    labels: how many micrographs are of each class.
    novelties: their sum; None where the network cannot tell.
    foreign: how many are.
    structure: the sum of the shares of each name of slots of the memory.
    error: of the first that could not be used.
  """

  specimen: str
  waiting: int
  used: int = 0
  unusable: int = 0
  sum: np.ndarray | None = None
  labels: collections.Counter[int] = dataclasses.field(
    default_factory=collections.Counter
  )
  novelties: float | None = None
  foreign: int = 0
  structure: dict[str, float] = dataclasses.field(default_factory=dict)
  error: str = ""

  def add(self, prediction: predictions.Prediction) -> None:
    """Counts a micrograph."""
    self.waiting -= 1
    p = prediction.probabilities
    if p is None:
      self.unusable += 1
      self.error = self.error or prediction.error
      return
    self.used += 1
    self.sum = p if self.sum is None else self.sum + p
    self.labels[int(p.argmax())] += 1
    if prediction.novelty is not None:
      self.novelties = (self.novelties or 0.0) + prediction.novelty
      self.foreign += prediction.novelty > 1
    for name, shares in prediction.structure.items():
      before = self.structure.get(name, 0.0)
      self.structure[name] = before + float(shares.mean())


class Votes:
  """The votes of specimens, each complete when its last file was seen."""

  def __init__(self, specimens: Iterable[str]):
    """Takes the specimen of each file that will come."""
    counts = collections.Counter(specimens)
    self._open = {name: Vote(name, count) for name, count in counts.items()}

  def add(
    self, specimen: str, prediction: predictions.Prediction
  ) -> Vote | None:
    """Counts a file; returns the specimen's vote if it was the last one."""
    vote = self._open[specimen]
    vote.add(prediction)
    return None if vote.waiting else self._open.pop(specimen)
