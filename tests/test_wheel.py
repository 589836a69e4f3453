"""The wheel: what it holds, and that it trains where there is no clone."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

# Only the wheel's package can be imported: neither the current folder nor what
# this interpreter may have installed from the checkout comes first.
_EANET = (
  "import sys; sys.path[:] = [sys.argv.pop(1)] + [path for path in sys.path"
  f" if path not in ('', {str(ROOT)!r})];"
  " import eanet_jax; assert eanet_jax.__file__.startswith(sys.path[0]);"
  " sys.argv[0] = 'eanet'; from eanet_jax import cli; sys.exit(cli.main())"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
  """The wheel of this tree, built from a copy: nothing stale is in it."""
  source = tmp_path_factory.mktemp("source")
  for name in ("pyproject.toml", "README.md", "LICENSE"):
    shutil.copy(ROOT / name, source)
  for name in ("eanet_jax", "configs", "tests"):
    shutil.copytree(
      ROOT / name,
      source / name,
      ignore=shutil.ignore_patterns("__pycache__"),
    )
  out = tmp_path_factory.mktemp("wheel")
  pip(
    "wheel",
    "--no-deps",
    "--no-build-isolation",
    "--disable-pip-version-check",
    f"--wheel-dir={out}",
    source,
  )
  (file,) = out.iterdir()
  return file


def pip(*arguments):
  done = subprocess.run(
    [sys.executable, "-m", "pip", *map(str, arguments)],
    capture_output=True,
    text=True,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_package_and_the_recipes_alone(wheel):
  files = set(zipfile.ZipFile(wheel).namelist())
  expected = {
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.py", "*.jinja", "page/*.*", "py.typed")
    for path in (ROOT / "eanet_jax").rglob(pattern)
  }
  expected |= {
    f"eanet_jax/configs/{path.name}"
    for path in (ROOT / "configs").iterdir()
    if path.suffix == ".py"
  }
  assert "eanet_jax/configs/eanet_best.py" in expected
  assert {file for file in files if ".dist-info/" not in file} == expected


def test_the_installed_wheel_trains_reports_and_predicts(
  wheel, drawn_folder, tmp_path
):
  installed, here = tmp_path / "installed", tmp_path / "here"
  pip("install", "--no-deps", f"--target={installed}", wheel)
  here.mkdir()
  shutil.copytree(drawn_folder, here / "steels")
  environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path / "data")}

  def eanet(*arguments):
    done = subprocess.run(
      [sys.executable, "-c", _EANET, installed, *arguments],
      cwd=here,
      env=environment,
      capture_output=True,
      text=True,
      timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  assert str(installed / "eanet_jax" / "configs") in "".join(
    eanet("train", "--help").split()
  )
  output = eanet(
    "train",
    "steels",
    "--set=dataset.image_px=32",
    "--set=dataset.view=whole",  # tiles of 32 px would be very many
    "--set=evaluation.bootstrap_resamples=50",
  )
  assert "84 micrographs of 28 specimens" in output
  assert output.splitlines()[-1] == "report: runs/steels/report.html"
  workdir = here / "runs" / "steels"
  result = json.loads((workdir / "results.json").read_text())
  assert result["class_names"] == ["CPJ", "HR", "P92"]
  assert (workdir / "report.html").stat().st_size > 10_000
  file = next((here / "steels" / "HR").rglob("*.bmp"))
  assert "1 file classified" in eanet("predict", "runs/steels", file)
  assert len((here / "predictions.csv").read_text().splitlines()) == 2
