"""Numbers in words for people, and names that do nothing to a terminal."""

import unicodedata

# Control characters, which a terminal obeys; marks that turn the order of what
# follows; line and paragraph separators; halves of characters.
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def count(number: int, noun: str) -> str:
  """Returns the number with its noun: "1 class", "2 classes", "0 images"."""
  if number != 1:
    noun += "es" if noun.endswith("s") else "s"
  return f"{number} {noun}"


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
