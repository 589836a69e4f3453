"""The package is built in wings, each resting only on those before it."""

import ast
import pathlib
import re

import pytest
from conftest import ROOT, run

import eanet_jax
import eanet_jax.data

PACKAGE = ROOT / "eanet_jax"
# A wing imports from itself and from the lines above its own.
ORDER = (
  {"errors"},
  {"runtime"},
  {"configuration", "data", "models"},
  {"workdir"},
  {"explanation", "inference"},
  {"evaluation"},
  {"training", "reporting"},
  {"exporting"},
  {"serving"},
  {"commands"},
  {"cli"},
)
RANK = {wing: rank for rank, wings in enumerate(ORDER) for wing in wings}


def imported_wings(source: str):
  """Yields the wing of each import from the package, wherever it stands."""
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.ImportFrom):
      names = [f"{node.module}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    else:
      continue
    for name in names:
      package, _, inside = name.partition(".")
      if package == "eanet_jax" and inside:
        yield inside.partition(".")[0]


def wing_of(path: pathlib.Path) -> str:
  return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def upward(wing: str, source: str) -> list[str]:
  """The wings that a module of `wing` imports and must not."""
  return [
    other
    for other in imported_wings(source)
    if other != wing and RANK[other] >= RANK[wing]
  ]


@pytest.mark.parametrize(
  "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name)
)
def test_a_module_imports_only_from_wings_before_its_own(path):
  wing = wing_of(path)
  if wing != "__init__":
    assert not upward(wing, path.read_text())


def test_an_upward_import_is_found():
  assert upward("data", "from eanet_jax.training import losses")
  assert upward("training", "def f():\n  import eanet_jax.reporting.plots")
  assert upward("evaluation", "from eanet_jax import cli, errors") == ["cli"]
  assert not upward("commands", "from eanet_jax.reporting import plots")


def test_a_wings_own_file_is_one_docstring():
  for path in PACKAGE.rglob("*/__init__.py"):
    (only,) = ast.parse(path.read_text()).body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value.value, str)


def test_reporting_imports_no_jax():
  modules = [
    f"eanet_jax.reporting.{path.stem}"
    for path in (PACKAGE / "reporting").glob("[!_]*.py")
  ]
  code = f"import sys, {', '.join(modules)}; print('jax' in sys.modules)"
  done = run("-c", code)
  assert done.stdout.strip() == "False", done.stderr


def test_the_map_has_a_line_for_every_wing_in_order():
  named = re.findall(r"^  (\w+)  +\S", eanet_jax.__doc__, re.MULTILINE)
  there = {
    wing_of(path) for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE
  } | {path.stem for path in PACKAGE.glob("[!_]*.py")}
  assert set(named) == there
  assert [RANK[wing] for wing in named] == sorted(map(RANK.get, named))


def test_the_map_of_data_has_every_module():
  named = set(re.findall(r"\w+", eanet_jax.data.__doc__))
  there = {path.stem for path in (PACKAGE / "data").glob("[!_]*.py")}
  assert there - named == set()


def test_public_names_are_loaded_when_they_are_asked_for():
  code = """
import sys, eanet_jax
assert set(eanet_jax.__all__) <= set(dir(eanet_jax))
print("jax" in sys.modules)
from eanet_jax import *
from eanet_jax import Classifier
from eanet_jax.inference import classify, predictions
from eanet_jax.data import micrographs
print(Classifier is classify.Classifier, Prediction is predictions.Prediction)
print(Told is micrographs.Told)
"""
  done = run("-c", code)
  assert done.stdout.split() == ["False", "True", "True", "True"], done.stderr


def test_a_name_that_is_not_there_is_said_to_be_none():
  with pytest.raises(AttributeError, match="has no attribute 'Clasifier'"):
    eanet_jax.Clasifier  # noqa: B018
