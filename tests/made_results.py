"""Results as a finished run or comparison would have them, made up."""

import numpy as np

from eanet_jax.evaluation import metrics
from eanet_jax.workdir import comparison_json, dataset_facts, results_json

CLASSES = ("CPJ", "HR", "P92")


def levels(seed: int, skill: float) -> results_json.Levels:
  """Scores of 36 micrographs of 6 specimens."""
  rng = np.random.default_rng(seed)
  labels = np.repeat([0, 1, 2], 12)
  specimens = np.repeat(np.arange(6), 6)
  logits = rng.normal(size=(36, 3)) + skill * np.eye(3)[labels]
  p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  by_specimen = metrics.mean_by_group(p, specimens)
  return {
    "micrograph": metrics.summary(p, labels, specimens, CLASSES, 20),
    "specimen": metrics.summary(
      by_specimen, labels[::6], np.arange(6), CLASSES, 20
    ),
  }


def example(i: int, **changes) -> results_json.Example:
  """One example, called HR and in truth CPJ."""
  return {
    "image": i,
    "view": i,
    "file": f"IMG_{i:04d}.bmp",
    "specimen": "CPJ-8A",
    "true": "CPJ",
    "predicted": "HR",
    "probability": 0.8125,
    **changes,
  }


def _bins(accuracy: float) -> list[results_json.Bin]:
  empty = {"confidence": None, "accuracy": None, "count": 0}
  return [
    {"low": 0.0, "high": 0.5, **empty},
    {"low": 0.5, "high": 1, "count": 36, "confidence": 0.8}
    | {"accuracy": accuracy},
  ]


def facts() -> dataset_facts.DatasetFacts:
  """What was found in the files of a made-up data set of 120."""
  return {
    "specimens_known": True,
    "classes": [
      {"class": name, "specimens": 4, "micrographs": 40, "train": 20}
      | {"validation": 8, "test": 12, "with_scale": 40 * (name != "HR")}
      | {"um_per_px": [] if name == "HR" else [0.04, 0.06]}
      for name in CLASSES
    ],
    "sizes_px": [[1024, 768, 110], [640, 480, 10]],
    "sizes": 2,
    "points": [
      {"class": name, "specimen": f"S{i}", "micrographs": 20}
      | {"brightness": 100.0 + i, "contrast": 30.0}
      for i, name in enumerate(CLASSES)
    ],
    "point_count": 12,
    "copies": [{"one": "IMG_0001.bmp", "other": "IMG_0002.bmp"}],
    "copy_count": 1,
    "remarks": [{"said": "out of focus (IMG_0003.bmp)", "files": 3}],
  }


