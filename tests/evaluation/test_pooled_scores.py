"""Pooled scores, intervals and paired differences, by hand and by scikit."""

import numpy as np
import pytest
from sklearn import metrics as sk

from eanet_jax.evaluation import metrics, pooled_scores
from eanet_jax.workdir import predictions_csv


def predictions(specimens, labels, predicted, num_classes=2, sure=0.9):
  p = np.full((len(labels), num_classes), (1 - sure) / (num_classes - 1))
  p[np.arange(len(labels)), predicted] = sure
  files = np.arange(len(labels)).astype(str)
  return predictions_csv.Predictions(
    files, np.asarray(specimens), np.asarray(labels), p
  )


def random_runs(seed, right, folds=3, seeds=(0,), specimens=4, each=5):
  """Runs of 3 classes in which a prediction is right with that chance."""
  rng = np.random.default_rng(seed)
  runs = {}
  for fold in range(folds):
    names, labels = [], []
    for label in range(3):
      for i in range(specimens):
        names += [f"{label}-{fold}-{i}"] * each
        labels += [label] * each
    labels = np.array(labels)
    for s in seeds:
      wrong = rng.random(len(labels)) > right
      predicted = (labels + wrong * rng.integers(1, 3, len(labels))) % 3
      runs[fold, s] = predictions(names, labels, predicted, 3)
  return runs


def test_scores_are_those_of_all_folds_together():
  runs = random_runs(0, 0.6)
  pooled = pooled_scores.pool(runs, 3, 0)
  labels = np.concatenate([p.labels for p in runs.values()])
  predicted = np.concatenate([p.probabilities.argmax(1) for p in runs.values()])
  expected = {
    "accuracy": sk.accuracy_score(labels, predicted),
    "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
    "macro_f1": sk.f1_score(labels, predicted, average="macro"),
    "macro_precision": sk.precision_score(labels, predicted, average="macro"),
    "macro_recall": sk.recall_score(labels, predicted, average="macro"),
    "kappa": sk.cohen_kappa_score(labels, predicted),
  }
  for name, score in expected.items():
    assert pooled.scores[name] == pytest.approx(score), name
  assert pooled.resampled == {}
  for fold in range(3):
    own = runs[fold, 0]
    assert pooled.by_fold["kappa"][fold] == pytest.approx(
      sk.cohen_kappa_score(own.labels, own.probabilities.argmax(1))
    )


def test_seeds_are_averaged():
  runs = random_runs(0, 0.6, seeds=(0, 7))
  both = pooled_scores.pool(runs, 3, 0)
  alone = [
    pooled_scores.pool({k: v for k, v in runs.items() if k[1] == s}, 3, 0)
    for s in (0, 7)
  ]
  for name in pooled_scores.SCORES:
    mean = np.mean([each.scores[name] for each in alone])
    assert both.scores[name] == pytest.approx(mean), name


def test_a_specimen_is_right_by_its_mean_probability():
  # Two micrographs say class 1 by a little, the third class 0 by far.
  p = np.array([[0.45, 0.55], [0.45, 0.55], [0.95, 0.05], [0.2, 0.8]])
  found = predictions_csv.Predictions(
    np.arange(4), np.array(["a", "a", "a", "b"]), np.array([0, 0, 0, 1]), p
  )
  pooled = pooled_scores.pool({(0, 0): found}, 2, 0)
  assert pooled.scores["accuracy"] == 0.5
  assert pooled.scores["specimen_accuracy"] == 1.0


def test_interval_covers_what_specimens_differ_by_and_not_more():
  # Each specimen is wholly right or wholly wrong: of 12, 6 right. The number
  # right in a draw of 12 is binomial: 95 % of it lies within 3 to 9.
  specimens = [f"{i:02d}" for i in range(12) for _ in range(4)]
  labels = [i % 2 for i in range(12) for _ in range(4)]
  predicted = [(i % 2) ^ (i < 6) for i in range(12) for _ in range(4)]
  found = predictions(specimens, labels, predicted)
  pooled = pooled_scores.pool({(0, 0): found}, 2, 4000)
  low, high = pooled.as_json()["accuracy"]["interval_95"]
  assert low == pytest.approx(3 / 12, abs=1e-6)
  assert high == pytest.approx(9 / 12, abs=1e-6)


