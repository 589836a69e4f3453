"""dossier.json: what another lab needs to train a network again, as data.

Beside it in a dossier lie the figures, the answers and the weights. It may come
from anybody: nothing in it is executed, and its configuration is checked like
any other.
"""

import dataclasses
import pathlib
from typing import Any, TypedDict

from eanet_jax.workdir import json_formats

FILE = "dossier.json"
# Raise it whenever a field is added, is removed or changes its meaning.
FORMAT = 1


class Sets(TypedDict):
  """The probability that a class must have to be in a set, for each class.

  Attributes:
    percent: of micrographs of new units whose true class is in their set.
    unit: "specimen" or "micrograph".
    least_probability: by class.
  """

  percent: int
  unit: str
  least_probability: dict[str, float]


class Thresholds(TypedDict):
  """What decides beside the weights.

  Attributes:
    temperature: that logits are divided by; None of a network without one.
    novelty: the distance above which a micrograph is foreign; None likewise.
    sets: None where nothing can be promised.
  """

  temperature: float | None
  novelty: float | None
  sets: Sets | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dossier:
  """What dossier.json holds.

  Attributes:
    name: of the workdir.
    title: the network's.
    config: the configuration, with nothing left to choose and no path in it.
    table: that lists the micrographs, "" where folders do.
    files: SHA-256 of every file of the data set, by name in its folder.
    data_digest: of the images as the network sees them, labels and split.
    device: "1 x cpu".
    versions: of the packages that take part; where training told of one, its.
    source: SHA-256 of the code of this program that wrote the dossier.
    machine: that wrote the dossier, see `machine.facts`.
    weights: SHA-256 of each array, by name.
    weights_sha256: of all of them.
    thresholds: see there.
  """

  format: int = FORMAT
  name: str
  title: str
  config: dict[str, Any]
  table: str
  files: dict[str, str]
  data_digest: str
  device: str
  versions: dict[str, str]
  source: str
  machine: dict[str, str]
  weights: dict[str, str]
  weights_sha256: str
  thresholds: Thresholds


def read(folder: pathlib.Path) -> Dossier | None:
  """Returns what FOLDER/dossier.json holds; None if there is no such file.

  Raises:
    UserError: it has another format, or was changed by hand.
  """
  return json_formats.read(folder / FILE, Dossier, FORMAT)
