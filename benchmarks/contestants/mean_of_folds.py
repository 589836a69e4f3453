"""The mean of networks that each lack a fold of what is trained on."""

import pathlib
import time
from typing import Any

import numpy as np
from contestants import outcomes

from eanet_jax.runtime import console


def outcome(
  round_config: Any, workdir: pathlib.Path, level: str, label: str
) -> outcomes.Outcome:
  """Returns the mean of what a cross-validation's networks say of a test.

  They are trained on folds of a table of the round's training part, as a user
  would give it.

  Args:
    round_config: of one network on this round.
    workdir: for the cross-validation.
    level: whose answers are scored.
    label: for the console.
  """
  from eanet_jax.commands import main_job, training_job
  from eanet_jax.inference import classify, forward_pass
  from eanet_jax.runtime import csv_files
  from eanet_jax.workdir import predictions_csv

  data, _ = training_job.load(round_config)
  views, source = data.views, pathlib.Path(round_config.dataset.path)
  root = source.parent if round_config.dataset.source == "table" else source
  files = [str(root / file) for file in views.files]
  workdir.mkdir(parents=True, exist_ok=True)
  table = workdir.parent / f"{workdir.name}.csv"
  csv_files.write(
    table,
    ("file", "class", "specimen"),
    (
      {
        "file": files[i],
        "class": views.class_names[views.labels[i]],
        "specimen": views.specimens[i],
      }
      for i in data.split.train
    ),
  )
  config = round_config.copy_and_resolve_references()
  config.dataset.update(source="table", path=str(table.resolve()))
  by = "micrograph" if data.split.by == "micrograph" else "specimen"
  config.split.update(
    cross_validate=True,
    by=by,
    folds=0,
    fold=0,
    test_specimens=(),
    leave_one_out=False,
  )
  begun = time.monotonic()
  console.say(label)
  main_job.run(config, workdir)
  test = data.split.test
  labels, specimens = views.labels[test], np.asarray(views.specimens)[test]
  names, sums = np.asarray(views.files)[test], 0
  folds = sorted((workdir / "folds").iterdir())
  for folder in folds:
    classifier = classify.Classifier.restore(folder)
    place = [classifier.class_names.index(name) for name in views.class_names]
    answered = classifier([files[i] for i in test])
    p = [each.probabilities[None, place] for each in answered]
    if level == "tile":
      p = [
        forward_pass.probabilities(each.logits)[:, place] for each in answered
      ]
    sums = sums + np.concatenate(p)
  if level == "tile":
    counts = [len(each) for each in p]
    labels, specimens = labels.repeat(counts), specimens.repeat(counts)
    names = np.array([f"{specimens[0]}:{i}" for i in range(len(labels))])
  return outcomes.Outcome(
    predictions_csv.Predictions(names, specimens, labels, sums / len(folds)),
    seconds=time.monotonic() - begun,
  )
