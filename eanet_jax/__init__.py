"""Classifies steel micrographs with external-attention transformers.

The package is built in wings. Each imports only from itself and from the wings
above it in this list:

  errors          what a user can put right, in one line
  runtime         the process, its devices, the console, the compiler
  configuration   recipes, the command line, what fields may be
  data            microscope files become clean images, splits and batches
  models          networks: images to logits; weights of other programs
  workdir         what a run leaves on disk: one module for each format
  explanation     what a network looked at
  inference       the forward pass, and classifying files
  evaluation      what answers are worth: scores, intervals, baselines
  training        objectives, the jitted step, the loop, saving
  reporting       pages, plots and tables for people; imports no JAX
  exporting       networks as files for others, one a page, and their proof;
                  dossiers to train again from
  serving         answers over HTTP, within limits
  commands        one file for each verb, and the jobs that launch.py runs
  cli             the command `eanet`

(configuration, data and models do not import each other, nor do explanation and
inference, training and reporting.)

The path of one micrograph: data.micrographs reads and cleans the file, in a
process of data.file_readers; data keeps it as TFRecord and view, and splits by
specimen; training.train_step augments a batch on the device and minimises an
objective; workdir.checkpoints keeps the best epoch; evaluation.answers and
scoring say what it is worth; reporting.html_pages shows it. For a new file
inference.classify does the same from the workdir alone:

  from eanet_jax import Classifier, train

  results = train("my_steels", "runs/my_steels")
  predictions = Classifier.restore("runs/my_steels")(["new_images"])

docs/design.md says more, and why.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from eanet_jax.commands.train import train
  from eanet_jax.data.micrographs import Told
  from eanet_jax.inference.classify import Classifier
  from eanet_jax.inference.predictions import Prediction

__all__ = ["Classifier", "Prediction", "Told", "train"]

# Loaded on first use: the command's help must not wait for JAX.
_HOMES = {
  "Classifier": "eanet_jax.inference.classify",
  "Prediction": "eanet_jax.inference.predictions",
  "Told": "eanet_jax.data.micrographs",
  "train": "eanet_jax.commands.train",
}


def __getattr__(name: str) -> Any:
  """Returns a public object from the module that defines it."""
  if name not in _HOMES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
  """Returns the names in the package, loaded or not."""
  return sorted({*globals(), *__all__})
