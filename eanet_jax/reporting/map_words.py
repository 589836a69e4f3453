"""What the maps of a report show, in plain words."""

import re
from collections.abc import Sequence

_SLOT = re.compile(r"(?:head (\d+), )?slot (\d+)")
_HEAD = re.compile(r"head (\d+)")
_OF_EVIDENCE = {
  "fine structure": "Fine structure that speaks for the class",
  "coarse structure": "Coarse structure that speaks for the class",
}


def captions(names: Sequence[str]) -> list[str]:
  """Returns a caption for each map, by the name that its maker gave it.

  Args:
    names: as `attention_maps` and `evidence_maps` give them.
  """
  found = []
  for letter, name in zip("ABCDEFGHIJ", names, strict=False):
    if _SLOT.fullmatch(name):
      found.append(f"Where it looks like learned pattern {letter}")
    elif _HEAD.fullmatch(name):
      found.append(f"Where other parts of the image look to, by head {letter}")
    else:
      found.append(_OF_EVIDENCE.get(name, name))
  return found


def key(names: Sequence[str]) -> str:
  """Returns which parts of the network the letters stand for; "" if none."""
  parts = []
  for letter, name in zip("ABCDEFGHIJ", names, strict=False):
    if slot := _SLOT.fullmatch(name):
      head = f" of attention head {slot[1]}" if slot[1] else ""
      parts.append(f"{letter} is memory slot {slot[2]}{head}")
    elif head_only := _HEAD.fullmatch(name):
      parts.append(f"{letter} is attention head {head_only[1]}")
  return "; ".join(parts)
