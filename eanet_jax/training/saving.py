"""Which epochs of a run are saved, and when.

Takes states as training goes on, leaves checkpoints: at least one every ten
seconds or every epoch, and always the best.
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
  """Saves epochs, but not more often than pays; holds the best until it does.

  A save costs a CPU 0.1 s, of short epochs a tenth and more. Clocks of several
  processes differ, and all must save together: they do so after each epoch.
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
    """Saves an epoch, or within ten seconds of the last save holds the best.

    Args:
      state: at its end; the next step may be given its memory.
      meta: of the run at its end.
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
      # Copies: the next step is given the memory of these.
      arrays = jax.tree.map(jnp.copy, (state.variables, state.progress))
      self._held = (*arrays, meta)

  def save(self, state: train_step.TrainState, meta: run_meta.RunMeta) -> None:
    """Saves a state now, after what is held."""
    self._flush()
    self._saved_at = time.monotonic()
    self._saved.save(state.variables, state.progress, meta)

  def stop(self, state: train_step.TrainState, meta: run_meta.RunMeta) -> None:
    """Saves what a signal has stopped within an epoch."""
    self._flush()
    if meta.step not in (0, *self._saved.steps()):
      self.save(state, meta)

  def check_finite(self, state: train_step.TrainState) -> None:
    """Raises UserError if a loss was not finite since training began.

    What is held is saved before: it may be the last that is sound.
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
    """Saves the best epoch where that is yet to be done."""
    if self._held is not None:
      self._saved.save(*self._held)
      self._held = None
