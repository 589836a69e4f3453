"""comparison.json: scores, costs and differences of systems side by side.

Written and read here alone; comparison.md and report.html are made of it.
"""

import dataclasses
import pathlib
from typing import Literal, NotRequired, TypedDict

from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import json_formats, results_json

FILE = "comparison.json"
# Another number whenever a field is added, removed or means something else.
FORMAT = 1


class Estimate(TypedDict):
  """A score over all folds, or a difference of two; `folds` are its values."""

  mean: float
  interval_95: list[float] | None
  folds: NotRequired[list[float]]


Estimates = dict[str, Estimate]


class System(TypedDict):
  """A network, a baseline, or a row of the paper.

  A network has costs and learning curves of its runs, the paper's row its
  figures. Scores are None of a split that was not run.
  """

  name: str
  title: str
  kind: Literal["network", "baseline", "paper"]
  specimen_split: NotRequired[Estimates | None]
  micrograph_split: NotRequired[Estimates | None]
  difference: NotRequired[Estimates | None]
  parameters: NotRequired[int]
  gflop_per_image: NotRequired[float]
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
    reference: name of the system that differences are to.
    class_names: in the order of the networks' outputs.
    dataset: what was trained on.
    split_by: "specimen" or "micrograph".
    folds: of that split.
    micrograph_folds: of a split by micrograph beside it; 0 for none.
    intervals_over: "specimens" or "micrographs".
    seeds, epochs, batch_size: of every run.
    device, versions: what they were trained on and by.
    warnings: what a reader of the table must know.
    systems: in the order of the configuration, then baselines and the paper.
    runs: all that were finished.
    wall_time_s: of all runs together.
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
  """Returns what comparison.json holds; None where there is no such file.

  Raises:
    UserError: it is of another format, or was changed by hand.
  """
  path = workdir / FILE
  if not path.exists():
    return None
  return json_formats.read(path, ComparisonResults, FORMAT)
