"""A profile of some training steps: what the device and the host did, and when.

Takes dispatches of steps, leaves a trace of some of them in the workdir, for
XProf, TensorBoard's profile plugin, or Perfetto. A trace never stops a run.
"""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Sequence

import jax

from eanet_jax.runtime import console
from eanet_jax.training import train_step

FOLDER = "trace"

# (state, steps done, steps of the dispatch) -> state
Dispatch = Callable[[train_step.TrainState, int, int], train_step.TrainState]


@contextlib.contextmanager
def of_steps(
  steps: Sequence[int], first_step: int, last_step: int, workdir: pathlib.Path
) -> Iterator["Trace | None"]:
  """Yields the trace of some steps of a run; None, and a line, for none.

  Says at the end where it lies. All that was dispatched must be done by then.

  Args:
    steps: the first, and the one behind the last, counted from 0; () for none.
    first_step, last_step: steps done when the run begins, and when it ends.
    workdir: of the run.
  """
  if not steps:
    yield None
    return
  first, last = steps
  if last <= first_step or first >= last_step:
    left = "no step is left to train"
    if first_step < last_step:
      left = f"the steps to train are {first_step} to {last_step - 1}"
    console.say(
      f"warning: train.trace_steps=({first}, {last}) traces nothing: {left}"
    )
    yield None
    return
  trace = Trace(first, last, workdir)
  try:
    yield trace
  finally:
    trace.end()
    console.say(trace.told())


class Trace:
  """The trace of steps `first` to `last - 1`.

  Dispatches are as they are without it, so that the run is the same and what is
  seen is what it does: all that have one of these steps are traced whole.
  """

  def __init__(self, first: int, last: int, workdir: pathlib.Path):
    """Traces into WORKDIR/trace, each process of several into its own."""
    self._first, self._last = first, last
    self._folder = workdir / FOLDER
    if jax.process_count() > 1:
      self._folder /= f"process{jax.process_index()}"
    self._running = self._over = False
    self._traced: list[int] = []  # first step of each dispatch, and their end
    self._failure: Exception | None = None

  def around(self, dispatch: Dispatch) -> Dispatch:
    """Returns the same dispatch, with those traced whose turn it is."""

    def traced(
      state: train_step.TrainState, step: int, steps: int
    ) -> train_step.TrainState:
      if not self._over and step + steps > self._first:
        self._begin(state)
      if not self._running:
        return dispatch(state, step, steps)
      with jax.profiler.StepTraceAnnotation("train", step_num=step):
        state = dispatch(state, step, steps)
      self._traced += [step, step + steps]
      if step + steps >= self._last:
        jax.block_until_ready(state)
        self.end()
      return state

    return traced

  def _begin(self, state: train_step.TrainState) -> None:
    if self._running:
      return
    jax.block_until_ready(state)  # so that no step before is in it
    options = jax.profiler.ProfileOptions()
    # Calls of Python would be most of a trace, and slow what it shows.
    options.python_tracer_level = 0
    try:
      self._folder.mkdir(parents=True, exist_ok=True)
      jax.profiler.start_trace(self._folder, profiler_options=options)
      self._running = True
    except Exception as error:  # of any kind: the run is worth more
      self._failure, self._over = error, True

  def end(self) -> None:
    """Ends the trace, also where the run ends within it."""
    self._over = True
    if not self._running:
      return
    self._running = False
    try:
      jax.profiler.stop_trace()
    except Exception as error:  # as above
      self._failure = error

  def told(self) -> str:
    """Returns a line of where the trace is, or why there is none."""
    if self._failure:
      return f"warning: no trace could be written: {self._failure}"
    if not self._traced:
      return "warning: nothing is traced: the run ended before these steps"
    steps = f"steps {self._traced[0]} to {self._traced[-1] - 1}"
    files = self._folder.glob("plugins/profile/*/*.xplane.pb")
    newest = max(files, default=None)  # folders are called by date and time
    if newest is None:
      return f"warning: the profiler wrote nothing of {steps}"
    return f"trace of {steps}: {newest}"
