"""The conventional transformer: EANet's network with self-attention, ViT.

Paper: the conventional transformer that configs/eanet.py's paper compares with.

  python launch.py --config configs/vit.py
  python launch.py --config configs/vit.py:simplified

Four heads with keys of 64 channels, as the reference recipe has it: 0.63 M
parameters. `simplified` is the paper's softmax(F F^T) F.

Reached, by configs/compare.py:laptop (drawn micrographs, 128 px, 60 epochs, 3
folds by specimen, about an hour for all systems):
accuracy 0.402 [0.355, 0.456], macro F1 0.391 [0.334, 0.426].
See docs/results.md.
"""

import ml_collections

from configs import default


def get_config(variant: str = "self") -> ml_collections.ConfigDict:
  config = default.get_config()
  if variant not in ("self", "simplified"):
    raise ValueError(
      f"{variant!r} is no variant of ViT: choose self or simplified"
    )
  config.model.attention_type = variant
  config.model.num_heads = 4
  config.model.key_width = 64
  return config.lock()
