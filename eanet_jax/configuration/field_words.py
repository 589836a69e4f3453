"""What each field of a configuration means, read from the file that sets it.

Takes a config file, gives the comments above and after its assignments: they
are written once, there. The file is not run.
"""

import ast
import io
import pathlib
import textwrap
import tokenize
from collections.abc import Collection


def read(
  file: pathlib.Path, functions: Collection[str] | None = None
) -> dict[str, str]:
  """Returns {"train.epochs": "Passes over ..."} for a config file.

  A group is known by the name of its variable: `train.epochs = 50` sets the
  field train.epochs, `config.init_from = ""` sets init_from. If a field is set
  more than once, its first comment counts.

  Args:
    file: a config file.
    functions: names of those to read, None for all: two may set fields of the
      same names, for two kinds of network.
  """
  with tokenize.open(file) as opened:
    source = opened.read()
  above, behind = _comments(source)
  words: dict[str, str] = {}
  for function in ast.parse(source).body:
    if not isinstance(function, ast.FunctionDef) or not (
      functions is None or function.name in functions
    ):
      continue
    for node in ast.walk(function):
      if not isinstance(node, ast.Assign):
        continue
      text = _joined(
        above.get(node.lineno - 1, ""), behind.get(node.end_lineno or 0, "")
      )
      for target in node.targets:
        if text and isinstance(target, ast.Attribute):
          field = ast.unparse(target).removeprefix("config.")
          words.setdefault(field, text)
  return words


def entry(name: str, words: str) -> list[str]:
  """Returns the lines of a flag in a help text of 80 columns."""
  return [
    f"  {name}",
    *textwrap.wrap(
      words and words.removesuffix(".") + ".",
      80,
      initial_indent=" " * 6,
      subsequent_indent=" " * 6,
      break_on_hyphens=False,
    ),
  ]


def _comments(source: str) -> tuple[dict[int, str], dict[int, str]]:
  """Comments by line number: blocks, by their last line; those after code.

  Anything else ends a block: only what is directly above a line counts.
  """
  above: dict[int, str] = {}
  behind: dict[int, str] = {}
  for token in tokenize.generate_tokens(io.StringIO(source).readline):
    if token.type != tokenize.COMMENT:
      continue
    line, column = token.start
    text = token.string.lstrip("#").strip()
    if token.line[:column].strip():
      behind[line] = text
    else:
      above[line] = f"{above.pop(line - 1, '')} {text}".strip()
  return above, behind


def _joined(above: str, behind: str) -> str:
  """One text from the comments above and after a line."""
  if above and behind:
    return f"{above.removesuffix('.')} ({behind})"
  return above or behind
