"""A disk that takes no more, at each stage: one line, and it goes on after."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, SMALL

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs ulimit")


def launch_with_largest_file(kib, workdir, data_dir):
  """Runs the real program; a file that grows beyond so many KiB fails."""
  command = [
    sys.executable,
    "launch.py",
    "--config=configs/eanet.py",
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    "--config.train.epochs=1",
  ]
  return subprocess.run(
    ["bash", "-c", f'ulimit -f {kib}; exec "$@"', "bash", *command],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=300,
    # The cache of compiled programs is full at once, which is to do no harm.
    env={**os.environ, "JAX_NUM_CPU_DEVICES": "1"},
  )


# The views take 84 KiB, the TFRecords and the report more; the arrays of a
# checkpoint 40.
@pytest.mark.usefixtures("trained")  # whose data set is in data_dir
@pytest.mark.parametrize(
  "kib", [*(pytest.param(n, marks=pytest.mark.slow) for n in (20, 30)), 90]
)
def test_it_is_one_line_and_the_same_command_goes_on(tmp_path, data_dir, kib):
  data = tmp_path / "data" if kib == 20 else data_dir
  workdir = tmp_path / "run"
  done = launch_with_largest_file(kib, workdir, data)
  assert done.returncode == 2, done.stderr
  assert "Traceback" not in done.stderr
  (line,) = (
    line for line in done.stderr.splitlines() if line.startswith("launch.py: ")
  )
  assert "File too large" in line
  assert str(data if kib == 20 else workdir) in line
  done = launch_with_largest_file("unlimited", workdir, data)
  assert done.returncode == 0, done.stderr
  assert json.loads((workdir / "results.json").read_text())["epochs"] == 1
  assert (workdir / "report.html").exists()
