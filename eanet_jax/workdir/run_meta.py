"""What a checkpoint says about its run besides the arrays: plain JSON.

It makes a workdir self-sufficient: prediction and further training need nothing
else of the run. Nothing in it is ever executed.
"""

import dataclasses
from typing import Any, Self

from eanet_jax.configuration import config_tree
from eanet_jax.workdir import history_csv, json_formats

# Raise it whenever a field is added, is removed or changes its meaning.
FORMAT = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunMeta:
  """What is known of a run at one of its checkpoints.

  Attributes:
    step: training steps done.
    config: the merged configuration, as JSON has it.
    class_names: in the order of the network's outputs; () for a network that
      was pre-trained and knows no classes.
    outputs: the number of the network's outputs.
    mean, std: of the training images' grey levels, 0 to 255; None if each image
      is standardised by its own.
    data_digest: of the data set's images, labels and split.
    history: a row for each finished epoch.
    score: validation macro-F1, None in the middle of an epoch.
    wall_time_s: since the run began, without interruptions.
    versions: of the packages that trained it.
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
    """Returns the fields as JSON can hold them."""
    return dataclasses.asdict(self)

  @classmethod
  def from_json(cls, content: config_tree.Tree, where: object) -> Self:
    """Returns the meta that `as_json` gave.

    Args:
      content: the same, from a checkpoint.
      where: the checkpoint, for messages.

    Raises:
      UserError: it has another format, or fields of other types.
    """
    json_formats.check(content, FORMAT, where)
    meta = json_formats.from_fields(cls, dict(content), where)
    # JSON has lists and objects for them.
    return dataclasses.replace(
      meta,
      config=config_tree.completed(content["config"]),
      class_names=tuple(content["class_names"]),
      history=tuple(history_csv.Epoch(**row) for row in content["history"]),
    )
