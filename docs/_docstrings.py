"""A griffe extension: `mean, std: ...` in a docstring documents both names.

The house style has one line for names of one meaning. Griffe takes what is
behind the comma for a type.
"""

import re
from typing import Any

import griffe

_NAMES = re.compile(
  r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+):(?P<text>.*(?:\n(?P=indent) +.*)*)",
  re.MULTILINE,
)
_SECTION = re.compile(r"^ *(?:Args|Attributes):\n", re.MULTILINE)


def apart(text: str) -> str:
  """Returns a docstring with a line for each name of its sections."""
  head, *sections = _SECTION.split(text)
  names = _SECTION.findall(text)
  lines = lambda found: "\n".join(
    f"{found['indent']}{name}:{found['text']}"
    for name in found["names"].split(", ")
  )
  parts = [_NAMES.sub(lines, section) for section in sections]
  return head + "".join(map("".join, zip(names, parts, strict=True)))


class NamesApart(griffe.Extension):
  """Rewrites docstrings as they are loaded."""

  def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
    """Rewrites the docstring of an object."""
    del kwargs
    if obj.docstring:
      obj.docstring.value = apart(obj.docstring.value)
