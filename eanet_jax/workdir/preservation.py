"""Which checkpoints are kept: the newest two, and the best."""

from collections.abc import Sequence

import orbax.checkpoint as ocp


class NewestAndBest:
  """An Orbax preservation policy: the newest two steps, and the best.

  Orbax's own know the scores of steps saved by this process only. It reads
  those of an earlier process if it has a `best_fn`, but does not verify them.
  """

  def __init__(self, scores: dict[int, float]):
    """Takes the scores by step; whoever saves a step adds to them."""
    self._scores = scores

  def should_preserve(
    self,
    checkpoints: Sequence[ocp.checkpoint_managers.PolicyCheckpointInfo],
    *,
    context: ocp.checkpoint_managers.PreservationContext,
  ) -> Sequence[bool]:
    """Returns for each checkpoint whether it is kept."""
    del context
    steps = [each.step for each in checkpoints]
    kept = sorted(steps)[-2:]
    scored = [step for step in steps if step in self._scores]
    if scored:
      kept.append(max(scored, key=lambda step: (self._scores[step], step)))
    return [step in kept for step in steps]
