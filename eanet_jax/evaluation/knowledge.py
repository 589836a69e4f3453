"""What a finished run keeps to say what its predictions are worth.

Takes answers for micrographs that were left out, and what was trained on, gives
the contents of trained_on.csv and trained_on.npz.
"""

import ml_collections
import numpy as np

from eanet_jax.data import known_specimens, micrographs, view_store
from eanet_jax.evaluation import answers, metrics
from eanet_jax.inference import (
  forward_pass,
  neighbours,
  novelty,
  prediction_sets,
)
from eanet_jax.workdir import trained_on

_MOST_COMPARED = 500  # micrographs, to tell how far apart is usual
_LEAST_DISTANCE = 1e-6  # it is divided by
_NOWHERE = np.empty((0, 0), np.float32)


def of(
  config: ml_collections.ConfigDict,
  views: view_store.Views,
  trained: np.ndarray,
  left_out: answers.Answers,
  temperature: float,
  by: str,
  places: np.ndarray = _NOWHERE,
  typical: float = 1.0,
) -> trained_on.TrainedOn:
  """Returns what is kept of a run.

  Args:
    config: of the run.
    views: of its data set.
    trained: int (m,), the micrographs that the network has seen.
    left_out: answers for micrographs by networks that had not seen them.
    temperature: that the logits will be divided by at prediction.
    by: what was left out, as in `splits.Split`.
    places: float32 (m, d), where those trained on lie; or (0, 0).
    typical: see `trained_on.TrainedOn`.
  """
  logits = np.asarray(left_out.logits, np.float64) / temperature
  probabilities = metrics.mean_by_group(
    forward_pass.probabilities(logits), left_out.groups
  )
  # Where images were left out, other images of a specimen were trained on.
  by_micrograph = by == "micrograph" or not known_specimens.known(
    np.asarray(views.specimens), views.labels
  )
  units = left_out.members if by_micrograph else left_out.specimen_groups
  sets = prediction_sets.fit(probabilities, left_out.labels, units)
  return trained_on.TrainedOn(
    micrographs=tuple(_sources(config, views, trained)),
    places=places,
    typical=typical,
    least=sets.least,
    specimens=sets.specimens,
    by_micrograph=by_micrograph,
  )


def _sources(
  config: ml_collections.ConfigDict,
  views: view_store.Views,
  trained: np.ndarray,
) -> list[trained_on.Source]:
  scale = views.numbers["um_per_px"] if views.numbers else None
  found = []
  for i in trained.tolist():
    # Views are in the order of their micrographs.
    first, last = np.searchsorted(views.micrograph, [i, i + 1])
    um = None
    if scale is not None and np.isfinite(scale[i]):
      um = float(scale[i])
    field = micrographs.field_um(
      um,
      float(views.numbers["pixels"][i]) * 1e6 if um else 0.0,
      config.dataset.view,
      config.dataset.tile_px,
    )
    found.append(
      trained_on.Source(
        file=views.files[i],
        label=views.class_names[views.labels[i]],
        specimen=views.specimens[i],
        um_per_px=um,
        field_um=field,
        digest=trained_on.digest(views.images[first:last]),
      )
    )
  return found


def placed(
  familiar: novelty.Familiar,
  features: np.ndarray,
  views: view_store.Views,
  parts: list[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, float]:
  """Returns where all micrographs lie, and how far apart is usual.

  float32 (m, d), and the median distance of left-out micrographs from the
  nearest of those that they were left out of.

  Args:
    familiar: of all.
    features: float32 (v, f), of every view.
    views: of the data set.
    parts: int (trained on, left out), micrographs of each fold.
  """
  places = neighbours.places(familiar, features, views.micrograph)
  step = -(-sum(len(left_out) for _, left_out in parts) // _MOST_COMPARED)
  distances = [
    neighbours.nearest(places[i], places[seen], 1)[1][0]
    for seen, left_out in parts
    for i in left_out[::step]
  ]
  return places, max(float(np.median(distances)), _LEAST_DISTANCE)
