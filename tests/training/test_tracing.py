"""A trace has the steps that it is to have, and changes nothing."""

import gzip
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import launch, small_job
from test_train_loop import final_arrays

from eanet_jax.training import tracing


def events_of(workdir):
  """The events of the only trace of a folder, as Perfetto shows them."""
  (file,) = workdir.glob("**/*.trace.json.gz")
  return json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]


def traced_steps(workdir):
  """step_num of each annotated dispatch."""
  return [
    int(event["args"]["step_num"])
    for event in events_of(workdir)
    if event.get("name") == "train"
  ]


def test_a_traced_run_is_the_same_and_its_trace_has_the_steps(
  tmp_path, data_dir
):
  plain, traced = tmp_path / "plain", tmp_path / "traced"
  four = "--config.train.epochs=4"
  assert launch(*small_job(plain, data_dir, four)).returncode == 0
  done = launch(
    *small_job(traced, data_dir, four, "--config.train.trace_steps=(4,8)")
  )
  assert done.returncode == 0, done.stderr
  assert f"trace of steps 4 to 7: {traced / 'trace'}" in done.stdout
  assert traced_steps(traced) == [4, 5, 6, 7]
  # The device's work on the last of them is in it too.
  found = [event.get("name", "") for event in events_of(traced)]
  assert any("train_steps" in name for name in found)

  assert not (plain / "trace").exists()
  names = ["history.csv", "test_predictions.csv"]
  for name in names:
    assert (plain / name).read_bytes() == (traced / name).read_bytes()
  (step, a), (other, b) = final_arrays(plain), final_arrays(traced)
  assert step == other
  assert a.keys() == b.keys()
  for name in a:
    np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def dispatched(folder, steps, *, first=0, last=12, per_dispatch=1):
  """Goes through steps that only count themselves, of which some are traced."""
  increased = jax.jit(lambda state, steps: state + steps)
  state = jnp.int32(first)
  with tracing.of_steps(steps, first, last, folder) as trace:
    dispatch = lambda state, step, steps: increased(state, steps)
    dispatch = trace.around(dispatch) if trace else dispatch
    for step in range(first, last, per_dispatch):
      state = dispatch(state, step, per_dispatch)
    jax.block_until_ready(state)
  assert int(state) == last


@pytest.mark.parametrize(
  ("of_run", "traced", "told"),
  [
    ({}, [5, 6], "5 to 6"),
    ({"first": 6}, [6], "6 to 6"),  # resumed within them
    ({"last": 6}, [5], "5 to 5"),  # the run ends within them
    ({"per_dispatch": 4}, [4], "4 to 7"),  # whole dispatches
    ({"per_dispatch": 6}, [0, 6], "0 to 11"),
  ],
)
def test_traced_are_the_dispatches_with_these_steps(
  of_run, traced, told, tmp_path, capsys
):
  dispatched(tmp_path, (5, 7), **of_run)
  assert f"trace of steps {told}: {tmp_path}" in capsys.readouterr().out
  assert traced_steps(tmp_path) == traced


@pytest.mark.parametrize(
  ("steps", "told"),
  [
    ((2, 6), "the steps to train are 6 to 11"),  # resumed after them
    ((12, 20), "the steps to train are 6 to 11"),
  ],
)
def test_steps_that_the_run_has_not_are_told_of(steps, told, tmp_path, capsys):
  dispatched(tmp_path, steps, first=6)
  assert (
    f"trace_steps={steps} traces nothing: {told}" in capsys.readouterr().out
  )
  assert not list(tmp_path.iterdir())


def test_a_profiler_that_is_busy_costs_the_trace_and_not_the_run(
  tmp_path, capsys
):
  with jax.profiler.trace(tmp_path / "other"):
    dispatched(tmp_path / "own", (5, 7))
  assert "warning: no trace could be written: " in capsys.readouterr().out
  assert not list(tmp_path.glob("own/**/*.pb"))


def test_a_folder_that_cannot_be_written_costs_the_trace_and_not_the_run(
  tmp_path, capsys
):
  (tmp_path / "trace").write_text("a file")
  dispatched(tmp_path, (5, 7))
  assert "warning: no trace could be written: " in capsys.readouterr().out
  dispatched(tmp_path / "next", (5, 7))  # the profiler is free again
  assert traced_steps(tmp_path / "next") == [5, 6]
