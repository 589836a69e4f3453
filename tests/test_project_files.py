"""The files around the code agree with each other and with pyproject.toml."""

import importlib.metadata
import re
import tomllib

import pytest
import yaml
from conftest import ROOT, run
from packaging import requirements, specifiers

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [
  requirements.Requirement(line)
  for line in (
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["test"],
  )
]
PYTHONS = [
  f"3.{minor}"
  for minor in range(30)
  if f"3.{minor}" in specifiers.SpecifierSet(PROJECT["requires-python"])
]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def load(file):
  return yaml.safe_load((ROOT / file).read_text())


def violations(file, schema):
  """Returns what a file breaks of a schema, "" where it breaks nothing."""
  done = run("-m", "check_jsonschema", f"--builtin-schema={schema}", str(file))
  return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_workflow_is_one():
  assert violations(WORKFLOW, "vendor.github-workflows") == ""


def test_a_mistake_in_a_workflow_is_seen(tmp_path):
  wrong = tmp_path / "ci.yml"
  wrong.write_text(WORKFLOW.read_text().replace("runs-on:", "run-on:"))
  assert "runs-on" in violations(wrong, "vendor.github-workflows")


def test_the_workflow_calls_what_ci_runs_on_every_python():
  (job,) = load(WORKFLOW)["jobs"].values()
  commands = [step["run"] for step in job["steps"] if "run" in step]
  assert commands == ["bash .ci/run"]
  assert job["strategy"]["matrix"]["python"] == PYTHONS


def test_classifiers_name_every_python():
  prefix = "Programming Language :: Python :: 3."
  named = [line for line in PROJECT["classifiers"] if line.startswith(prefix)]
  assert [line.split(" :: ")[-1] for line in named] == PYTHONS


def test_the_citation_is_one():
  file = ROOT / "CITATION.cff"
  assert violations(file, "vendor.citation-file-format") == ""
  assert load(file)["license"] == PROJECT["license"]


def test_the_version_is_the_same_everywhere():
  version = PROJECT["version"]
  assert load("CITATION.cff")["version"] == version
  changes = (ROOT / "CHANGELOG.md").read_text()
  named = re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)
  assert named[:2] == ["Unreleased", version]


def test_the_installed_version_is_this_one():
  try:
    installed = importlib.metadata.version(PROJECT["name"])
  except importlib.metadata.PackageNotFoundError:
    pytest.skip("the package is not installed")
  assert installed == PROJECT["version"]


def test_hooks_have_the_formatter_that_the_tests_have():
  (repository,) = load(".pre-commit-config.yaml")["repos"]
  used = {
    requirement
    for hook in repository["hooks"]
    for requirement in hook["additional_dependencies"]
    if requirement.startswith("ruff")
  }
  test = PROJECT["optional-dependencies"]["test"]
  assert used == {line for line in test if line.startswith("ruff")}


def test_what_is_required_is_locked():
  # .ci/lock --check tells more, but asks the package index.
  text = (ROOT / "requirements.lock").read_text()
  assert "://" not in text
  locked = dict(re.findall(r"^([\w.-]+)==([\w.+-]+)", text, re.MULTILINE))
  for requirement in REQUIREMENTS:
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    assert locked[name] in requirement.specifier, requirement


@pytest.mark.parametrize(
  ("system", "machine", "package"),
  [
    ("linux", "x86_64", "tensorflow-cpu"),
    ("win32", "AMD64", "tensorflow-cpu"),
    ("linux", "aarch64", "tensorflow"),
    ("darwin", "arm64", "tensorflow"),
    ("darwin", "x86_64", "tensorflow"),
  ],
)
def test_one_tensorflow_for_each_machine(system, machine, package):
  platform = {"sys_platform": system, "platform_machine": machine}
  chosen = [
    requirement.name
    for requirement in REQUIREMENTS
    if requirement.name in ("tensorflow", "tensorflow-cpu")
    and requirement.marker.evaluate(platform)
  ]
  assert chosen == [package]
