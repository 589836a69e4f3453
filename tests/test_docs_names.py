"""What the pages name is there: commands, fields, recipes, files, links."""

import functools
import re
import tomllib

import documented
import pytest
from conftest import ROOT, load_comparison

from eanet_jax.configuration import command_line, config_tree

# What is neither run nor planned here, and why it need not be.
KNOWN = (
  "python3 -m venv",  # .ci/run runs the two commands of README.md
  ". .venv/bin/activate",
  "pip install",
  "ruff ",
  "python -m pytest",
  "mkdocs build --strict",  # .ci/run
  "tensorboard --logdir",
  "eanet serve ",  # tests/serving/test_documented.py, and the next two
  "curl ",
  'python -c "import secrets;',
  "python benchmarks/",  # tests/test_benchmarks.py
  "python tests/faults/matrix.py",  # tests/faults/test_matrix.py, a part of it
  "pip-audit",  # it asks a database
  "python docs/images/screenshot.py",  # it needs a browser
)


def test_every_command_is_of_a_known_kind():
  others = [
    line
    for line in documented.COMMANDS
    if line not in documented.LAUNCHES and line not in documented.EANET
  ]
  assert [line for line in others if not line.startswith(KNOWN)] == []


@functools.cache
def fields():
  """The fields of all recipes, with their groups, and of a comparison."""
  trees = [load_comparison().to_dict()]
  trees += [
    command_line.load(str(ROOT / "configs" / f"{name}.py")).to_dict()
    for name in ("default", "vgg", "transfer")
  ]
  return {field for tree in trees for field in config_tree.flatten(tree)}


@pytest.mark.parametrize("page", documented.PAGES)
def test_fields_named_are_fields(page):
  text = documented.TEXTS[page]
  groups = "|".join(
    sorted({f.partition(".")[0] for f in fields()} - {"format"})
  )
  named = {
    *re.findall(r"--config\.([a-z_0-9]+(?:\.[a-z_0-9]+)*)", text),
    *re.findall(r"--set ([a-z_0-9.]+)=", text),
    *re.findall(rf"`((?:{groups})\.[a-z_0-9]+)(?:=[^`]*)?`", text),
  } - {"group.field"}
  listed = set(re.findall(r"`([a-z_0-9.]+)`", documented.results_section()))
  assert named - fields() - (listed if "workdir" in page else set()) == set()


def test_variants_named_are_variants():
  named = set(re.findall(r"configs/(\w+)\.py:(\w+)", documented.TEXT))
  row = re.compile(r"^\| `configs/(\w+)\.py` \|(.*)$", re.MULTILINE)
  for recipe, cells in row.findall(documented.TEXTS["docs/training.md"]):
    named |= {(recipe, variant) for variant in re.findall(r"`:(\w+)`", cells)}
  assert len(named) >= 8
  for recipe, variant in named:
    assert command_line.load(f"{ROOT}/configs/{recipe}.py:{variant}")


def test_every_recipe_is_documented():
  for recipe in (ROOT / "configs").glob("*.py"):
    assert f"configs/{recipe.name}" in documented.TEXTS["docs/training.md"], (
      recipe.name
    )


def headings(text):
  """The anchors of a page's headings."""
  text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
  return {
    re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
  }


@pytest.mark.parametrize("page", documented.PAGES)
def test_links_lead_somewhere(page):
  for target in re.findall(r"\]\(([^)]+)\)", documented.TEXTS[page]):
    if target.startswith("http"):
      continue
    file, _, anchor = target.partition("#")
    path = (ROOT / page).parent / file if file else ROOT / page
    assert path.exists(), target
    if anchor:
      assert anchor in headings(path.read_text()), target


def test_files_named_are_there():
  named = set(
    re.findall(
      r"`((?:eanet_jax|tests|configs|docs|benchmarks)/[\w/]+\.\w+)",
      documented.TEXT,
    )
  )
  assert len(named) >= 20
  missing = {file for file in named if not (ROOT / file).exists()}
  assert missing <= {"configs/NAME.py"}  # of whoever adds one


def test_documented_extras_are_declared():
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
  named = re.findall(r"pip install (?:-e )?'\.\[([\w,]+)\]'", documented.TEXT)
  extras = {extra for names in named for extra in names.split(",")}
  assert extras == set(project["optional-dependencies"])


def test_documented_benchmarks_have_the_flags_named():
  # tests/test_benchmarks.py runs them.
  lines = [
    line.split() for line in documented.COMMANDS if "benchmarks/" in line
  ]
  there = (ROOT / "benchmarks").glob("*.py")
  assert {words[1] for words in lines} == {
    f"benchmarks/{script.name}" for script in there
  }
  for words in lines:
    source = (ROOT / words[1]).read_text()
    if "set_fields.add(" in source:
      source += '"--set"'
    for word in words:
      flag = word.partition("=")[0]
      assert not flag.startswith("--") or f'"{flag}"' in source, words


def test_ci_runs_the_documented_commands():
  script = (ROOT / ".ci" / "run").read_text()
  assert any("pip install '.[test]'" in line for line in documented.COMMANDS)
  assert "pip install '.\\[test\\]'" in script
  assert "mkdocs build --quiet --strict" in script


def test_readme_is_short_and_its_picture_small():
  assert len(documented.TEXTS["README.md"].splitlines()) <= 130
  (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", documented.TEXTS["README.md"])
  assert (ROOT / picture).stat().st_size < 300_000
