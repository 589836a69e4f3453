"""The modules of a page's script as one, for a page that loads nothing.

Takes the entry's name, gives JavaScript without imports: each module becomes a
function that runs once, in the order of what needs what.
"""

import pathlib
import re

FOLDER = pathlib.Path(__file__).parent / "page"
_IMPORT = re.compile(
  r'^import\s+(\{[^}]*\}|\* as \w+)\s+from\s+"\./([\w/]+\.js)";\n',
  re.MULTILINE,
)
_DECLARED = re.compile(
  r"^export ((?:async )?function\*?|class|const|let) (\w+)", re.MULTILINE
)
_LISTED = re.compile(r"^export \{([^}]*)\};\n", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(entry: str) -> str:
  """Returns the script of a module of FOLDER with all that it imports."""
  order: list[str] = []
  _visit(entry, order, ())
  parts = ['"use strict";', "const modules = {};"]
  parts += [_as_function(name) for name in order]
  return "\n".join(parts) + "\n"


def _visit(name: str, order: list[str], above: tuple[str, ...]) -> None:
  """Appends what a module needs, then the module."""
  if name in above:
    raise ValueError(f"{' imports '.join((*above, name))}: a circle")
  if name in order:
    return
  for _, needed in _IMPORT.findall(_source(name)):
    _visit(needed, order, (*above, name))
  order.append(name)


def _source(name: str) -> str:
  return (FOLDER / name).read_text(encoding="utf-8")


def _as_function(name: str) -> str:
  source = _source(name)
  given = [word for _, word in _DECLARED.findall(source)]
  for listed in _LISTED.findall(source):
    given += [word.strip() for word in listed.split(",") if word.strip()]
  source = _LISTED.sub("", source)
  source = _DECLARED.sub(r"\1 \2", source)
  source = _IMPORT.sub(_as_constant, source)
  if left := _LEFT.search(source):
    raise ValueError(f"page/{name}: a page cannot have {left[0]!r}")
  return (
    f'modules["{name}"] = (() => {{\n{source}\nreturn {{{", ".join(given)}}};'
    "\n})();"
  )


def _as_constant(found: re.Match[str]) -> str:
  names, module = found.groups()
  names = names.removeprefix("* as ").replace(" as ", ": ")
  return f'const {names} = modules["{module}"];\n'