def run_results(**changes) -> results_json.RunResults:
  """Results of a run on 60 micrographs; changes by field."""
  fields = {
    "name": "eanet",
    "title": "EANet, external attention",
    "validation": levels(1, 2.0),
    "test": levels(2, 2.0),
    "baselines": {
      "majority": levels(3, 0.0),
      "grey": levels(5, 0.2),
      "texture": levels(4, 1.0),
    },
    "calibration": {
      "temperature": 1.734,
      "before": {"ece": 0.1234, "bins": _bins(0.7)},
      "after": {"ece": 0.0456, "bins": _bins(0.75)},
    },
    "per_specimen": [
      {"specimen": f"S{i}", "class": CLASSES[i // 2], "micrographs": 6}
      | {"accuracy": i / 6}
      for i in range(6)
    ],
    "class_names": list(CLASSES),
    "parameters": 363_779,
    "gflop_per_image": 0.187,
    "epochs": 3,
    "best_epoch": 2,
    "wall_time_s": 431.2,
    "images_per_s": None,
    "inference_images_per_s": 412.7,
    "split": {"by": "specimen", "train": 60, "validation": 24, "test": 36}
    | {"test_specimens": [f"S{i}" for i in range(6)], "fold": 0, "folds": 3},
    "warnings": ["class P92 is tested on one specimen"],
    "skipped": [["IMG_0099.bmp", "truncated"]],
    "unmatched": ["TAF"],
    "dataset": {"source": "folder", "path": "/steels", "view": "whole"}
    | {"image_px": 256, "facts": facts()},
    "device": "1 x cpu",
    "versions": {"jax": "0.10.1"},
    "examples": {
      "mistakes": [example(0)],
      "uncertain": [example(1, predicted="CPJ"), example(99)],
      "attention": {"maps": ["head 3, slot 7", "head 0, slot 1"]}
      | {"examples": [example(2)]},
    },
  }
  return results_json.RunResults(**{**fields, **changes})


def many_classes(number: int) -> results_json.RunResults:
  """Results of a run on so many classes of two test specimens each."""
  names = tuple(f"alloy_{i:04d}" for i in range(number))
  rng = np.random.default_rng(0)
  labels = np.arange(2 * number) // 2
  wrong = rng.random(2 * number) < 0.4
  predicted = np.where(wrong, rng.integers(0, number, 2 * number), labels)
  probabilities = np.eye(number, dtype=np.float32)[predicted]
  specimens = [f"{names[label]}/S{i}" for i, label in enumerate(labels)]
  scores = metrics.summary(probabilities, labels, labels, names, 0)
  of_level: results_json.Levels = {"micrograph": scores, "specimen": scores}
  return run_results(
    class_names=list(names),
    validation=of_level,
    test=of_level,
    baselines=dict.fromkeys(results_json.BASELINES, of_level),
    per_specimen=[
      {"specimen": specimen, "class": names[label], "micrographs": 1}
      | {"accuracy": float(predicted[i] == label)}
      for i, (specimen, label) in enumerate(zip(specimens, labels, strict=True))
    ],
    dataset={"source": "folder", "path": "/steels", "view": "whole"}
    | {"image_px": 256},
    split={"by": "specimen", "train": 8000, "validation": 2000}
    | {"test": 2000, "test_specimens": specimens, "fold": 0, "folds": 0},
  )


def system(
  name: str, kind: str, f1: float, gap: float | None
) -> comparison_json.System:
  """A system of a comparison with a macro F1, `gap` above the reference."""
  names = [*metrics.HEADLINE, "specimen_accuracy"]

  def scores(mean):
    interval = [mean - 0.05, mean + 0.05]
    each = {"mean": mean, "interval_95": interval, "folds": [mean, mean + 0.01]}
    return {score: each for score in names}

  def difference(mean):
    each = {"mean": mean, "interval_95": [mean - 0.02, mean + 0.02]}
    return {score: each for score in names}

  network = kind == "network"
  curve = {"fold": 0, "seed": 0, "epoch": [1, 2], "train_loss": [0.5, 0.4]}
  found = {
    "name": name,
    "title": f"{name}, in full",
    "kind": kind,
    "specimen_split": scores(f1),
    "micrograph_split": scores(f1 + 0.2) if network else None,
    "difference": None if gap is None else difference(gap),
  }
  if network:
    found |= {
      "parameters": int(1000 * f1),
      "gflop_per_image": 0.187,
      "images_per_s": 55.31,
      "inference_images_per_s": 10_000 * f1,
      "curves": [curve | {"validation_macro_f1": [0.2, 0.4]}],
    }
  return found


def comparison_results(**changes) -> comparison_json.ComparisonResults:
  """A comparison of two networks, two baselines and the paper."""
  fields = {
    "reference": "eanet",
    "class_names": list(CLASSES),
    "dataset": {"source": "synthetic", "path": "", "view": "whole"}
    | {"image_px": 256},
    "split_by": "specimen",
    "folds": 2,
    "intervals_over": "specimens",
    "seeds": [0, 1],
    "micrograph_folds": 1,
    "epochs": 2,
    "batch_size": 16,
    "device": "1 x cpu",
    "versions": {"jax": "0.10.1"},
    "wall_time_s": 7_505,
    "warnings": ["few specimens"],
    "systems": [
      system("eanet", "network", 0.612, None),
      system("vit", "network", 0.602, -0.010),
      system("texture", "baseline", 0.703, 0.091),
      system("majority", "baseline", 0.172, -0.440),
      {
        "name": "paper",
        "title": "EANet, in the paper",
        "kind": "paper",
        "paper": {"macro_f1": 0.895, "accuracy": 0.986, "kappa": 0.92},
        "difference": None,
        "specimen_split": None,
        "micrograph_split": None,
      },
    ],
    "runs": [
      {"system": "eanet", "split": "specimen", "fold": 0, "seed": 1}
      | {"workdir": "eanet-0-1", "accuracy": 0.6543, "macro_f1": 0.6123}
    ],
  }
  return comparison_json.ComparisonResults(**{**fields, **changes})
