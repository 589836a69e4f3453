"""What a run's writers get when it is finished: scores, fields and pictures.

Takes results and the pictures of the report, leaves them with the writers.
"""

import pathlib

import ml_collections

from eanet_jax.configuration import config_tree
from eanet_jax.evaluation import metrics
from eanet_jax.reporting import pictures, plots
from eanet_jax.training import metric_writers
from eanet_jax.workdir import results_json

_MATRIX_CLASSES = 20


def write(
  writers: metric_writers.Writers,
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  results: results_json.Results,
  step: int,
) -> None:
  """Writes the test's scores beside the fields that they were reached with.

  Args:
    writers: the run's.
    config, workdir, results: of the run, whose files are written.
    step: at its end.
  """
  if isinstance(results, results_json.RunResults):
    test = results.test["micrograph"]
    writers.scalars(
      step, {f"test/{name}": test[name] for name in metrics.HEADLINE}
    )
    drawn = {
      f"test/example_{i}": row
      for i, row in enumerate(pictures.rows(workdir, results.examples), start=1)
    }
    if len(results.class_names) <= _MATRIX_CLASSES:
      drawn["test/confusion"] = plots.confusion_pixels(
        test["confusion"], results.class_names
      )
    writers.pictures(step, drawn)
  writers.hyperparameters(config_tree.flatten(config.to_dict()))
