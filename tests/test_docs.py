"""Every command and every line of Python in README.md and BUILD.md runs."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib

import h5py
import numpy as np
import pytest
from conftest import ROOT, SMALL, eanet, small

PAGES = ("README.md", "BUILD.md", "benchmarks/README.md")
TEXT = "".join((ROOT / page).read_text() for page in PAGES)


def blocks(language):
  return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]
LAUNCHES = [line for line in COMMANDS if line.startswith("python launch.py")]
ALONE = [line for line in LAUNCHES if "coordinator" not in line]
TOGETHER = [line for line in LAUNCHES if "coordinator" in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A folder as a reader would have it: a clone, and micrographs."""
  here = tmp_path_factory.mktemp("docs")
  for name in ("launch.py", "configs", "eanet_jax"):
    (here / name).symlink_to(ROOT / name)
  assert eanet("draw", here / "my_steels").returncode == 0
  (here / "new_images").symlink_to(here / "my_steels" / "HR")
  (weights,) = re.findall(r"pretrained=(\S+)", "\n".join(COMMANDS))
  write_vgg16(here / weights)
  return here


def write_vgg16(file):
  """VGG16 as Keras publishes it, with random weights."""
  rng, channels = np.random.default_rng(0), 3
  with h5py.File(file, "w") as root:
    names = []
    for block, (depth, wide) in enumerate(
      [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], start=1
    ):
      for layer in range(1, depth + 1):
        name = f"block{block}_conv{layer}"
        names.append(name)
        group = root.create_group(name)
        group.attrs["weight_names"] = [f"{name}_W_1:0", f"{name}_b_1:0"]
        kernel = rng.normal(size=(3, 3, channels, wide), scale=0.01)
        group[f"{name}_W_1:0"] = kernel.astype("f4")
        group[f"{name}_b_1:0"] = np.zeros(wide, "f4")
        channels = wide
    root.attrs["layer_names"] = names


@pytest.fixture(scope="module")
def environment(data_dir):
  return {
    **os.environ,
    "TFDS_DATA_DIR": str(data_dir),
    "PYTHONPATH": str(ROOT),
  }


def start(command, folder, environment, *extra):
  """Starts a documented command, of this interpreter and made small."""
  words = shlex.split(command)
  if words[0] == "eanet":
    call = "import sys; from eanet_jax.cli import main; sys.exit(main())"
    words[:1] = [sys.executable, "-c", call]
  else:
    words[0] = sys.executable
  return subprocess.Popen(
    [*words, *extra],
    cwd=folder,
    env=environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def finish(process):
  output, error = process.communicate(timeout=300)
  assert process.returncode == 0, error
  return output


def test_the_commands_are_found():
  assert len(ALONE) >= 4
  assert len(TOGETHER) == 2


@pytest.mark.parametrize("command", ALONE)
def test_launch_command_runs(command, folder, environment):
  if "--help" in command:
    assert "--config.model.width_multiplier" in finish(
      start(command, folder, environment)
    )
  else:
    flags = small(command)
    if "pretrained" in command:  # it says what width it needs
      flags = [flag for flag in flags if "width" not in flag]
    finish(start(command, folder, environment, *flags))


def test_the_commands_of_several_hosts_run(folder, environment):
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  extra = [*SMALL, "--workdir=runs/hosts"]
  processes = [
    start(
      command.replace("host0:1234", f"127.0.0.1:{port}"),
      folder,
      environment,
      *extra,
    )
    for command in TOGETHER
  ]
  outputs = [finish(process) for process in processes]
  assert "on 2 x cpu" in outputs[0]
  assert "macro f1" not in outputs[1]  # one process speaks for all
  result = json.loads((folder / "runs" / "hosts" / "results.json").read_text())
  assert result["device"] == "2 x cpu"


def test_the_commands_for_own_micrographs_run(folder, environment):
  for command in COMMANDS:
    if command.startswith("eanet"):
      finish(start(command, folder, environment))
  assert (folder / "contact_sheet.png").stat().st_size > 10_000
  assert len((folder / "predictions.csv").read_text().splitlines()) == 22


def test_the_python_examples_run(folder, environment):
  for code in blocks("python"):
    done = subprocess.run(
      [sys.executable, "-c", code],
      cwd=folder,
      env=environment,
      capture_output=True,
      text=True,
      timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_documented_result_fields_are_there(trained):
  result = json.loads((trained / "results.json").read_text())
  text = TEXT[TEXT.index("Fields of `results.json`") :]
  fields = re.findall(r"`([a-z0-9_.]+)`", text[: text.index("\n## ")])
  assert len(fields) > 20
  for field in fields:
    value = result["test"]["micrograph"] if field.startswith(".") else result
    for name in field.strip(".").split("."):
      if field in ("results.json", "test.tile"):
        continue
      assert name in value, field
      value = value[name]


def test_documented_extras_are_declared():
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
  extras = set(re.findall(r"pip install '\.\[(\w+)\]'", TEXT))
  assert (
    extras
    == set(project["optional-dependencies"])
    == {
      "bench",
      "cuda",
      "tpu",
      "test",
    }
  )


def test_documented_benchmarks_are_those_there_are():
  # tests/test_benchmarks.py runs them.
  named = {line.split()[1] for line in COMMANDS if "benchmarks/" in line}
  there = (ROOT / "benchmarks").glob("*.py")
  assert named == {f"benchmarks/{script.name}" for script in there}


def test_ci_runs_the_documented_test_command():
  assert any("pip install '.[test]'" in line for line in COMMANDS)
  assert "pip install '.\\[test\\]'" in (ROOT / ".ci" / "run").read_text()
