"""What a checkpoint says of its run beside the arrays: plain JSON.

A workdir is self-sufficient by it: prediction and training on need nothing
else. Nothing in it is ever executed.
"""

import dataclasses
from typing import Any, Self

from eanet_jax.configuration import config_tree
from eanet_jax.workdir import history_csv, json_formats

# Another number whenever a field is added, removed or means something else.
FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunMeta:
  """What is known of a run at one of its checkpoints.

  Attributes:
    step: training steps done.
    config: the merged configuration, as JSON has it.
    class_names: in the order of the network's outputs; () of a network that
      was pre-trained and knows no classes.
    outputs: of the network.
    mean, std: of the training images' grey levels, 0 to 255; None where each
      image is standardised by its own.
    data_digest: of the data set.
    history: of the epochs done.
    score: validation macro-F1, None in the middle of an epoch.
    wall_time_s: since the run began, interruptions left out.
    versions: of what it was trained by.
  """

  format: int = FORMAT
  step: int
  config: config_tree.Tree
  class_names: tuple[str, ...]
  outputs: int
  mean: float | None
  std: float | None
  data_digest: str
  history: tuple[history_csv.Epoch, ...]
  score: float | None
  wall_time_s: float
  versions: dict[str, str]

  def as_json(self) -> dict[str, Any]:
    """Returns what JSON can hold of it."""
    return dataclasses.asdict(self)

  @classmethod
  def from_json(cls, content: config_tree.Tree, where: object) -> Self:
    """Returns the meta in what JSON gave back.

    Args:
      content: of a checkpoint.
      where: it was read from, for messages.

    Raises:
      UserError: it is of another format.
    """
    json_formats.check(content, FORMAT, where)
    history = (
      json_formats.from_fields(history_csv.Epoch, row, where)
      for row in content["history"]
    )
    names = tuple(content["class_names"])
    changed = {"history": tuple(history), "class_names": names}
    return json_formats.from_fields(cls, {**content, **changed}, where)
