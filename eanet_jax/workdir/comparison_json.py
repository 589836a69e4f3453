"""comparison.json: scores, costs and differences of systems side by side.

Only this module writes and reads it; comparison.md and report.html are made
from it.
"""

import dataclasses
import pathlib
from typing import Literal, NotRequired, TypedDict

from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import json_formats, results_json

FILE = "comparison.json"
# Raise it whenever a field is added, is removed or changes its meaning.
FORMAT = 1


class Estimate(TypedDict):
  """A score over all folds, or a difference of two; `folds` has each fold's."""

  mean: float
  interval_95: list[float] | None
  folds: NotRequired[list[float]]


Estimates = dict[str, Estimate]


class System(TypedDict):
  """A network, a baseline, or a row of the paper.

  A network has the costs and learning curves of its runs; the paper's row has
  its figures. Scores are None for a split that was not run.
  """

  name: str
  title: str
  kind: Literal["network", "baseline", "paper"]
  specimen_split: NotRequired[Estimates | None]
  micrograph_split: NotRequired[Estimates | None]
  difference: NotRequired[Estimates | None]
  parameters: NotRequired[int]
  gflop_per_image: NotRequired[float | None]
  images_per_s: NotRequired[float | None]
  inference_images_per_s: NotRequired[float | None]
  curves: NotRequired[list[dict[str, float | list[float]]]]
  paper: NotRequired[dict[str, float]]


class FinishedRun(TypedDict):
  """One run, with its own workdir."""

  system: str
  split: str
  fold: int
  seed: int
  workdir: str
  accuracy: float
  macro_f1: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparisonResults:
  """What comparison.json holds.

  Attributes:
    reference: name of the system that all others are compared with.
    class_names: in the order of the networks' outputs.
    dataset: the data set.
    split_by: "specimen" or "micrograph".
    folds: the number of folds of that split.
    micrograph_folds: folds of a split by micrograph as well; 0 for none.
    intervals_over: "specimens" or "micrographs".
    seeds, epochs, batch_size: those of the runs.
    device, versions: the devices and package versions of the runs.
    warnings: what a reader of the table must know.
    systems: in the order of the configuration, then baselines and the paper.
    runs: every finished run.
    wall_time_s: the sum over all runs.
  """

  format: int = FORMAT
  reference: str
  class_names: list[str]
  dataset: results_json.DatasetSummary
  split_by: str
  folds: int
  micrograph_folds: int
  intervals_over: str
  seeds: list[int]
  epochs: int
  batch_size: int
  device: str
  versions: dict[str, str]
  warnings: list[str]
  systems: list[System]
  runs: list[FinishedRun]
  wall_time_s: float


def write(workdir: pathlib.Path, comparison: ComparisonResults) -> None:
  """Writes WORKDIR/comparison.json."""
  atomic_files.write_json(workdir / FILE, dataclasses.asdict(comparison))


def read(workdir: pathlib.Path) -> ComparisonResults | None:
  """Returns what comparison.json holds; None if there is no such file.

  Raises:
    UserError: it has another format, or was changed by hand.
  """
  return json_formats.read(workdir / FILE, ComparisonResults, FORMAT)
