"""choice.json: what a run chose by itself, and why.

Written before the run begins, and read when it is resumed or shown: the same
run must not choose twice.
"""

import dataclasses
import pathlib
from typing import Literal, TypedDict

from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import json_formats

FILE = "choice.json"
# Raise it whenever a field is added, is removed or changes its meaning.
FORMAT = 1

View = Literal["whole", "tiles"]


class Tried(TypedDict):
  """A view, and how it answers for training specimens left out in turn.

  `views` are those of all micrographs; `accuracy` and `loss`, the mean of
  -log p of the true class, are by micrograph.
  """

  view: View
  views: int
  accuracy: float
  loss: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
  """What choice.json holds: fields of `dataset` and `split`, and why.

  Attributes:
    asked: whether a cross-validation was asked for.
    view: whole micrographs, or tiles of image_px.
    by: what keeps training and test apart, specimens or micrographs.
    folds: of a cross-validation; 0 where there is none.
    tried: what was measured to choose the view, fold by fold.
    reasons: sentences for people.
  """

  format: int = FORMAT
  asked: bool
  view: View
  by: Literal["specimen", "micrograph"]
  folds: int
  tried: list[Tried]
  reasons: list[str]


def write(workdir: pathlib.Path, choice: Choice) -> None:
  """Writes WORKDIR/choice.json."""
  atomic_files.write_json(workdir / FILE, dataclasses.asdict(choice))


def read(workdir: pathlib.Path) -> Choice | None:
  """Returns what choice.json holds; None if there is no such file.

  Raises:
    UserError: it has another format, or was changed by hand.
  """
  return json_formats.read(workdir / FILE, Choice, FORMAT)
