"""VGG16 for one-channel images, from scratch, at an eighth of its width.

  python launch.py --config configs/vgg.py
  python launch.py --config configs/vgg.py:plain
  python launch.py --config configs/vgg.py --config.model.pretrained=FILE \\
    --config.model.width_multiplier=1 --config.model.batch_norm=False

So narrow two cores train it, at full width it needs an accelerator. `plain` is
without batch norm, as the original, and at a lower learning rate.
"""

from configs import default


def get_config(variant: str = "batch_norm"):
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
