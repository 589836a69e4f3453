"""Names as people read them: one name, however a system spells it.

macOS takes letters and their accents apart, Windows sees no difference between
P92 and p92, and a blank at the end of a name is not seen by anyone.
"""

import collections
import functools
import unicodedata
from collections.abc import Iterable


@functools.lru_cache(1 << 16)  # a folder's name is met once for each file
def shown(name: str) -> str:
  """Returns the name in composed characters, with no blanks but single ones."""
  return " ".join(unicodedata.normalize("NFC", name).split()) or name


@functools.lru_cache(1 << 16)
def key(name: str) -> str:
  """Returns what is equal for names that a reader takes for the same."""
  return shown(shown(name).casefold())


def agreed(names: Iterable[str]) -> dict[str, str]:
  """Returns, by key, the spelling that most of these names have."""
  spellings: dict[str, collections.Counter[str]] = {}
  for name in names:
    spellings.setdefault(key(name), collections.Counter())[shown(name)] += 1
  return {
    found: min(counts, key=lambda name: (-counts[name], name))
    for found, counts in spellings.items()
  }
