"""One part of several that together are everything once, as users write it."""


def parse(text: str) -> tuple[int, int] | None:
  """Returns (3, 16) of "3/16"; None if a text is no part of several."""
  number, slash, of = text.partition("/")
  if not (slash and number.isdecimal() and of.isdecimal()):
    return None
  return (int(number), int(of)) if 1 <= int(number) <= int(of) else None
