"""evaluation.json: what `eanet evaluate` finds, for scripts.

Field names are stable within a `FORMAT`.
"""

import dataclasses
import pathlib
from typing import TypedDict

from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import results_json

FILE = "evaluation.json"
# Raise it whenever a field is added, is removed or changes its meaning.
FORMAT = 1


# A field called "class" cannot be written in a class body.
UnknownClass = TypedDict(
  "UnknownClass",
  {"class": str, "micrographs": int, "foreign": int | None},
)


class Novelty(TypedDict):
  """How unlike what was trained on the files of known classes are.

  "foreign" of "micrographs" are above 1; "expected" is the share of images like
  those trained on that are.
  """

  micrographs: int
  foreign: int
  expected: float
  median: float
  highest: float


class Drift(TypedDict):
  """One number of the files beside that of the files trained on.

  "low" and "high" are those beyond which 5 % of the latter are at either end,
  and "beyond" is the share of the former outside: 0.1 if nothing changed.
  """

  name: str
  median: float
  trained_low: float
  trained_median: float
  trained_high: float
  beyond: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
  """What evaluation.json holds.

  Attributes:
    workdir, source: what was tested, and on what.
    network_id: see `Classifier.identity`.
    class_names: in the order of the network's outputs.
    test: scores of what was not trained on, as in results.json; None where
      there is nothing to score.
    trained_on: scores of what was; None where nothing was, or nobody knows.
    trained_on_known: whether the workdir says what was trained on.
    per_specimen: scores of the specimens that were not trained on.
    unknown_classes: classes that the network does not know.
    novelty: of the known classes; None where the network cannot tell.
    drift: brightness, contrast, size and scale; [] where the files trained on
      are not at hand.
    skipped: [file, reason] of files that could not be used.
    unmatched: lines about files of no class.
    warnings: what a reader of the figures must know.
    versions: of the packages that tested it.
  """

  format: int = FORMAT
  workdir: str
  source: str
  network_id: str
  class_names: list[str]
  test: results_json.Levels | None
  trained_on: results_json.Levels | None
  trained_on_known: bool
  per_specimen: list[results_json.SpecimenScore]
  unknown_classes: list[UnknownClass]
  novelty: Novelty | None
  drift: list[Drift]
  skipped: list[list[str]]
  unmatched: list[str]
  warnings: list[str]
  versions: dict[str, str]


def write(folder: pathlib.Path, evaluation: Evaluation) -> None:
  """Writes FOLDER/evaluation.json."""
  atomic_files.write_json(folder / FILE, dataclasses.asdict(evaluation))
