"""Dispatching training steps: several at a time, two dispatches in flight.

Takes the jitted step and its batches, gives the state after many steps. Decides
what to dispatch and when to stop; only step counts are read back in between.
"""

import collections
from collections.abc import Callable

import jax
import jax.numpy as jnp

from eanet_jax.data import batching
from eanet_jax.training import tracing, train_step

Array = jax.Array


def steps_per_dispatch(
  wanted: int, steps_per_epoch: int, max_steps: int
) -> int:
  """Returns how many steps to dispatch at once: a divisor of steps_per_epoch.

  A divisor, so that every dispatch has the same shape and compiles once. On a
  CPU a step takes far longer than its dispatch: one at a time costs nothing,
  and a run can stop after any.

  Args:
    wanted: 0 for the default, 1 on a CPU and otherwise a whole epoch.
    steps_per_epoch: at least 1.
    max_steps: an upper bound.
  """
  if not wanted:
    wanted = 1 if jax.default_backend() == "cpu" else steps_per_epoch
  return max(
    k
    for k in range(1, min(wanted, max_steps, steps_per_epoch) + 1)
    if steps_per_epoch % k == 0
  )


def run_steps(
  state: train_step.TrainState,
  train_steps: train_step.TrainSteps,
  batches: batching.Batches,
  key: Array,
  *,
  first_step: int,
  last_step: int,
  per_dispatch: int,
  stop: Callable[[int], bool],
  on_steps: Callable[[int], None],
  trace: tracing.Trace | None = None,
) -> tuple[train_step.TrainState, int]:
  """Returns the state after last_step, or when `stop` was true, and its step.

  Two dispatches are kept in flight: the device never waits for the host, and
  the host never runs so far ahead that a stop would come late.

  Args:
    state: after first_step steps.
    train_steps: see `train_step.make_train_steps`.
    batches: see `batching.Batches`.
    key: the PRNG key of the run.
    first_step, last_step: steps done before and after.
    per_dispatch: steps in one dispatch.
    stop: called before each dispatch with the number of steps done.
    on_steps: called with the number of steps finished since its last call.
    trace: of some of the steps, if there is to be one.
  """
  dispatch: tracing.Dispatch = lambda state, step, steps: train_steps(
    state, batches(step, steps), key
  )
  if trace is not None:
    dispatch = trace.around(dispatch)
  in_flight: collections.deque[tuple[Array, int]] = collections.deque()
  step = first_step
  while step < last_step and not stop(step):
    # The last is shorter if a run resumes mid-epoch with another per_dispatch.
    steps = min(per_dispatch, last_step - step)
    state = dispatch(state, step, steps)
    step += steps
    # The state itself is donated to the next dispatch: wait on a copy.
    in_flight.append((jnp.copy(state.step), steps))
    if len(in_flight) > 2:
      done, steps = in_flight.popleft()
      done.block_until_ready()
      on_steps(steps)
  for done, steps in in_flight:
    done.block_until_ready()
    on_steps(steps)
  return state, step
