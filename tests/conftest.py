"""What tests share: a drawn folder of micrographs and a small trained run."""

import errno
import os
import pathlib
import subprocess
import sys
import tempfile

# Before JAX starts: tests are of the CPU wherever they run.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

# The same few programs are compiled in many processes.
_CACHE = tempfile.TemporaryDirectory(prefix="compiled-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _CACHE.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

ROOT = pathlib.Path(__file__).parents[1]

# Small enough for seconds, with every stage of the real thing.
SMALL = [
  "--config.dataset.images_per_specimen=3",
  "--config.dataset.image_px=32",
  "--config.model.patch_px=8",
  "--config.model.width=16",
  "--config.model.num_blocks=1",
  "--config.model.mlp_width=16",
  "--config.train.epochs=2",
  "--config.evaluation.bootstrap_resamples=50",
]

# The same for VGG and for a comparison, whose fields are others.
SMALL_VGG = [flag for flag in SMALL if ".model." not in flag] + [
  "--config.model.width_multiplier=0.02"
]
SMALL_COMPARISON = [flag for flag in SMALL if ".model." not in flag] + [
  "--config.compare.only=('eanet','vit')",
  "--config.compare.folds=2",
  "--config.train.epochs=1",
  *(
    f"--config.systems.{system}.model.{field}"
    for system in ("eanet", "vit")
    for field in ("patch_px=8", "width=16", "num_blocks=1")
  ),
]


def small(config: str) -> list[str]:
  """Returns the flags that make a run of a config file one of seconds."""
  if "compare" in config:
    one = ("only=('eanet',)", "micrograph_folds=0")
    return SMALL_COMPARISON + [f"--config.compare.{flag}" for flag in one]
  return SMALL_VGG if "vgg" in config else SMALL


def load_comparison(variant="smoke", **compare):
  """Returns the configuration of a comparison, with few resamples."""
  from eanet_jax.configuration import (
    command_line,  # not before JAX is told its platform
  )

  config = command_line.load(f"{ROOT / 'configs' / 'compare.py'}:{variant}")
  with config.unlocked():
    config.compare.update(compare)
    config.evaluation.bootstrap_resamples = 100
  return config


def run(*command: str, **kwargs) -> subprocess.CompletedProcess:
  """Runs `python command...` in the repository and returns what it printed."""
  return subprocess.run(
    [sys.executable, *command],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=600,
    **kwargs,
  )


def launch(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
  """Runs launch.py with arguments."""
  return run("launch.py", *arguments, **kwargs)


def eanet(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
  """Runs the console command with arguments."""
  start = (
    "import sys; sys.argv[0] = 'eanet'; from eanet_jax.cli import main;"
    " sys.exit(main())"
  )
  return run("-c", start, *map(str, arguments), **kwargs)


@pytest.fixture
def closed_folder(monkeypatch):
  """No folder called "closed" can be listed, as without the permission."""
  listed = os.scandir

  def scandir(path="."):
    if pathlib.Path(path).name == "closed":
      raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return listed(path)

  monkeypatch.setattr(os, "scandir", scandir)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> pathlib.Path:
  """Where all tests keep built data sets."""
  return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory) -> pathlib.Path:
  """<class>/<specimen>/*.bmp of 3 drawn micrographs of each specimen."""
  folder = tmp_path_factory.mktemp("drawn") / "micrographs"
  done = eanet("draw", folder)
  assert done.returncode == 0, done.stderr
  return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data_dir) -> pathlib.Path:
  """The workdir of a small finished run on drawn micrographs."""
  workdir = tmp_path_factory.mktemp("runs") / "small"
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
  )
  assert done.returncode == 0, done.stderr
  return workdir
