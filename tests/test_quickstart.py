"""docs/quickstart.ipynb: a sound notebook, small, and its cells run in order.

They run in one namespace and without Jupyter. A kernel needs thirty packages,
and the notebook has nothing that plain Python lacks.
"""

import ast
import importlib
import os
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

FILE = ROOT / "docs" / "quickstart.ipynb"
NOTEBOOK = nbformat.read(FILE, as_version=4)
CELLS = [each for each in NOTEBOOK.cells if each.cell_type == "code"]


def test_it_is_sound_and_small():
  nbformat.validate(NOTEBOOK)
  assert FILE.stat().st_size < 200_000  # its pictures travel in each clone
  assert len(CELLS) > 8


def test_its_outputs_are_of_one_run_without_complaints():
  assert [each.execution_count for each in CELLS] == [*range(1, len(CELLS) + 1)]
  outputs = [output for each in CELLS for output in each.outputs]
  assert {each.output_type for each in outputs} <= {
    "stream",
    "display_data",
    "execute_result",
  }
  assert all(each.get("name", "stdout") == "stdout" for each in outputs)
  assert sum("image/png" in each.get("data", {}) for each in outputs) >= 3


def test_what_it_imports_is_there():
  found = 0
  for node in ast.walk(ast.parse("\n".join(each.source for each in CELLS))):
    if isinstance(node, ast.ImportFrom):
      module = importlib.import_module(node.module)
      for alias in node.names:
        if not hasattr(module, alias.name):
          importlib.import_module(f"{node.module}.{alias.name}")
        found += 1
  assert found > 5


@pytest.mark.slow
def test_it_runs(tmp_path):
  done = subprocess.run(
    [sys.executable, "-"],
    input="\n".join(each.source for each in CELLS),
    cwd=tmp_path,
    env={
      **os.environ,
      "PYTHONPATH": str(ROOT),
      "MPLBACKEND": "agg",
      "TFDS_DATA_DIR": str(tmp_path / "built"),
    },
    capture_output=True,
    text=True,
    timeout=1800,
  )
  assert done.returncode == 0, done.stderr
  assert "True" in done.stdout  # an array's answer is its file's
  assert "rings: foreign" in done.stdout
  for name in ("run/report.html", "my_steels.html"):
    assert (tmp_path / "quickstart" / name).stat().st_size > 100_000
