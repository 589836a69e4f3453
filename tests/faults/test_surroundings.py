"""Odd surroundings of the real program: it works, or ends with one line."""

import os
import shlex
import subprocess
import sys

from conftest import ROOT, SMALL, eanet, launch


def test_64_bits_asked_of_other_programs_and_no_home(tmp_path, data_dir):
  env = os.environ | {"JAX_ENABLE_X64": "1"}
  for name in ("HOME", "XDG_CACHE_HOME"):
    env.pop(name, None)
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={tmp_path}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    env=env,
  )
  assert done.returncode == 0, done.stderr
  assert (tmp_path / "report.html").is_file()


def test_a_platform_that_is_not_there_is_one_line(tmp_path, data_dir):
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={tmp_path}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    env=os.environ | {"JAX_PLATFORMS": "nonsense"},
  )
  assert done.returncode == 2
  (line,) = done.stderr.splitlines()
  assert line.startswith("launch.py: JAX_PLATFORMS=nonsense: Unable to init")


def test_brackets_in_a_path_are_no_pattern(tmp_path, data_dir):
  workdir = tmp_path / "steels [2024]"
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
  )
  assert done.returncode == 0, done.stderr
  assert (workdir / "results.json").is_file()
  out, picture = tmp_path / "out.csv", ROOT / "docs/images/report.png"
  done = eanet("predict", workdir, picture, "--out", out)
  assert done.returncode == 0, done.stderr
  assert not [path for path in workdir.rglob("*") if path.is_symlink()]


def test_closed_streams_stop_nothing_and_spoil_no_file(tmp_path, trained):
  out = tmp_path / "out.csv"
  picture = ROOT / "docs/images/report.png"
  start = "import sys; from eanet_jax.cli import main; sys.exit(main())"
  argv = [sys.executable, "-c", start, "predict", trained, picture]
  command = shlex.join(map(str, [*argv, "--out", out]))
  done = subprocess.run(
    ["sh", "-c", f"exec {command} <&- >&- 2>&-"], cwd=ROOT, timeout=600
  )
  assert done.returncode == 0
  header, row = out.read_text().splitlines()
  assert header.startswith("file,")
  assert row.startswith(str(picture))
