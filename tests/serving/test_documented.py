"""What docs/serve.md tells readers to do works, line by line."""

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys

import documented
import pytest
from conftest import ROOT

from eanet_jax.serving import limits

TEXT = documented.TEXTS["docs/serve.md"]
_EANET = "import sys; sys.argv[0] = 'eanet'; from eanet_jax.cli import main"


@pytest.fixture
def folder(trained, drawn_folder, tmp_path):
  """A folder as a reader has it, with a run and a micrograph."""
  (tmp_path / "runs").mkdir()
  (tmp_path / "runs" / "my_steels").symlink_to(trained)
  shutil.copy(next(drawn_folder.rglob("*.bmp")), tmp_path / "image.bmp")
  return tmp_path


@contextlib.contextmanager
def running(line, folder, port):
  words = [*shlex.split(line)[1:], f"--port={port}"]
  process = subprocess.Popen(
    [sys.executable, "-c", f"{_EANET}; sys.exit(main())", *words],
    cwd=folder,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    stdout=subprocess.PIPE,
    text=True,
  )
  try:
    assert process.stdout.readline().startswith("ready: http://")
    yield
  finally:
    process.terminate()
    process.communicate(timeout=60)


@pytest.mark.skipif(shutil.which("curl") is None, reason="it needs curl")
def test_the_lines_and_the_python_run(folder):
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  ran = []
  with contextlib.ExitStack() as stack:
    for line in re.sub(r"\b8000\b", str(port), "\n".join(_lines())).split("\n"):
      if line.startswith("eanet serve"):
        stack.close()
        stack.enter_context(running(line, folder, port))
        continue
      done = subprocess.run(
        ["bash", "-c", line.replace("python ", f"{sys.executable} ", 1)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
      )
      assert done.returncode == 0, done.stderr
      ran.append(line)
      if line.startswith("curl"):
        assert json.loads(done.stdout)["rows"][0]["label"]
        if len(ran) == 1:
          (code,) = documented.blocks("python", TEXT)
          _run_python(code.replace(":8000", f":{port}"), folder)
  assert len(ran) == 3


def _lines():
  return [
    line
    for block in documented.blocks("sh", TEXT)
    for line in block.splitlines()
    if not line.startswith("pip ")
  ]


def _run_python(code, folder):
  done = subprocess.run(
    [sys.executable, "-c", code],
    cwd=folder,
    capture_output=True,
    text=True,
    timeout=60,
  )
  assert done.stdout.startswith("image.bmp "), done.stderr


def test_the_limits_are_those_of_the_table():
  usual = limits.Limits()
  for option, value in {
    "--max-file-mb": f"{usual.file_mb:,g} MB",
    "--max-request-mb": "1,000 MB",
    "--max-files": f"{usual.files}",
    "--max-request-s": f"{usual.request_s:g} s",
    "--max-requests": f"{usual.requests}",
  }.items():
    assert f"| `{option}` | {value} |" in TEXT
  assert usual.request_mb == 1000
