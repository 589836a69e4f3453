"""EANet by the paper's recipe on the drawn micrographs: the main job.

  python launch.py --config configs/eanet.py
  python launch.py --config configs/eanet.py:single_head

`single_head` is the paper's formula to the letter: one memory of 64 slots
instead of 16 heads of 16.
"""

from configs import default


def get_config(variant: str = "multi_head"):
  config = default.get_config()
  if variant == "single_head":
    config.model.num_heads = 1
    config.model.num_slots = 64
  elif variant != "multi_head":
    raise ValueError(
      f"{variant!r} is no variant of EANet: choose multi_head or single_head"
    )
  return config
