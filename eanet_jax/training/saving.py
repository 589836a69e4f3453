"""Which epochs of a run are saved, and when.

Takes states as training goes on, leaves checkpoints: one for each epoch, or
about every ten seconds if epochs are shorter, and always the best.
"""

import time

import jax
import jax.numpy as jnp

from eanet_jax import errors
from eanet_jax.runtime import pytrees, sharding
from eanet_jax.training import train_step
from eanet_jax.workdir import checkpoints, run_meta

_EVERY_S = 10.0


class Saving:
  """Saves epochs, but not too often; holds the best until the next save.

  A save takes a CPU 0.1 s, a tenth or more of a short epoch. Several processes
  must save together, and their clocks differ: they save after each epoch.
  """

  def __init__(self, saved: checkpoints.Checkpoints):
    """Saves to `saved`."""
    self._saved = saved
    self._saved_at: float | None = None
    self._held: (
      tuple[pytrees.Variables, pytrees.PyTree, run_meta.RunMeta] | None
    ) = None

  def end_epoch(
    self,
    state: train_step.TrainState,
    meta: run_meta.RunMeta,
    *,
    best: bool,
    last: bool,
  ) -> None:
    """Saves an epoch; within ten seconds of the last save, only holds the best.

    Args:
      state: at the end of the epoch; may be donated once this returns.
      meta: of the run at the end of the epoch.
      best: whether no epoch before it has a better score.
      last: whether it is the run's last epoch.
    """
    if best:
      self._held = None
    due = (
      self._saved_at is None  # so that the first epoch is saved
      or time.monotonic() - self._saved_at > _EVERY_S
    )
    if jax.process_count() > 1 or last or due:
      self.save(state, meta)
    elif best:
      # Copies, because the state is donated to the next step.
      arrays = jax.tree.map(jnp.copy, (state.variables, state.progress))
      self._held = (*arrays, meta)

  def save(self, state: train_step.TrainState, meta: run_meta.RunMeta) -> None:
    """Saves a state now, after the one that is held."""
    self._flush()
    self._saved_at = time.monotonic()
    self._saved.save(state.variables, state.progress, meta)

  def stop(self, state: train_step.TrainState, meta: run_meta.RunMeta) -> None:
    """Saves the state of a run that a signal stopped within an epoch."""
    self._flush()
    if meta.step not in (0, *self._saved.steps()):
      self.save(state, meta)

  def check_finite(self, state: train_step.TrainState) -> None:
    """Raises UserError if a loss was not finite since training began.

    Saves what is held before that: it may be the last sound state.
    """
    bad_step = int(sharding.fetch(state.bad_step))
    if bad_step < 0:
      return
    self._flush()
    self._saved.wait()
    kept = [step for step in self._saved.steps() if step <= bad_step]
    last_good = (
      f"the last good checkpoint is of step {kept[-1]}"
      if kept
      else "no checkpoint had been saved yet"
    )
    raise errors.UserError(
      f"the loss or its gradient was not finite at step {bad_step};"
      f" {last_good}. Try a lower --config.optimizer.learning_rate,"
      " --config.optimizer.clip_norm=1, or --config.model.dtype=float32, in"
      " another --workdir"
    )

  def _flush(self) -> None:
    """Saves the best epoch if it is held."""
    if self._held is not None:
      self._saved.save(*self._held)
      self._held = None
