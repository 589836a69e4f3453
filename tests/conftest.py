"""What tests share: programs run in process or alone, and a trained run."""

import contextlib
import errno
import functools
import importlib
import io
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from unittest import mock

# Before JAX starts: tests are of the CPU wherever they run.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Each worker, and what it starts, has cores of its own. With threads for all
# cores in each, they wait for one another most of the time.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if _WORKER and hasattr(os, "sched_setaffinity"):
  _CORES = sorted(os.sched_getaffinity(0))
  _COUNT = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
  if len(_CORES) >= _COUNT:
    # One that takes a crashed one's place has a number beyond their count.
    os.sched_setaffinity(0, _CORES[int(_WORKER[2:]) % _COUNT :: _COUNT])

# The same few programs are compiled in many processes. The first of them, that
# of pytest itself, names the folder for all.
_CACHE = tempfile.TemporaryDirectory(prefix="compiled-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _CACHE.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

import filelock
import jax
import pytest
from absl import flags

# Known from here on: `script` hides the repository from benchmarks.
importlib.import_module("eanet_jax")

# Eight devices here. A program that a test starts has one, as a user's has.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")

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

# The same for others, whose fields are others.
SMALL_VGG = [flag for flag in SMALL if ".model." not in flag] + [
  "--config.model.width_multiplier=0.02"
]
SMALL_TRANSFER = [
  flag for flag in SMALL if ".model." not in flag and ".train." not in flag
]
SMALL_COMPARISON = [flag for flag in SMALL if ".model." not in flag] + [
  "--config.compare.only=('eanet','vit')",
  "--config.compare.folds=2",
  "--config.train.epochs=1",
  # By the images' own grey levels: one program for all folds of a system.
  "--config.dataset.standardise=image",
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
  if "transfer" in config:
    return SMALL_TRANSFER
  return SMALL_VGG if "vgg" in config else SMALL


def small_job(workdir, data_dir, *extra, config="eanet"):
  """Returns the flags of launch.py for a run of ten epochs, in seconds."""
  return [
    f"--config=configs/{config}.py",
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    "--config.train.epochs=10",
    *extra,
  ]


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


def script(file: str, *arguments: str, **kwargs) -> subprocess.CompletedProcess:
  """Runs `python file arguments...` in the repository, in this process.

  This saves the ten seconds in which JAX and TensorFlow are imported. With an
  environment of its own (env) it is a process of its own.
  """
  if kwargs:
    return run(file, *arguments, **kwargs)
  start = functools.partial(runpy.run_path, file, run_name="__main__")
  return _here([file, *map(str, arguments)], start)


def launch(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
  """Runs launch.py with arguments; where and how, see `script`."""
  return script("launch.py", *arguments, **kwargs)


def eanet(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
  """Runs the console command with arguments; where and how, see `script`."""
  from eanet_jax import cli

  if not kwargs:
    argv = ["eanet", *map(str, arguments)]
    return _here(argv, lambda: sys.exit(cli.main()))
  start = (
    "import sys; sys.argv[0] = 'eanet'; from eanet_jax.cli import main;"
    " sys.exit(main())"
  )
  return run("-c", start, *map(str, arguments), **kwargs)


def _here(argv: list[str], start: Callable) -> subprocess.CompletedProcess:
  """Calls `start` as the main program of this process."""
  # As a process has them: of bytes, written through, with what no encoding
  # fits escaped.
  out, err = (
    io.TextIOWrapper(
      io.BytesIO(), "utf-8", "backslashreplace", write_through=True
    )
    for _ in range(2)
  )
  known = set(flags.FLAGS)
  # As `python FILE` has it: its folder, and what is installed.
  installed = [path for path in sys.path if path not in ("", str(ROOT))]
  with (
    mock.patch.object(sys, "argv", argv),
    mock.patch.object(sys, "path", [str((ROOT / argv[0]).parent), *installed]),
    contextlib.chdir(ROOT),
    contextlib.redirect_stdout(out),
    contextlib.redirect_stderr(err),
  ):
    try:
      start()
      code = 0
    except SystemExit as stop:
      code = stop.code or 0
    except Exception:
      traceback.print_exc()
      code = 1
  for name in set(flags.FLAGS) - known:  # the next launch.py defines its own
    delattr(flags.FLAGS, name)
  return subprocess.CompletedProcess(
    argv, code, *(each.buffer.getvalue().decode() for each in (out, err))
  )


def pytest_collection_modifyitems(items):
  """Begins with what takes minutes of one core: others have time for theirs."""
  walks = [item for item in items if "walked" in item.fixturenames]
  for first in walks[:1]:
    items.remove(first)
    items.insert(0, first)


def made_once(
  tmp_path_factory, name: str, make: Callable[[pathlib.Path], None]
) -> pathlib.Path:
  """Returns a folder that the first worker to ask makes, for all workers."""
  base = tmp_path_factory.getbasetemp()
  if "PYTEST_XDIST_WORKER" in os.environ:
    base = base.parent  # each worker has a folder of its own in it
  folder = base / name
  with filelock.FileLock(base / f"{name}.lock"):
    if not (base / f"{name}.made").exists():
      make(folder)
      (base / f"{name}.made").touch()
  return folder


@pytest.fixture
def no_tensorflow(monkeypatch):
  """TensorFlow cannot be imported."""
  from eanet_jax.data import view_store

  monkeypatch.setitem(sys.modules, "tensorflow", None)
  view_store._has_tensorflow.cache_clear()
  yield
  view_store._has_tensorflow.cache_clear()


@pytest.fixture(params=["with TensorFlow", "without"])
def either_way(request):
  """A test of building with TFRecords, and straight from the files."""
  if request.param == "without":
    request.getfixturevalue("no_tensorflow")


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
  return made_once(tmp_path_factory, "data", pathlib.Path.mkdir)


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory) -> pathlib.Path:
  """<class>/<specimen>/*.bmp of 3 drawn micrographs of each specimen."""

  def draw(folder):
    done = eanet("draw", folder)
    assert done.returncode == 0, done.stderr

  return made_once(tmp_path_factory, "drawn", draw)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data_dir) -> pathlib.Path:
  """The workdir of a small finished run on drawn micrographs."""

  def train(workdir):
    done = launch(
      "--config=configs/eanet.py",
      f"--workdir={workdir}",
      f"--config.dataset.data_dir={data_dir}",
      *SMALL,
    )
    assert done.returncode == 0, done.stderr

  return made_once(tmp_path_factory, "small", train)
