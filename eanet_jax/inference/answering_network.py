"""A restored network as it answers for views, with its own variables.

Takes uint8 views, gives logits and features, each the mean over the
orientations that are looked at.
"""

import jax
import numpy as np

from eanet_jax.inference import forward_pass
from eanet_jax.models import transfer
from eanet_jax.workdir import restore


class AnsweringNetwork:
  """The forward pass of a restored network.

  Attributes:
    orientations: that are looked at.
    forward: see `forward_pass.ForwardPass`.
  """

  def __init__(
    self, network: restore.TrainedNetwork, mesh: jax.sharding.Mesh, fast: bool
  ):
    """Takes a network whose variables are on the devices of `mesh`.

    Args:
      network, mesh: see above.
      fast: whether views are looked at as they are, in one orientation.
    """
    meta = network.meta
    evaluation = meta.config["evaluation"]
    self.orientations: int = 1 if fast else evaluation["orientations"]
    self.forward = forward_pass.ForwardPass(
      network.model, meta.mean, meta.std, evaluation["batch_size"], mesh
    )
    self._variables = network.variables
    self._classes = len(meta.class_names)

  def __call__(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns float32 logits (v, l) of views uint8 (v, y, x, 1), and features.

    Those are float32 (v, f), what the trained layer of a `transfer.Transfer`
    takes; None of other networks, and of no views.
    """
    if not len(views):
      return np.empty((0, self._classes), np.float32), None
    features = None
    if isinstance(self.forward.model, transfer.Transfer):
      features = views = self.features(views)
    logits = self.forward(
      self._variables, views, np.arange(len(views)), self.orientations
    )
    return logits, features

  def features(self, views: np.ndarray) -> np.ndarray:
    """Returns float32 (v, f) of views uint8 (v, y, x, 1), at least one."""
    return self.forward.features(
      self._variables, views, np.arange(len(views)), self.orientations
    )
