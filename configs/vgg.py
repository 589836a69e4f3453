"""VGG16 for one-channel images, from scratch, at an eighth of its width.

Paper: the VGG that configs/eanet.py's paper compares with; there pre-trained.

  python launch.py --config configs/vgg.py
  python launch.py --config configs/vgg.py:plain
  python launch.py --config configs/vgg.py --config.model.pretrained=FILE \\
    --config.model.width_multiplier=1 --config.model.batch_norm=False

At this width two cores can train it; at full width it needs an accelerator.
`plain` is without batch norm, as the original, and at a lower learning rate.

Reached, by configs/compare.py:laptop (drawn micrographs, 128 px, 60 epochs, 3
folds by specimen, about an hour for all systems):
accuracy 0.750 [0.657, 0.839], macro F1 0.746 [0.628, 0.827].
The paper has 0.912 of its own images, split by image. See docs/results.md.
"""

import ml_collections

from configs import default


def get_config(variant: str = "batch_norm") -> ml_collections.ConfigDict:
  config = default.get_config()
  config.model = default.vgg()
  if variant == "plain":
    config.model.batch_norm = False
    config.optimizer.learning_rate = 1e-4
  elif variant != "batch_norm":
    raise ValueError(
      f"{variant!r} is no variant of VGG: choose batch_norm or plain"
    )
  return config.lock()
