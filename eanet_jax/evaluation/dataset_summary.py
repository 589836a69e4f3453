"""What a run's results say of its data set.

Takes the data set, gives JSON values: what a reader must see of it to judge the
figures, and enough to make the report again without the images.
"""

import collections
from typing import Any

import ml_collections
import numpy as np

from eanet_jax.data import dataset, known_specimens, view_store
from eanet_jax.workdir import dataset_facts, results_json


def summary(
  config: ml_collections.ConfigDict, data: dataset.Dataset
) -> results_json.DatasetSummary:
  """Returns the data set as the configuration names it, and what is in it.

  Args:
    config: a run's; its group `dataset` is read.
    data: the data set with the split that figures are of.
  """
  return {
    "source": config.dataset.source,
    "path": config.dataset.path,
    "view": config.dataset.view,
    "image_px": config.dataset.image_px,
    "facts": facts(data),
  }


def facts(data: dataset.Dataset) -> dataset_facts.DatasetFacts:
  """Returns what was found in the files of a data set."""
  views = data.views
  known = known_specimens.known(views.specimens, views.labels)
  sizes = _sizes(views)
  points = _points(views, known)
  copies: list[dataset_facts.Copy] = [
    {"one": views.files[i], "other": views.files[j]} for i, j in views.copies
  ]
  most = dataset_facts.MAX_POINTS
  return {
    "specimens_known": known,
    "classes": _classes(data),
    "sizes_px": sizes[: dataset_facts.MAX_SIZES],
    "sizes": len(sizes),
    # Evenly from all, which stand in the order of the classes.
    "points": [points[i * len(points) // most] for i in range(most)]
    if len(points) > most
    else points,
    "point_count": len(points),
    "copies": copies[: dataset_facts.MAX_COPIES],
    "copy_count": len(copies),
    "remarks": [
      {"said": said[0], "files": len(said)}
      for said in dataset.kinds(views.remarks)
    ],
  }


def _numbers(views: view_store.Views, name: str) -> np.ndarray:
  """float64 (m,), NaN where it is not known."""
  return views.numbers.get(name, np.full(len(views.labels), np.nan))


def _classes(data: dataset.Dataset) -> list[dataset_facts.ClassFacts]:
  views, split = data.views, data.split
  of_specimens = np.asarray(views.specimens)
  um_per_px = _numbers(views, "um_per_px")
  found: list[dataset_facts.ClassFacts] = []
  for label, name in enumerate(views.class_names):
    own = views.labels == label
    scales = um_per_px[own & ~np.isnan(um_per_px)]
    found.append(
      {
        "class": name,
        "specimens": len(np.unique(of_specimens[own])),
        "micrographs": int(own.sum()),
        "train": int(own[split.train].sum()),
        "validation": int(own[split.validation].sum()),
        "test": int(own[split.test].sum()),
        "with_scale": len(scales),
        "um_per_px": [float(scales.min()), float(scales.max())]
        if len(scales)
        else [],
      }
    )
  return found


def _sizes(views: view_store.Views) -> list[list[int]]:
  pairs: Any = zip(
    _numbers(views, "width"), _numbers(views, "height"), strict=True
  )
  counted = collections.Counter(
    (int(width), int(height))
    for width, height in pairs
    if np.isfinite(width) and np.isfinite(height)
  )
  order = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
  return [[width, height, count] for (width, height), count in order]


def _points(views: view_store.Views, known: bool) -> list[dataset_facts.Point]:
  """Of each specimen, or of each micrograph; in the order of the classes."""
  brightness, contrast = _numbers(views, "mean"), _numbers(views, "std")
  measured = np.flatnonzero(np.isfinite(brightness) & np.isfinite(contrast))
  names = views.specimens if known else views.files
  members: dict[tuple[int, str], list[int]] = {}
  for i in measured.tolist():
    members.setdefault((int(views.labels[i]), names[i]), []).append(i)
  return [
    {
      "class": views.class_names[label],
      "specimen": name,
      "micrographs": len(own),
      "brightness": round(float(np.median(brightness[own])), 2),
      "contrast": round(float(np.median(contrast[own])), 2),
    }
    for (label, name), own in sorted(members.items())
  ]
