"""The loop over epochs: resumes bit for bit, stops cleanly, refuses NaN."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from conftest import ROOT, SMALL, launch, run, small_job

from eanet_jax.commands import training_job
from eanet_jax.configuration import command_line
from eanet_jax.runtime import console
from eanet_jax.training import (
  dispatching,
  metric_writers,
  saving,
  train_loop,
)
from eanet_jax.workdir import checkpoints, history_csv


def final_arrays(workdir):
  """Every leaf of the newest checkpoint, variables and progress, by path."""
  import orbax.checkpoint as ocp

  with checkpoints.Checkpoints(workdir) as saved:
    step = saved.steps()[-1]
  arrays = {}
  for item in ("variables", "progress"):
    with ocp.StandardCheckpointer() as reader:
      tree = reader.restore(workdir / checkpoints.FOLDER / str(step) / item)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
      arrays[item + jax.tree_util.keystr(path)] = np.asarray(leaf)
  return step, arrays


def best_and_last(workdir):
  """Steps of the best epoch of a run (the last of equals), and of the last."""
  epochs = history_csv.read(workdir)
  best = max(epochs, key=lambda each: (each.validation_macro_f1, each.step))
  return best.step, epochs[-1].step


@pytest.mark.parametrize(
  "config", ["eanet", pytest.param("eanet_best", marks=pytest.mark.slow)]
)
def test_a_killed_run_resumes_bit_for_bit(tmp_path, data_dir, config):
  whole, broken = tmp_path / "whole", tmp_path / "broken"
  done = launch(*small_job(whole, data_dir, config=config))
  assert done.returncode == 0, done.stderr

  process = subprocess.Popen(
    [sys.executable, "launch.py", *small_job(broken, data_dir, config=config)],
    cwd=ROOT,
    env={**os.environ, "JAX_NUM_CPU_DEVICES": "8"},  # as there are here
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  )
  history = broken / "history.csv"
  deadline = time.monotonic() + 300
  while time.monotonic() < deadline:
    if history.exists() and len(history.read_text().splitlines()) > 5:
      break
    time.sleep(0.01)
  process.kill()  # no time to save or to clean up
  process.wait()
  assert not (broken / "results.json").exists()
  done = launch(*small_job(broken, data_dir, config=config))
  assert done.returncode == 0, done.stderr
  assert "resuming after step" in done.stdout

  assert history.read_text() == (whole / "history.csv").read_text()
  (step, a), (other, b) = final_arrays(whole), final_arrays(broken)
  kept = {int(folder.name) for folder in (whole / "checkpoints").iterdir()}
  assert {*best_and_last(whole)} <= kept
  assert step == other
  assert a.keys() == b.keys()
  assert any("mu" in name for name in a)  # of Adam: the optimizer is in it
  for name in a:
    np.testing.assert_array_equal(a[name], b[name], err_msg=name)
  results = [
    json.loads((w / "results.json").read_text())["test"]
    for w in (whole, broken)
  ]
  assert results[0] == results[1]


def test_an_estimate_changes_nothing(tmp_path, data_dir):
  config = command_line.override(
    command_line.load(str(ROOT / "configs" / "eanet.py")),
    ["", f"--config.dataset.data_dir={data_dir}", *SMALL],
  )
  data, objective = training_job.load(config)
  with checkpoints.Checkpoints(tmp_path) as saved:
    training = train_loop.Training(
      config, tmp_path, data, objective, saved, metric_writers.Writers({})
    )
    before = jax.tree.map(np.asarray, training.state)
    assert 0 < training.estimate() < 600
    after = jax.tree.map(np.asarray, training.state)
    jax.tree.map(np.testing.assert_array_equal, before, after)
    assert training.step == 0
    with console.progress(total=1, disable=True) as bar:
      training.run(bar)  # the state is still there
    assert training.estimate() == 0
    # One function for both: else a plot of the two would look like overfitting.
    chosen = data.views.of(data.split.validation)
    logits = training.forward(
      training.state.variables, data.views.images, chosen
    ).astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    p = p[np.arange(len(chosen)), data.view_labels[chosen]]
    focal = ((1 - p) ** config.loss.gamma * -np.log(p)).mean()
    assert config.loss.gamma == 2 and focal < -np.log(p).mean()
    row = training.history.epochs[-1]
    np.testing.assert_allclose(row.validation_loss, focal, rtol=1e-5)


def interrupted(arguments, number):
  """Starts a run, signals it as soon as it trains; returns how it ended."""
  process = subprocess.Popen(
    [sys.executable, "launch.py", *arguments],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  seen = b""
  while b"time to train" not in seen:
    seen += process.stdout.read(1) or pytest.fail("it ended by itself")
  time.sleep(0.1)  # now it trains
  process.send_signal(number)
  out, _ = process.communicate(timeout=300)
  return process.returncode, (seen + out).decode()


def one_long_epoch(workdir, data_dir):
  """A run, on one device, in whose only epoch a signal comes in time."""
  extra = [
    "--config.train.epochs=1",
    "--config.train.batch_size=1",
    # A second of steps, or the run is over before the signal is sent.
    "--config.dataset.image_px=128",
    "--config.model.num_blocks=4",
    "--config.model.width=64",
  ]
  return small_job(workdir, data_dir, *extra)


@pytest.mark.slow
def test_sigterm_saves_within_the_epoch_and_the_run_resumes_exactly(
  tmp_path, data_dir
):
  whole, broken = tmp_path / "whole", tmp_path / "broken"
  done = run("launch.py", *one_long_epoch(whole, data_dir))
  assert done.returncode == 0, done.stderr
  code, out = interrupted(one_long_epoch(broken, data_dir), signal.SIGTERM)
  assert code == 128 + signal.SIGTERM
  assert "resumes" in out
  (step,) = (int(p.name) for p in (broken / "checkpoints").iterdir())
  assert 0 < step < final_arrays(whole)[0]  # in the middle
  done = run("launch.py", *one_long_epoch(broken, data_dir))
  assert done.returncode == 0, done.stderr
  assert f"resuming after step {step} of" in done.stdout
  # The sums of the epoch's first part are in its row as well.
  histories = [(w / "history.csv").read_text() for w in (whole, broken)]
  assert histories[0] == histories[1]


def signalled(monkeypatch, number, *, after_epochs):
  """Sends this process a signal within the training of a later epoch."""
  run_steps, calls = dispatching.run_steps, []

  def run_steps_and_signal(*args, **kwargs):
    calls.append(args)
    if len(calls) > after_epochs:
      os.kill(os.getpid(), number)
    return run_steps(*args, **kwargs)

  monkeypatch.setattr(dispatching, "run_steps", run_steps_and_signal)


def test_a_stop_saves_the_best_epoch_so_far(tmp_path, data_dir, monkeypatch):
  workdir = tmp_path / "run"
  signalled(monkeypatch, signal.SIGTERM, after_epochs=8)
  done = launch(*small_job(workdir, data_dir))
  assert done.returncode == 128 + signal.SIGTERM, done.stderr
  best, last = best_and_last(workdir)
  kept = {int(folder.name) for folder in (workdir / "checkpoints").iterdir()}
  assert best in kept  # though not ten seconds had passed
  assert max(kept) >= last


@pytest.mark.parametrize("best", [1, 3, 6])
def test_a_resumed_run_keeps_its_best_epoch(
  tmp_path, data_dir, monkeypatch, best
):
  """Whether the best epoch lies before the stop, in its epoch, or after."""
  from tensorboard.backend.event_processing import event_accumulator

  row = train_loop.Training._row

  def row_with_score(training, epoch):
    score = 1 - abs(epoch - best) / 10
    return dataclasses.replace(row(training, epoch), validation_macro_f1=score)

  monkeypatch.setattr(train_loop.Training, "_row", row_with_score)
  monkeypatch.setattr(saving, "_EVERY_S", 0)  # as if epochs were long
  whole, broken = tmp_path / "whole", tmp_path / "broken"
  six = "--config.train.epochs=6"
  assert launch(*small_job(whole, data_dir, six)).returncode == 0
  with monkeypatch.context() as patch:
    signalled(patch, signal.SIGTERM, after_epochs=2)
    done = launch(*small_job(broken, data_dir, six))
  assert done.returncode == 128 + signal.SIGTERM, done.stderr
  done = launch(*small_job(broken, data_dir, six))
  assert done.returncode == 0, done.stderr
  results = [
    json.loads((w / "results.json").read_text()) for w in (whole, broken)
  ]
  for field in ("best_epoch", "test", "validation", "calibration", "examples"):
    assert results[0][field] == results[1][field], field
  assert results[1]["best_epoch"] == best
  for file in ("test_predictions.csv", "examples.npz", "history.csv"):
    assert (whole / file).read_bytes() == (broken / file).read_bytes(), file
  events = event_accumulator.EventAccumulator(str(broken / "tensorboard"))
  events.Reload()
  logged = [event.step for event in events.Tensors("train/loss")]
  assert logged == [each.step for each in history_csv.read(broken)]


def test_ctrl_c_stops_and_says_how_to_resume(tmp_path, data_dir, monkeypatch):
  signalled(monkeypatch, signal.SIGINT, after_epochs=0)
  done = launch(*small_job(tmp_path / "run", data_dir))
  assert done.returncode == 128 + signal.SIGINT, done.stderr
  assert "the same command resumes" in done.stdout
  assert not (tmp_path / "run" / "results.json").exists()


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, data_dir):
  done = launch(
    *small_job(
      tmp_path / "run", data_dir, "--config.optimizer.learning_rate=1e30"
    )
  )
  assert done.returncode == 2
  for what in ("not finite at step", "learning_rate", "checkpoint"):
    assert what in done.stderr
  assert "Traceback" not in done.stderr
  assert not (tmp_path / "run" / "results.json").exists()
