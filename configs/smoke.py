"""The whole path in under a minute on two cores; its figures mean nothing.

  python launch.py --config configs/smoke.py

EANet by the paper's recipe with two blocks, on six 64 px images of each drawn
specimen, for two epochs.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  config = default.get_config()
  config.dataset.images_per_specimen = 6
  config.dataset.image_px = 64
  config.model.num_blocks = 2
  config.train.epochs = 2
  return config
