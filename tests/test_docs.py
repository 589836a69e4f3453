"""What README.md, BUILD.md and docs/ tell readers to do works.

Every command is run here or planned: parsed, its configuration valid, its
images found. Every line of Python runs. Tests elsewhere train each kind.
"""

import dataclasses
import json
import os
import re
import shlex
import socket
import subprocess
import sys

import conftest
import documented
import pytest
from conftest import ROOT
from PIL import Image

from eanet_jax.data import synthetic
from eanet_jax.workdir import history_csv, results_json

# Small enough for seconds, with every stage of the real thing.
SMALL = {"dataset.image_px": 32, "evaluation.bootstrap_resamples": 50}
SMALL_EANET = {
  **SMALL,
  "model.patch_px": 8,
  "model.width": 16,
  "model.num_blocks": 1,
  "model.mlp_width": 16,
}


def draw(folder, specimens):
  """Draws a few micrographs of each <class>/<specimen>."""
  drawings = iter(synthetic.draw_all(0, synthetic.catalogue()[: 3 * 12]))
  for specimen in specimens:
    (folder / specimen).mkdir(parents=True)
    for name in "abc":
      image = Image.fromarray(next(drawings).image)
      image.save(folder / specimen / f"{name}.bmp")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
  """A folder as a reader has it: a clone's files, and micrographs."""
  return conftest.made_once(tmp_path_factory, "docs", as_a_reader_has_it)


def as_a_reader_has_it(here):
  here.mkdir()
  for name in ("launch.py", "configs"):
    (here / name).symlink_to(ROOT / name)
  (text,) = re.findall(r"```\n(my_steels/\n.*?)```", documented.TEXT, re.DOTALL)
  named = [
    f"{label}/{specimen}"
    for label, files in re.findall(r"^  (\w+)/ +(.*)$", text, re.MULTILINE)
    for specimen in re.findall(r"(\w+)/\*", files)
  ]
  assert len(named) == 6
  draw(here / "my_steels", named)
  (header,) = re.findall(r"^file;class;.*$", documented.TEXT, re.MULTILINE)
  rows = [
    f"my_steels\\{label}\\{specimen}\\{image}.bmp;{label};{specimen};0,05;"
    for label, specimen in (each.split("/") for each in named)
    for image in "abc"
  ]
  (here / "labels.csv").write_text("\n".join([header, *rows]))
  draw(
    here / "four_specimens", [s for s in named if s[-1] in "78"] + named[1:2]
  )
  (here / "new_images").symlink_to(here / "my_steels" / "bainite")
  (here / "new_steels").symlink_to(here / "four_specimens")


@pytest.fixture(scope="session")
def environment(data_dir):
  return {
    **os.environ,
    "TFDS_DATA_DIR": str(data_dir),
    "PYTHONPATH": str(ROOT),  # as installed
  }


def run(folder, environment, *command, **kwargs):
  done = subprocess.run(
    [sys.executable, *command],
    cwd=folder,
    env=environment,
    capture_output=True,
    text=True,
    timeout=300,
    **kwargs,
  )
  assert done.returncode == 0, done.stdout + done.stderr
  return done.stdout


@pytest.fixture(scope="session")
def walked(tmp_path_factory, folder, environment):
  """The folder after all `eanet` lines and the Python were run in it."""

  def walk(_):
    walk_in(folder, environment)

  conftest.made_once(tmp_path_factory, "docs-walked", walk)
  return folder


def walk_in(folder, environment):
  lines = []
  for command in dict.fromkeys(documented.EANET):
    words = shlex.split(command)
    if words[1] == "train":
      small = SMALL_EANET if "--recipe" in words else SMALL
      if not any("dataset.view" in word for word in words):
        # At 32 px, tiles of these would be very many.
        small = {**small, "dataset.view": "whole"}
      words += [f"--set={field}={value}" for field, value in small.items()]
      words += ["--epochs=1"] * ("--recipe" in words)
    lines.append(words)
  lines += dict.fromkeys(documented.PYTHON)
  script = str(ROOT / "tests" / "walk_docs.py")
  run(folder, environment, script, input=json.dumps(lines))


def test_every_launch_can_start(folder, environment):
  lines = [line for line in documented.LAUNCHES if "--help" not in line]
  assert len(lines) > 20
  planned = run(
    folder,
    environment,
    str(ROOT / "tests" / "plan_launches.py"),
    input="\n".join(lines),
  )
  answers = [json.loads(line) for line in planned.splitlines()]
  wrong = [
    f"{line}: {error}"
    for line, (error, _, _) in zip(lines, answers, strict=True)
    if error
  ]
  assert wrong == []
  runs = {workdir: count for _, workdir, count in answers}
  assert runs["runs/eanet"] == 1
  assert runs["runs/real"] == 4 * 3
  assert runs["runs/each_in_turn"] == 6


