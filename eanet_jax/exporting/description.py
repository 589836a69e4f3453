"""What a program must know of an exported network, as JSON beside it.

Takes the `Classifier` and what its workdir keeps, gives plain values. The model
answers for one view; all that is done before it and after it is said here.
"""

import hashlib
import pathlib
from typing import Any

from eanet_jax.exporting import answer_function, proof
from eanet_jax.inference import classify, confidence, prediction_sets
from eanet_jax.models import networks
from eanet_jax.runtime import versions
from eanet_jax.workdir import trained_on

# Raise it whenever a field is added, is removed or changes its meaning.
FORMAT = 1
_OUTPUTS = {
  answer_function.PROBABILITIES: "of each class, in the order of class_names;"
  " they add up to 1",
  answer_function.NOVELTY: "how unlike everything trained on the view is; of"
  " micrographs like those, 5 % are above 1",
  answer_function.FEATURES: "what the classes are told from: mean and logarithm"
  " of the spread of each channel of the frozen trunk's maps, the mean over the"
  " orientations",
}


def of(
  classifier: classify.Classifier,
  kept: trained_on.TrainedOn | None,
  kind: str,
  path: pathlib.Path,
  proven: proof.Proof,
) -> dict[str, Any]:
  """Returns all that is to know.

  Args:
    classifier: of the network.
    kept: what its workdir keeps of the training; None if nothing.
    kind: of the file.
    path: the file or folder, as it stays.
    proven: how it compares with the network.
  """
  outputs = {
    name: {
      "type": "float32",
      "shape": ["b", *proven.shapes[name]],
      "meaning": _OUTPUTS[name],
      "greatest_difference": difference,
    }
    for name, difference in proven.differences.items()
  }
  meta, side = classifier.network.meta, classifier.image_px
  known = about(classifier, kept)
  return known | {
    "model": {
      "kind": kind,
      "name": path.name,
      "files": _files(path),
      **known["model"],
    },
    "input": {
      "name": "images",
      "type": "uint8",
      "shape": ["b", side, side, 1],
      "meaning": "grey levels of the specimen, 0 black to 255 white, as they"
      " are in the file: standardising and turning are part of the model",
    },
    "outputs": outputs,
    "compared": {
      "micrographs": proven.real,
      "noise": proven.noise,
      "tolerance": proof.TOLERANCE,
    },
    "versions": versions.installed(),
    "trained_with": meta.versions,
  }


def about(
  classifier: classify.Classifier, kept: trained_on.TrainedOn | None
) -> dict[str, Any]:
  """Returns what holds of a network in whatever file it stands.

  Args: as `of` has them.
  """
  config = classifier.network.meta.config
  dataset, side = config["dataset"], classifier.image_px
  tiled = classifier.tile_px is not None
  return {
    "format": FORMAT,
    "model": {
      "network": networks.title(config["model"]),
      "network_id": classifier.identity(),
    },
    "class_names": list(classifier.class_names),
    "before": {
      "data_bar": "cut off, before anything is resized",
      "overlays": dataset["overlays"],
      "grey_levels": "deep images are scaled to 8 bits by their full scale, not"
      " by their own extremes",
      "um_per_px": dataset["um_per_px"] or None,
      "view": dataset["view"],
      "tile_px": classifier.tile_px,
      "image_px": side,
      "views": "the tiles of a centred grid without overlap, each resized to"
      " image_px"
      if tiled
      else "one: the whole micrograph, resized to image_px in both directions",
      "resize": "bilinear, antialiased where it gets smaller"
      " (PIL.Image.resize with Image.Resampling.BILINEAR)",
    },
    "after": _after(kept, len(classifier.class_names)),
  }


def _after(kept: trained_on.TrainedOn | None, classes: int) -> dict[str, Any]:
  """How answers for views become one for a file, and what it is worth."""
  fields = [
    each.field_um
    for each in (kept.micrographs if kept else ())
    if each.field_um is not None
  ]
  return {
    "answer_of_a_file": "the mean over its views, of probabilities and of"
    " novelty; the class is the most probable one",
    "answer_of_a_specimen": "the mean over its files",
    "foreign": {"novelty_above": 1.0},
    "other_magnification": {
      "field_um": [min(fields), max(fields)] if fields else None,
      "factor": confidence.SAME_FIELD,
      "meaning": "what a view shows is narrower than the first number divided"
      " by the factor, or wider than the second times it, in micrometres",
    },
    "sets": _sets(kept, classes),
  }


def _sets(
  kept: trained_on.TrainedOn | None, classes: int
) -> dict[str, Any] | None:
  """Which classes may be the true one; None where nothing can be promised."""
  if kept is None or len(kept.least) != classes:
    return None
  sets = prediction_sets.Sets(kept.least, kept.specimens)
  if not sets.most:
    return None
  promised = [c for c in prediction_sets.COVERAGES if sets.promised(c)]
  return {
    "meaning": "a class is in the set of a file if its probability is at least"
    " this, and the most probable class always is; the set holds the true class"
    " for so many per cent of micrographs of new units",
    "unit": "micrograph" if kept.by_micrograph else "specimen",
    "usual_percent": min(confidence.USUAL_COVERAGE, sets.most),
    "least_probability_by_percent": {
      str(c): sets.least[:, prediction_sets.COVERAGES.index(c)].tolist()
      for c in promised
    },
  }


def _files(path: pathlib.Path) -> list[dict[str, Any]]:
  """Returns the size and checksum of a file, or of each in a folder."""
  inside = [path]
  if path.is_dir():
    inside = sorted(each for each in path.rglob("*") if each.is_file())
  return [
    {
      "file": each.relative_to(path.parent).as_posix(),
      "bytes": each.stat().st_size,
      "sha256": sha256(each),
    }
    for each in inside
  ]


def sha256(path: pathlib.Path) -> str:
  """Returns the hexadecimal SHA-256 of a file."""
  with path.open("rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
