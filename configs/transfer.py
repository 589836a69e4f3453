"""A linear classifier on a frozen EfficientNet-Lite0: knowledge from elsewhere.

  python launch.py --config configs/transfer.py

The trunk was trained on photographs and stays as it is; what its maps are like
on average, at every depth, is told apart in closed form. Nothing is tuned:
strength of regularisation and probabilities follow from specimens left out of
the training ones.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  config = default.get_config().unlock()
  config.model = default.transfer()
  config.dataset.view = "auto"
  config.dataset.image_px = 384  # the trunk sees fine structure better
  config.dataset.standardise = "image"
  config.split.validate_by = "none"
  config.split.cross_validate = True
  config.loss.objective = "discriminant"
  config.train.epochs = 0
  config.evaluation.orientations = 4
  return config.lock()
