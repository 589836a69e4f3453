"""A run's writers get its figures, and none of them can stop it."""

import sys

import numpy as np
import pytest
from conftest import launch, small_job

from eanet_jax import errors
from eanet_jax.training import metric_writers, mlflow_store, tensorboard
from eanet_jax.workdir import history_csv


def read(workdir):
  """What TensorBoard reads: scalars by name and step, and all names."""
  from tensorboard.backend.event_processing import event_accumulator

  events = event_accumulator.EventAccumulator(str(workdir / "tensorboard"))
  events.Reload()
  scalars = {
    name: {e.step: e.tensor_proto.float_val[0] for e in events.Tensors(name)}
    for name in events.PluginTagToContent("scalars")
  }
  return scalars, events


def test_a_run_writes_what_its_own_files_have(trained):
  scalars, events = read(trained)
  epochs = history_csv.read(trained)
  for name, column in (
    ("train/loss", "train_loss"),
    ("train/learning_rate", "learning_rate"),
    ("train/gradient_norm", "gradient_norm"),
    ("validation/macro_f1", "validation_macro_f1"),
  ):
    expected = {each.step: np.float32(getattr(each, column)) for each in epochs}
    assert scalars[name] == expected, name
  assert all(speed > 0 for speed in scalars["speed/images_per_s"].values())
  (step,) = scalars["test/macro_f1"]
  assert step == epochs[-1].step
  pictures = list(events.PluginTagToContent("images"))
  assert "test/confusion" in pictures
  assert "test/example_1" in pictures
  assert len(events.PluginTagToContent("hparams")) == 1


class Failing:
  """A writer whose disk is full from the second epoch on."""

  def __init__(self, workdir):
    self.calls = 0

  def scalars(self, step, values):
    self.calls += 1
    if self.calls > 1:
      raise OSError(28, "No space left on device")

  def __getattr__(self, name):
    raise AssertionError(f"{name}, of a writer that was left out")


def test_a_writer_that_fails_is_told_of_once_and_left_out(
  tmp_path, data_dir, monkeypatch
):
  monkeypatch.setitem(metric_writers._BY_NAME, "mlflow", Failing)
  monkeypatch.setattr(metric_writers, "check", lambda names: None)
  done = launch(
    *small_job(
      tmp_path,
      data_dir,
      "--config.train.epochs=3",
      "--config.train.writers=('mlflow', 'tensorboard')",
    )
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout.count("nothing more is written to mlflow: ") == 1
  assert "No space left on device" in done.stdout
  scalars, _ = read(tmp_path)
  assert len(scalars["train/loss"]) == 3  # the other goes on


def test_no_writers_leave_nothing(tmp_path):
  with metric_writers.opened((), tmp_path) as writers:
    assert not writers
    writers.scalars(1, {"train/loss": 1.0})
  assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_one_line(monkeypatch):
  monkeypatch.setitem(sys.modules, "mlflow", None)
  monkeypatch.setattr(
    metric_writers.importlib.util, "find_spec", lambda name: None
  )
  with pytest.raises(
    errors.UserError, match=r"pip install 'eanet_jax\[mlflow\]"
  ):
    metric_writers.check(("tensorboard", "mlflow"))
  metric_writers.check(("tensorboard",))


def test_what_was_written_before_is_not_there_twice(tmp_path):
  for _ in range(2):
    writer = tensorboard.TensorBoard(tmp_path)
    writer.scalars(3, {"train/loss": 0.5})
    writer.close()
  _, events = read(tmp_path)
  assert [each.step for each in events.Tensors("train/loss")] == [3]


@pytest.mark.filterwarnings("ignore")  # of SQLAlchemy, as MLflow uses it
def test_mlflow_has_the_figures_once_though_resumed(tmp_path, monkeypatch):
  mlflow = pytest.importorskip("mlflow", reason="the extra is not installed")
  monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
  for epochs in (2, 3):  # as a run that is stopped, and resumed
    writer = mlflow_store.MLflow(tmp_path)
    for epoch in range(1, epochs + 1):
      writer.scalars(3 * epoch, {"train/loss": 1 / epoch})
  writer.pictures(9, {"test/confusion": np.zeros((4, 6, 3), np.uint8)})
  writer.hyperparameters({f"group.{i}": i for i in range(120)})

  client = mlflow.MlflowClient(f"sqlite:///{tmp_path / mlflow_store.FILE}")
  (experiment,) = client.search_experiments(filter_string="name = 'eanet_jax'")
  (found,) = client.search_runs([experiment.experiment_id])
  history = client.get_metric_history(found.info.run_id, "train/loss")
  assert [(each.step, each.value) for each in history] == [
    (3, 1.0),
    (6, 1 / 2),
    (9, 1 / 3),
  ]
  assert found.info.status == "FINISHED"
  assert len(found.data.params) == 120
  assert list(tmp_path.glob("mlflow/**/confusion.png"))
