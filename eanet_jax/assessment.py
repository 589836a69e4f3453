"""What a run's results file says: scores, baselines, calibration, examples.

Takes the best checkpoint of a run and its data, gives the JSON of results.json
and writes what belongs beside it. Device work is done by all processes of a
job, the rest by the first.
"""

import dataclasses
import pathlib
import statistics
import time
from typing import Any

import jax
import numpy as np

from eanet_jax import (
  baselines,
  calibration,
  evaluate,
  explain,
  results,
)
from eanet_jax.data import dataset, input_pipeline
from eanet_jax.models import systems


@dataclasses.dataclass(frozen=True)
class Outputs:
  """What the network gives, on the host.

  Attributes:
    validation, test: float32 (k, l) logits of the views of these splits.
    examples: see `explain.choose`, of the test split.
    attention: see `explain.attention_maps`, of examples["telling"]; or None.
    images_per_s: of inference.
  """

  validation: np.ndarray
  test: np.ndarray
  examples: dict[str, list[dict[str, Any]]]
  attention: tuple[np.ndarray, list[str]] | None
  images_per_s: float


def run_network(
  forward: evaluate.Forward, variables, data, mesh, orientations: int
) -> Outputs:
  """Returns what the network gives for the validation and test splits."""
  views, split = data.views, data.split
  validation, test = (
    forward(variables, views.images, views.of(part), orientations)
    for part in (split.validation, split.test)
  )
  chosen = views.of(split.test)
  examples = explain.choose(test, views, chosen)
  telling = [each["view"] for each in examples["telling"]]
  return Outputs(
    validation=validation,
    test=test,
    examples=examples,
    attention=explain.attention_maps(
      forward.model,
      variables,
      views.images[telling],
      data.mean,
      data.std,
      mesh,
    ),
    images_per_s=_images_per_s(
      forward, variables, views.images, chosen, orientations
    ),
  )


def _images_per_s(forward, variables, images, chosen, orientations) -> float:
  """Median of three passes over some whole batches, host to host."""
  size = forward.batch_size
  some = np.resize(chosen, min(4, -(-len(chosen) // size)) * size)
  seconds = []
  for _ in range(3):
    begun = time.monotonic()
    forward(variables, images, some, orientations)
    seconds.append(time.monotonic() - begun)
  return len(some) / statistics.median(seconds)


def results_of(
  config: Any, data: dataset.Dataset, outputs: Outputs, workdir: pathlib.Path
) -> dict[str, Any]:
  """Returns the scores, and writes predictions and examples to `workdir`.

  Args:
    config: of the run.
    data: of the run.
    outputs: of its best checkpoint.
    workdir: of the run.
  """
  views, split = data.views, data.split
  chosen = views.of(split.test)
  resamples = config.evaluation.bootstrap_resamples

  def scores(logits, chosen):
    return evaluate.scores(logits, views, chosen, resamples=resamples)

  beside = baselines.logits(data, chosen)
  for name, logits in {"": outputs.test, **beside}.items():
    write_predictions(workdir, name, views, chosen, logits)
  of_baselines = {k: scores(logits, chosen) for k, logits in beside.items()}
  warnings = list(split.warnings)
  shortcut = baselines.shortcut_warning(
    of_baselines["grey"]["micrograph"], len(views.class_names)
  )
  if shortcut:
    warnings.append(shortcut)
  return {
    "name": config.model.name,
    "title": systems.title(config.model.to_dict()),
    "validation": scores(outputs.validation, views.of(split.validation)),
    "test": scores(outputs.test, chosen),
    "baselines": of_baselines,
    "calibration": _calibration(outputs, data),
    "per_specimen": _per_specimen(outputs.test, views, chosen),
    "class_names": list(views.class_names),
    "inference_images_per_s": outputs.images_per_s,
    "split": {
      "by": split.by,
      "folds": config.split.folds,
      "fold": config.split.fold,
      "train": len(split.train),
      "validation": len(split.validation),
      "test": len(split.test),
      "test_specimens": sorted({views.specimens[i] for i in split.test}),
    },
    "warnings": warnings,
    "skipped": [list(each) for each in views.skipped],
    "unmatched": list(views.unmatched),
    "dataset": {
      name: config.dataset[name]
      for name in ("source", "path", "view", "image_px")
    },
    "examples": _write_examples(workdir, outputs, views),
    "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
    "versions": results.versions(),
  }


def _calibration(outputs: Outputs, data: dataset.Dataset) -> dict[str, Any]:
  views, arrays = data.views, []
  for name in ("validation", "test"):
    chosen = views.of(getattr(data.split, name))
    members, group = np.unique(views.micrograph[chosen], return_inverse=True)
    arrays += [getattr(outputs, name), views.labels[members], group]
  return calibration.summary(*arrays)


def _per_specimen(logits, views, chosen) -> list[dict[str, Any]]:
  """Share of each test specimen's micrographs that are classified right."""
  members, p = evaluate.by_micrograph(logits, views, chosen)
  right = p.argmax(-1) == views.labels[members]
  names = np.asarray(views.specimens)[members]
  return [
    {
      "specimen": name,
      "class": views.class_names[views.labels[members[own][0]]],
      "micrographs": int(own.sum()),
      "accuracy": float(right[own].mean()),
    }
    for name in np.unique(names).tolist()
    for own in [names == name]
  ]


def _write_examples(workdir, outputs, views) -> dict[str, Any]:
  """Writes examples.npz; returns the words that go with its arrays."""
  shown = [each for kind in outputs.examples.values() for each in kind]
  taken = sorted({each["view"] for each in shown})
  arrays = {"images": explain.thumbnails(views.images[taken])}
  words: dict[str, Any] = {
    kind: [{"image": taken.index(each["view"]), **each} for each in of]
    for kind, of in outputs.examples.items()
  }
  telling, words["attention"] = words.pop("telling"), None
  if outputs.attention:
    arrays["attention"], names = outputs.attention
    words["attention"] = {"maps": names, "examples": telling}
  results.write_arrays(workdir / explain.FILE, arrays)
  return words


def write_predictions(
  workdir: pathlib.Path,
  name: str,
  views: input_pipeline.Views,
  chosen: np.ndarray,
  logits: np.ndarray,
) -> None:
  """Writes a row for each test micrograph to test_predictions[_NAME].csv."""
  members, p = evaluate.by_micrograph(logits, views, chosen)
  results.write_csv(
    workdir / f"test_predictions{name and '_'}{name}.csv",
    [
      "file",
      "specimen",
      "true",
      "predicted",
      *results.columns(views.class_names),
    ],
    (
      {
        "file": views.files[member],
        "specimen": views.specimens[member],
        "true": views.class_names[views.labels[member]],
        "predicted": views.class_names[int(row.argmax())],
        **results.by_column(views.class_names, row),
      }
      for member, row in zip(members, p, strict=True)
    ),
  )
