"""Linear classifiers on what a frozen EfficientNet-Lite0 sees."""

import time
from typing import Any

import numpy as np
from contestants import outcomes


def outcomes_of(config: Any, level: str) -> dict[str, outcomes.Outcome]:
  """Returns the outcomes of linear classifiers on the frozen trunk's maps."""
  from sklearn import linear_model, pipeline, preprocessing

  from eanet_jax.commands import training_job

  begun = time.monotonic()
  data, _ = training_job.load(config)
  views, found = data.views, {}
  train, test = (views.of(part) for part in (data.split.train, data.split.test))
  for name, features in frozen_features(views.images).items():
    model = pipeline.make_pipeline(
      preprocessing.StandardScaler(),
      linear_model.LogisticRegression(max_iter=1000),
    ).fit(features[train], data.view_labels[train])
    p = np.zeros((len(test), len(views.class_names)))
    p[:, model.classes_] = model.predict_proba(features[test])
    predictions = outcomes.predictions_of(views, test, p, level)
    found[name] = outcomes.Outcome(
      predictions, seconds=time.monotonic() - begun
    )
  return found


def frozen_features(images: np.ndarray) -> dict[str, np.ndarray]:
  """Returns float32 (v, f) by baseline: of the views as they stand."""
  import flax.linen as nn
  import jax

  from eanet_jax.data import view_facts
  from eanet_jax.inference import forward_pass
  from eanet_jax.models import efficientnet_lite
  from eanet_jax.models.pretrained import efficientnet_lite0
  from eanet_jax.runtime import sharding

  channels = [block.channels_out for block in efficientnet_lite.BLOCKS]
  middle = 2 * sum(channels[6:15])

  class Statistics(nn.Module):
    """The last map's means; means and spreads of the middle ones."""

    trunk: nn.Module

    def __call__(self, images: jax.Array, *, deterministic: bool) -> jax.Array:
      maps = self.trunk(images)[1:]
      parts = [maps[-1].mean((1, 2))]
      for each in maps[6:15]:
        parts += [each.mean((1, 2)), each.std((1, 2))]
      return jax.numpy.concatenate(parts, axis=-1)

  def find() -> np.ndarray:
    mesh = sharding.data_mesh()
    forward = forward_pass.ForwardPass(
      Statistics(efficientnet_lite.Trunk()), None, None, 16, mesh
    )
    variables = {"frozen": {"trunk": efficientnet_lite0.load()}}
    return forward(variables, images, np.arange(len(images)))

  width = channels[-1] + middle
  found = view_facts.kept(images, "frozen-baselines-v1", width, find)
  return {
    "frozen_middle": found[:, channels[-1] :],
    "frozen_last": found[:, : channels[-1]],
  }
