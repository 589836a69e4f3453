"""results.json: all figures of a finished run, for scripts and for its report.

Only this module writes and reads it. Field names are stable within a `FORMAT`;
docs/workdir.md lists those that scripts can rely on.
"""

import dataclasses
import pathlib
from typing import Literal, NotRequired, TypedDict, get_args

from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import dataset_facts, json_formats

FILE = "results.json"
# Raise it whenever a field is removed or changes its meaning. One that is added
# is `NotRequired`, so that results from before it can still be shown.
FORMAT = 2
# What every result is compared with.
BASELINES = ("majority", "grey", "texture")
# Two of them have a support vector machine for each pair of classes: of a
# thousand, half a million. More classes than this have linear discriminants.
MAX_SVM_CLASSES = 100
Level = Literal["tile", "micrograph", "specimen"]
# The scores that tables show and that have an interval.
Headline = Literal[
  "accuracy",
  "balanced_accuracy",
  "macro_precision",
  "macro_recall",
  "macro_f1",
  "kappa",
]
LEVELS: tuple[Level, ...] = get_args(Level)


def baseline_titles(num_classes: int) -> dict[str, str]:
  """Returns what people call the BASELINES of so many classes, by name."""
  kind = "SVM" if num_classes <= MAX_SVM_CLASSES else "linear discriminants"
  return {
    "majority": "always the commonest class",
    "grey": f"grey mean and spread, {kind}",
    "texture": f"GLCM + LBP texture, {kind}",
  }


class ClassScores(TypedDict):
  """Scores of one class, and how many examples of it there are."""

  precision: float
  recall: float
  f1: float
  support: int


# True class: predicted class: how many; pairs that do not occur are left out,
# since of a thousand classes nearly all do not.
Confusion = dict[str, dict[str, int]]


class Scores(TypedDict):
  """Scores at one level; `metrics.summary` computes them."""

  accuracy: float
  balanced_accuracy: float
  macro_precision: float
  macro_recall: float
  macro_f1: float
  kappa: float
  top2_accuracy: float
  per_class: dict[str, ClassScores]
  confusion: Confusion
  examples: int
  interval_95: NotRequired[dict[str, list[float]]]


Levels = dict[Level, Scores]


# A field called "class" cannot be written in a class body.
SpecimenScore = TypedDict(
  "SpecimenScore",
  {"specimen": str, "class": str, "micrographs": int, "accuracy": float},
)


class Bin(TypedDict):
  """Answers whose probability is from `low` to `high`; None if none is."""

  low: float
  high: float
  count: int
  confidence: float | None
  accuracy: float | None


class Reliability(TypedDict):
  """Expected calibration error and the bins it is a mean over."""

  ece: float
  bins: list[Bin]


class Calibration(TypedDict):
  """Temperature of the validation split; test reliability before and after.

  Of a cross-validation it is of the test answers: "after" has each fold's by
  that of the other folds. "losses" are the mean of -log p before and after;
  "applied" says whether the classifier has it, and "reason" why not.
  """

  temperature: float
  before: Reliability
  after: Reliability
  losses: NotRequired[list[float]]
  applied: NotRequired[bool]
  reason: NotRequired[str]


class SplitSummary(TypedDict):
  """How many micrographs each split has, and the test specimens.

  "networks" of a cross-validation are as many as its folds; each was tested on
  one, and all together on every one.
  """

  by: str
  folds: int
  fold: int
  train: int
  validation: int
  test: int
  test_specimens: list[str]
  networks: NotRequired[int]


class DatasetSummary(TypedDict):
  """The data set, as the configuration names it, and what was found in it."""

  source: str
  path: str
  view: str
  image_px: int
  facts: NotRequired[dataset_facts.DatasetFacts]


class Example(TypedDict):
  """A test micrograph worth a look; `image` is its index in examples.npz."""

  view: int
  file: str
  specimen: str
  true: str
  predicted: str
  probability: float
  image: NotRequired[int]


class Attention(TypedDict):
  """Names of the attention maps in examples.npz, and their examples."""

  maps: list[str]
  examples: list[Example]


class Examples(TypedDict):
  """The text that goes with the arrays of examples.npz."""

  mistakes: list[Example]
  uncertain: list[Example]
  attention: Attention | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResults:
  """What results.json holds for a run that was trained on classes.

  Attributes:
    objective: what it was trained for; "discriminant" has no epochs, and its
      validation is of the training split, each specimen answered for without.
    name, title: the network's, see `networks.title`.
    validation, test: scores of these splits; a
      cross-validation has no validation.
    baselines: scores of the test split, by the names in `BASELINES`.
    calibration: of the micrographs' probabilities.
    per_specimen: scores of the test specimens.
    class_names: in the order of the network's outputs.
    split, dataset, examples: see their types.
    warnings: what a reader of the figures must know.
    skipped: [file, reason] of files that could not be used.
    unmatched: lines about files in no class.
    device, versions: the devices and package versions it was trained with.
    parameters: how many the network has.
    gflop_per_image: of a forward pass; None if it could not be counted.
    epochs: how many it was trained for.
    best_epoch: the one whose checkpoint was tested.
    wall_time_s: of training and evaluation, without interruptions.
    images_per_s: of training, without the first of several epochs, which
      compiles; None if nothing was trained.
    inference_images_per_s: with `evaluation.orientations` passes per image.
  """

  format: int = FORMAT
  objective: str = "classes"
  name: str
  title: str
  validation: Levels | None
  test: Levels
  baselines: dict[str, Levels]
  calibration: Calibration
  per_specimen: list[SpecimenScore]
  class_names: list[str]
  inference_images_per_s: float
  split: SplitSummary
  warnings: list[str]
  skipped: list[list[str]]
  unmatched: list[str]
  dataset: DatasetSummary
  examples: Examples
  device: str
  versions: dict[str, str]
  parameters: int
  gflop_per_image: float | None
  epochs: int
  best_epoch: int
  wall_time_s: float
  images_per_s: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainingResults:
  """What results.json holds for a pre-training, which has no classes to score.

  Attributes:
    title: the network's.
    pair_accuracy: share of the last epoch's views that were paired with the
      other view of their image; None if nothing was trained.
    views_in_a_batch: the number of views that the other one is among.
    parameters, epochs, wall_time_s, images_per_s, device, versions: see
      `RunResults`.
  """

  format: int = FORMAT
  objective: str = "pairs"
  title: str
  pair_accuracy: float | None
  views_in_a_batch: int
  parameters: int
  epochs: int
  wall_time_s: float
  images_per_s: float | None
  device: str
  versions: dict[str, str]


Results = RunResults | PretrainingResults
_KINDS = {"classes": RunResults, "pairs": PretrainingResults}


def write(workdir: pathlib.Path, results: Results) -> None:
  """Writes WORKDIR/results.json."""
  atomic_files.write_json(workdir / FILE, dataclasses.asdict(results))


def read(workdir: pathlib.Path) -> Results | None:
  """Returns what results.json holds; None if there is no such file.

  Raises:
    UserError: it has another format, or was changed by hand.
  """
  path = workdir / FILE
  content = json_formats.load(path, FORMAT)
  if content is None:
    return None
  kind = _KINDS.get(str(content.get("objective")), RunResults)
  return json_formats.from_fields(kind, content, path)
