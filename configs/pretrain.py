"""Pre-training without labels: what two places of one image have in common.

  python launch.py --config configs/pretrain.py --workdir runs/pretrained \\
    --config.dataset.source=unlabelled --config.dataset.path=micrographs
  python launch.py --config configs/eanet_best.py \\
    --config.init_from=runs/pretrained

The network of configs/eanet_best.py learns to tell which two of a batch's views
are of one image: two quarters of it that share no pixel, at its magnification,
turned, cropped a little, blurred, made noisy and exposed at random each. By
default on the drawn micrographs, but for those that are tested on.
"""

from configs import eanet_best


def get_config():
  config = eanet_best.get_config().unlock()
  config.loss.objective = "pairs"
  config.loss.label_smoothing = 0.0
  config.loss.class_weights = "none"
  config.loss.temperature = 0.5
  config.augment.contrast = 0.3
  config.augment.brightness = 0.3
  config.train.batch_size = 64  # the more views, the harder to tell apart
  config.train.epochs = 300
  return config.lock()
