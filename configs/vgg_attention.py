"""VGG + attention: external attention over the feature map of VGG16.

  python launch.py --config configs/vgg_attention.py

The table of configs/eanet.py's paper has a row of this name and does not say
which attention it is. This is its own mechanism, applied to the positions of
the last feature map.

Reached, by configs/compare.py:laptop (drawn micrographs, 128 px, 60 epochs, 3
folds by specimen, about an hour for all systems):
accuracy 0.790 [0.672, 0.890], macro F1 0.782 [0.623, 0.877].
The paper has 0.945 of its own images, split by image. See docs/results.md.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  config = default.get_config()
  config.model = default.vgg()
  config.model.attention_type = "external"
  return config.lock()
