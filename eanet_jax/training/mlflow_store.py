"""A run's figures for MLflow: on a server, or in one file of the workdir."""

import functools
import logging
import os
import pathlib
import time
import typing
from collections.abc import Iterable, Mapping

import numpy as np

from eanet_jax.runtime import atomic_files

FILE = "mlflow.db"
# Which run of the store this workdir's is, so that it is resumed.
_RUN = "mlflow_run.txt"
_EXPERIMENT = "eanet_jax"
_PARAMETERS = 100  # that MLflow takes at once
_ENVIRONMENT = {
  "MLFLOW_DISABLE_TELEMETRY": "true",  # nobody is told of a run
  # A server that is gone holds a run up for seconds, not for minutes.
  "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
  "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


class MLflow:
  """One run of MLflow; MLflow is imported with the first figure.

  MLFLOW_TRACKING_URI names the server, and MLFLOW_EXPERIMENT_NAME the
  experiment, as for any client. Without it all is in WORKDIR/mlflow.db.
  """

  def __init__(self, workdir: pathlib.Path):
    """Takes the workdir of the run."""
    self._workdir = workdir.absolute()

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """See `metric_writers.MetricWriter`."""
    from mlflow import entities

    now = int(1000 * time.time())
    self._client.log_batch(
      self._run,
      metrics=[
        entities.Metric(name, value, now, step)
        for name, value in values.items()
        if step not in self._steps_before(name)
      ],
    )

  def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
    """See `metric_writers.MetricWriter`."""
    for name, picture in pictures.items():
      self._client.log_image(self._run, picture, artifact_file=f"{name}.png")

  def hyperparameters(self, fields: Mapping[str, object]) -> None:
    """See `metric_writers.MetricWriter`."""
    from mlflow import entities

    before = self._client.get_run(self._run).data.params
    new = [
      entities.Param(name, str(value))
      for name, value in fields.items()
      if name not in before  # MLflow refuses another value
    ]
    for first in range(0, len(new), _PARAMETERS):
      chosen = new[first : first + _PARAMETERS]
      self._client.log_batch(self._run, params=chosen)
    self._client.set_terminated(self._run)

  def close(self) -> None:
    """See `metric_writers.MetricWriter`."""

  @functools.cached_property
  def _client(self) -> typing.Any:
    for name, value in _ENVIRONMENT.items():
      os.environ.setdefault(name, value)
    import mlflow

    for name in ("mlflow", "urllib3"):  # what fails is raised, too
      logging.getLogger(name).setLevel(logging.ERROR)
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    return mlflow.MlflowClient(uri or f"sqlite:///{self._workdir / FILE}")

  @functools.cached_property
  def _run(self) -> str:
    """The id of this workdir's run, which is made if there is none."""
    told = self._workdir / _RUN
    if told.exists():
      run = told.read_text(encoding="utf-8").strip()
      self._client.update_run(run, status="RUNNING")
      return run
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
    experiment = self._client.get_experiment_by_name(name)
    own = not os.environ.get("MLFLOW_TRACKING_URI")
    number = (
      experiment.experiment_id
      if experiment
      else self._client.create_experiment(
        name, (self._workdir / "mlflow").as_uri() if own else None
      )
    )
    made = self._client.create_run(number, run_name=self._workdir.name)
    run = str(made.info.run_id)
    atomic_files.write_text(told, run + "\n")
    return run

  @functools.cache  # noqa: B019  # as long as the run
  def _steps_before(self, name: str) -> frozenset[int]:
    """The steps at which a run that is resumed has a number already."""
    known: Iterable[typing.Any] = self._client.get_metric_history(
      self._run, name
    )
    return frozenset(each.step for each in known)
