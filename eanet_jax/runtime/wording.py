"""Numbers in words for people, and names that do nothing to a terminal."""

import unicodedata
from collections.abc import Iterable, Sequence

# Control characters, which a terminal obeys; marks that turn the order of what
# follows; line and paragraph separators; halves of characters.
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def count(number: int, noun: str) -> str:
  """Returns the number with its noun: "1 class", "2 classes", "0 images"."""
  if number != 1:
    noun += "es" if noun.endswith(("s", "x")) else "s"
  return f"{number} {noun}"


def listed(names: Sequence[str], shown: int) -> str:
  """Returns the first names, and how many more there are: "a, b and 7 more"."""
  text = ", ".join(names[:shown])
  if len(names) > shown:
    text += f" and {len(names) - shown} more"
  return text


def of_classes(
  told: Iterable[tuple[str, str, str]], shown: int = 5
) -> list[str]:
  """Returns sentences about classes, one for all classes it is true of.

  Up to `shown` classes have a sentence each, in the order of the classes.

  Args:
    told: (name, what is true of this class, what is true of several such
      classes), as in ("P92", "is not tested", "are not tested").
    shown: how many classes are named.
  """
  told = list(told)
  names: dict[str, list[str]] = {}
  for name, _, of_several in told:
    names.setdefault(of_several, []).append(name)
  sentences = []
  for name, of_one, of_several in told:
    own = names[of_several]
    if len(own) <= shown:
      sentences.append(f"class {name} {of_one}")
    elif name == own[0]:
      sentences.append(f"classes {listed(own, shown)} {of_several}")
  return sentences


def duration(seconds: float) -> str:
  """Returns a time as people say it, "about 12 minutes"; at least 0."""
  minutes, hours = seconds / 60, seconds / 3600
  if minutes < 1:
    return "less than a minute"
  if minutes < 1.5:
    return "about a minute"
  if hours < 1.25:
    return f"about {minutes:.0f} minutes"
  if hours < 9.75:
    return f"about {round(2 * hours) / 2:g} hours"  # by halves
  if hours < 36:
    return f"about {hours:.0f} hours"
  return f"about {hours / 24:.0f} days"


def printable(text: str) -> str:
  """Returns text to print, its unseen characters escaped, as in "\\x1b[2J".

  File names, and what files say of themselves, can hold what clears a terminal
  or shows another name than they have. Ends of lines and tabs stay.
  """
  return "".join(
    c.encode("unicode_escape").decode()
    if unicodedata.category(c) in _UNSEEN and c not in "\n\t"
    else c
    for c in text
  )
