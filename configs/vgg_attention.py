"""VGG + attention: external attention over the feature map of VGG16.

  python launch.py --config configs/vgg_attention.py

The paper's table has a row of this name and does not say which attention it is;
this is its own mechanism, applied to the positions of the last feature map.
"""

from configs import default


def get_config():
  config = default.get_config()
  config.model = default.vgg()
  config.model.attention_type = "external"
  return config.lock()
