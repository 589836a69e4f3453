"""Features of every view of a data set, found once and kept beside the views.

Takes a network with a frozen trunk and the views, gives rows that its trained
layer takes in place of the views.
"""

import hashlib

import jax
import numpy as np

from eanet_jax.data import view_facts
from eanet_jax.inference import forward_pass
from eanet_jax.models import efficientnet_lite, transfer
from eanet_jax.runtime import console, progress, pytrees, sharding

# Another number whenever `transfer.Transfer.features` gives other values.
_VERSION = 2


def inputs(
  forward: forward_pass.ForwardPass,
  variables: pytrees.Variables,
  images: np.ndarray,
  orientations: int,
) -> np.ndarray:
  """Returns what a network takes of views: features, or the views themselves.

  Args:
    forward: of the network. All processes of a job call this together.
    variables: the network's.
    images: uint8 (v, y, x, 1); those of the data set, not some of them.
    orientations: that the features are the mean of, see `ForwardPass`.

  Returns:
    float32 (v, f) where the network is a `transfer.Transfer`, else `images`.
  """
  model = forward.model
  if not isinstance(model, transfer.Transfer):
    return images

  def find() -> np.ndarray:
    bar: progress.Progress[None] = console.progress(
      total=len(images),
      unit="image",
      leave=False,
      disable=jax.process_index() > 0,
    )
    with bar:
      bar.begin("compiling")
      return forward.features(
        variables,
        images,
        np.arange(len(images)),
        orientations,
        lambda count: bar.update(count, "looking at the images"),
      )

  if jax.process_count() > 1:
    # All or none must find them: files on several machines may differ.
    return find()
  name = f"features-{_digest(forward, variables, orientations)}"
  return view_facts.kept(images, name, sum(model.sizes), find)


def _digest(
  forward: forward_pass.ForwardPass,
  variables: pytrees.Variables,
  orientations: int,
) -> str:
  """Hexadecimal, of all that the features of an image depend on."""
  decides = (_VERSION, forward.model.trunk, forward.levels, orientations)
  digest = hashlib.sha256(repr(decides).encode())
  for leaf in jax.tree.leaves(variables[efficientnet_lite.COLLECTION]):
    digest.update(sharding.fetch(leaf).tobytes())
  return digest.hexdigest()[:16]
