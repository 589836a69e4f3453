"""Numbers in words for people. Imports nothing."""


def count(number: int, noun: str) -> str:
  """Returns the number with its noun: "1 class", "2 classes", "0 images"."""
  if number != 1:
    noun += "es" if noun.endswith("s") else "s"
  return f"{number} {noun}"
