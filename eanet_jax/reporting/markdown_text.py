"""Markdown whose names, which users chose, stay what they are."""

import re
from collections.abc import Iterable, Sequence

from eanet_jax.runtime import wording

# What makes code, HTML, emphasis or a link, or ends a cell of a table. A lone
# underscore within a word is none of these.
_MARKS = re.compile(r"[\\`*<>|~]|\](?=[(\[:])")


def escaped(name: object) -> str:
  """Returns a name as it is to be shown, in one line."""
  text = wording.printable(str(name)).replace("\n", " ").replace("\t", " ")
  return _MARKS.sub(lambda found: f"\\{found[0]}", text)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
  """Returns the lines of a table."""
  cells = [[escaped(cell) for cell in row] for row in (header, *rows)]
  first, *rest = ("| " + " | ".join(row) + " |" for row in cells)
  return [first, "|" + " --- |" * len(header), *rest]
