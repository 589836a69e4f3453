"""Where a run continues: its newest checkpoint, or weights to start from."""

import pathlib

import jax
import ml_collections

from eanet_jax import errors
from eanet_jax.configuration import config_tree
from eanet_jax.data import dataset
from eanet_jax.training import initial_state, train_step
from eanet_jax.workdir import checkpoints, run_meta


def resume(
  state: train_step.TrainState,
  saved: checkpoints.Checkpoints,
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  data: dataset.Dataset,
  mesh: jax.sharding.Mesh,
) -> tuple[train_step.TrainState, run_meta.RunMeta | None]:
  """Returns the state to continue from, and the meta of its checkpoint.

  If there is no checkpoint, returns `state` with the weights that the
  configuration names, if any, and None.

  Args:
    state: before the first step.
    saved: the run's checkpoints.
    config, workdir, data: the run's.
    mesh: devices that hold the state.

  Raises:
    UserError: the configuration or the micrographs are not those that the run
      began with, or no checkpoint or weights can be read.
  """

  def check(meta: run_meta.RunMeta) -> None:
    # Before arrays are read: other shapes of these would look like damage.
    changed = config_tree.differences(meta.config, config_tree.as_json(config))
    if changed:  # where config.json is lost
      raise errors.UserError(
        f"the checkpoints in {workdir} are of a run with another configuration"
        f" ({'; '.join(changed)}): choose another --workdir, or the same fields"
        " to resume"
      )
    if meta.data_digest != data.digest:
      where = f" at {config.dataset.path}" if config.dataset.path else ""
      raise errors.UserError(
        f"the micrographs{where} or their split have changed since the run in"
        f" {workdir} began: choose another --workdir"
      )

  restored = saved.restore_newest(state.variables, state.progress, check)
  if restored is None:
    state = initial_state.with_pretrained(state, config.model.pretrained, mesh)
    return initial_state.with_weights_of_run(
      state, config.init_from, mesh
    ), None
  state = state.replace(**restored.variables, **restored.progress)
  return state, restored.meta
