"""The parser of `eanet`: quick, and every verb in its place."""

import re

from conftest import ROOT, eanet, run


def test_help_names_every_verb_and_loads_nothing_heavy():
  done = eanet("--help")
  assert done.returncode == 0
  for verb in (
    "inspect",
    "train",
    "predict",
    "evaluate",
    "explain",
    "memory",
    "export",
    "pack",
    "card",
    "certify",
    "verify",
    "report",
    "compare",
    "draw",
  ):
    assert re.search(rf"^    {verb} ", done.stdout, re.MULTILINE)
  heavy = "{'jax', 'numpy', 'ml_collections', 'tensorflow', 'matplotlib'}"
  code = (
    "import sys; sys.argv = ['eanet', '--help']\n"
    "from eanet_jax import cli\n"
    "try:\n  cli.main()\n"
    f"except SystemExit:\n  print({heavy} & set(sys.modules))"
  )
  assert run("-c", code).stdout.splitlines()[-1] == "set()"


def test_version_names_the_packages_that_decide_figures():
  done = eanet("--version")
  assert done.returncode == 0
  names = [line.split()[0] for line in done.stdout.splitlines()]
  assert names == ["eanet_jax", "jax", "jaxlib"]


def test_every_verb_is_a_file_of_its_own():
  for verb in (
    "inspect",
    "train",
    "predict",
    "evaluate",
    "explain",
    "memory",
    "export",
    "pack",
    "card",
    "certify",
    "verify",
    "report",
    "compare",
    "draw",
  ):
    assert (ROOT / "eanet_jax" / "commands" / f"{verb}.py").exists()
    assert eanet(verb, "--help").returncode == 0
  assert eanet("fly").returncode == 2