def test_a_launch_that_cannot_start_is_found(folder, environment):
  lines = [
    "python launch.py --config configs/no.py",
    "python launch.py --config configs/eanet.py --config.train.epoch=1",
    "python launch.py --config configs/eanet.py --config.train.epochs=-1",
    "python launch.py --config configs/eanet.py --config.dataset.source=folder",
    "python launch.py --config configs/eanet.py"
    " --config.split.test_specimens=\"('heat_802',)\"",
  ]
  planned = run(
    folder,
    environment,
    str(ROOT / "tests" / "plan_launches.py"),
    input="\n".join(lines),
  )
  for line in planned.splitlines():
    assert json.loads(line)[0].startswith("UserError"), line


def test_the_commands_for_own_micrographs_run(walked):
  assert (walked / "contact_sheet.png").stat().st_size > 10_000
  assert len((walked / "predictions.csv").read_text().splitlines()) == 10
  for name in ("my_steels", "tiles", "from_nothing"):
    assert (walked / "runs" / name / "report.html").exists(), name


def test_the_python_examples_run(walked):
  assert len(documented.PYTHON) >= 4
  assert (walked / "built").is_dir()  # by the TFDS builder


def test_the_commands_of_several_hosts_run(folder, environment):
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  processes = [
    subprocess.Popen(
      [
        sys.executable,
        *shlex.split(line.replace("host0:1234", f"127.0.0.1:{port}"))[1:],
        *conftest.SMALL,
        "--config.train.epochs=1",
        "--workdir=runs/hosts",
      ],
      cwd=folder,
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for line in documented.LAUNCHES
    if "coordinator" in line
  ]
  assert len(processes) == 2
  outputs = [process.communicate(timeout=300) for process in processes]
  assert [process.returncode for process in processes] == [0, 0], outputs
  assert "on 2 x cpu" in outputs[0][0]
  assert "macro f1" not in outputs[1][0]  # one process speaks for all
  result = json.loads((folder / "runs" / "hosts" / "results.json").read_text())
  assert result["device"] == "2 x cpu"


def test_documented_results_are_those_there_are(walked):
  (table, scores) = documented.results_section().split("Scores of a level")
  rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
  listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
  there = {field.name for field in dataclasses.fields(results_json.RunResults)}
  assert listed == there
  result = json.loads(
    (walked / "runs" / "my_steels" / "results.json").read_text()
  )
  paths = set(re.findall(r"`(\w+\.[\w.]+)`", table)) - {"examples.npz"}
  paths -= {"test.tile"}  # of tiled micrographs: below
  assert len(paths) > 15
  for path in listed | paths:
    value = result
    for name in path.split("."):
      assert name in value, path
      value = value[name]
  tiled = json.loads((walked / "runs" / "tiles" / "results.json").read_text())
  assert set(tiled["test"]) == {"tile", "micrograph", "specimen"}
  of_level = set(re.findall(r"`\.(\w+)`", scores))
  assert of_level == set(results_json.Scores.__annotations__)
  assert of_level == set(result["test"]["micrograph"])
  of_specimen = re.findall(r"`per_specimen` \| (.*)", table)[0]
  assert re.findall(r"`(\w+)`", of_specimen) == list(result["per_specimen"][0])


def test_documented_files_are_those_there_are(walked):
  text = documented.TEXTS["docs/workdir.md"]
  text = text[text.index("## Files") : text.index("While a run is at work")]
  rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
  listed = {name for row in rows for name in re.findall(r"`(.+?)/?`", row)}
  there = {
    path.name
    for run in ("from_nothing", "my_steels")  # one with epochs, one with folds
    for path in (walked / "runs" / run).iterdir()
  }
  listed -= {"names.csv", "trace"}  # people write the one, ask for the other
  assert listed == {name for name in there if not name.startswith(".")}


def test_documented_columns_are_those_there_are(walked):
  text = documented.TEXTS["docs/workdir.md"]
  text = text[text.index("## Columns") :]
  history, predictions = (
    re.findall(r"`(\w+)`", part.partition(":")[2])
    for part in text.split("\n\n")[1:3]
  )
  assert tuple(history) == history_csv.COLUMNS
  file = walked / "runs" / "my_steels" / "test_predictions.csv"
  header = file.read_text().splitlines()[0].split(",")
  assert header == [*predictions, "bainite", "martensite"]
  header = (walked / "predictions.csv").read_text().splitlines()[0].split(",")
  line = re.findall(
    r"`predictions.csv` has a row.*?\n\nA class", documented.TEXT, re.DOTALL
  )[0]
  known = set(re.findall(r"`(\w+)`", line))
  assert set(header) - known == {"bainite", "martensite"}