def test_a_difference_is_paired():
  runs = random_runs(1, 0.6)
  a = pooled_scores.pool(runs, 3, 500)
  same = a.minus(pooled_scores.pool(runs, 3, 500))
  for score in same.values():
    assert score == {"mean": 0.0, "interval_95": [0.0, 0.0]}
  # Right wherever the other is, and on half of the rest: ahead in every draw.
  rng = np.random.default_rng(2)
  better = {}
  for key, found in runs.items():
    predicted = found.probabilities.argmax(1)
    mended = rng.random(len(predicted)) < 0.5
    predicted = np.where(mended, found.labels, predicted)
    better[key] = predictions(found.specimens, found.labels, predicted, 3)
  b = pooled_scores.pool(better, 3, 500)
  ahead = b.minus(a)["accuracy"]
  assert ahead["mean"] == pytest.approx(
    b.scores["accuracy"] - a.scores["accuracy"]
  )
  assert ahead["interval_95"][0] > 0
  own = b.as_json()["accuracy"]["interval_95"]
  paired_width = ahead["interval_95"][1] - ahead["interval_95"][0]
  assert paired_width < 1.5 * (own[1] - own[0])


def test_micrographs_are_drawn_where_no_class_has_two_specimens():
  # Of 12 micrographs, in two folds, 6 are right: binomial as above, and not
  # all or nothing as it is of specimens.
  labels = np.arange(12) % 2
  found = predictions([f"{i}" for i in labels], labels, labels ^ (labels == 0))
  halves = {
    (fold, 0): predictions_csv.Predictions(
      found.files[fold::2][::-1],  # in whatever order
      found.specimens[fold::2][::-1],
      found.labels[fold::2][::-1],
      found.probabilities[fold::2][::-1],
    )
    for fold in range(2)
  }
  pooled = pooled_scores.pool(halves, 2, 4000)
  assert pooled.unit == "micrograph"
  low, high = pooled.as_json()["accuracy"]["interval_95"]
  np.testing.assert_allclose([low, high], [3 / 12, 9 / 12])
  # How specimens differ is not known, of one of each.
  assert pooled.scores["specimen_accuracy"] == 0.5
  assert pooled.as_json()["specimen_accuracy"]["interval_95"] is None
  gap = pooled.minus(pooled)
  assert gap["specimen_accuracy"]["interval_95"] is None
  assert gap["accuracy"]["interval_95"] == [0, 0]


def test_one_micrograph_of_each_class_has_no_interval():
  found = predictions(["a", "b"], [0, 1], [0, 0])
  pooled = pooled_scores.pool({(0, 0): found}, 2, 100)
  assert pooled.as_json()["kappa"]["interval_95"] is None
  assert pooled.minus(pooled)["kappa"]["interval_95"] is None


def test_interval_of_one_fold_is_that_of_its_results():
  # Two ways to the same bootstrap: of one run, and of a comparison of it.
  found = random_runs(3, 0.7, folds=1)[0, 0]
  summary = metrics.summary(
    found.probabilities, found.labels, found.specimens, ("a", "b", "c"), 300
  )
  pooled = pooled_scores.pool({(0, 0): found}, 3, 300).as_json()
  for name in metrics.HEADLINE:
    assert pooled[name]["mean"] == pytest.approx(summary[name])
    assert pooled[name]["interval_95"] == pytest.approx(
      summary["interval_95"][name]
    )


def test_a_run_that_is_missing_makes_no_fold_worse():
  runs = random_runs(0, 0.6, seeds=(0, 1))
  whole = pooled_scores.pool(runs, 3, 0)
  del runs[2, 1]
  part = pooled_scores.pool(runs, 3, 0)
  own = runs[2, 0]
  expected = sk.accuracy_score(own.labels, own.probabilities.argmax(1))
  assert part.by_fold["accuracy"][2] == pytest.approx(expected)
  assert part.by_fold["accuracy"][:2] == whole.by_fold["accuracy"][:2]
