"""JSON files as anybody may have left them: read, or told what is wrong.

Nothing that this program writes has NaN, an infinity or a number of a hundred
digits in it, nor is it deep: they stand for damage, and would end far from here
in errors of all kinds.
"""

import json
import math
import pathlib
from collections.abc import Iterable
from typing import Any

_DEEPEST = 50  # lists and objects in one another


def read(path: pathlib.Path) -> Any:
  """Returns what a JSON file holds; its numbers are finite floats or int64.

  Raises:
    ValueError: it is not JSON, or not in UTF-8, or nested beyond all measure.
    OSError: it cannot be read.
  """
  try:
    found = json.loads(
      path.read_text(encoding="utf-8"),
      parse_constant=_finite,
      parse_float=_finite,
      parse_int=_int64,
    )
  except RecursionError:
    found = None
  else:
    level = [found]
    for _ in range(_DEEPEST):
      level = [inner for each in level for inner in _inside(each)]
      if not level:
        return found
  raise ValueError("it is nested too deeply")


def _inside(value: Any) -> Iterable[Any]:
  if isinstance(value, dict):
    return value.values()
  return value if isinstance(value, list) else ()


def _finite(text: str) -> float:
  """The number that JSON has as `text`: "1e999" would be an infinity."""
  number = float(text)
  if not math.isfinite(number):
    raise ValueError(f"{text} is no finite number")
  return number


def _int64(text: str) -> int:
  number = int(text)
  if not -(2**63) <= number < 2**63:
    raise ValueError(f"{text[:20]}... is too large a number")
  return number


def text(value: Any) -> str:
  """Returns indented JSON that any parser reads: NaN is an error."""
  return json.dumps(value, indent=2, allow_nan=False) + "\n"
