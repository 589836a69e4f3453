"""Pre-training without labels: what two places of one image have in common.

  python launch.py --config configs/pretrain.py --workdir runs/pretrained \\
    --config.dataset.source=unlabelled --config.dataset.path=micrographs
  python launch.py --config configs/eanet_best.py \\
    --config.init_from=runs/pretrained --config.optimizer.learning_rate=4e-3

The network of configs/eanet_best.py learns to tell which two of a batch's views
are of one image: two quarters of it that share no pixel, at its magnification,
each turned, cropped a little, blurred, made noisy and exposed at random. By
default it sees all drawn micrographs except the test images.

Reached, by benchmarks/label_efficiency.py (drawn micrographs, one in ten
labelled, 128 px, 3 folds by specimen, two seeds, half an hour): accuracy 0.690
[0.663, 0.718] from pre-trained weights, 0.588 [0.515, 0.661] from nothing. See
docs/results.md.
"""

import ml_collections

from configs import eanet_best


def get_config() -> ml_collections.ConfigDict:
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
