"""Prediction: evaluation's logits, from the workdir alone, for any file."""

import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, eanet, launch, run, small
from PIL import Image

from eanet_jax import errors
from eanet_jax.configuration import config_tree
from eanet_jax.inference import classify


@pytest.fixture
def mixed_folder(tmp_path, drawn_folder):
  """Good files and one of each kind of bad one."""
  folder = tmp_path / "mixed"
  folder.mkdir()
  good = sorted(drawn_folder.rglob("*.bmp"))[0]
  image = np.asarray(Image.open(good))
  shutil.copy(good, folder / "good.bmp")
  Image.fromarray(image.astype(np.uint16) * 257).save(folder / "sixteen.png")
  shutil.copy(good, folder / "latin-1-\udce9.bmp")  # a name not in UTF-8
  (folder / "truncated.bmp").write_bytes(good.read_bytes()[:5000])
  (folder / "empty.tif").write_bytes(b"")
  (folder / "text.png").write_text("these are words")
  Image.fromarray(image[:1, :1]).save(folder / "one.png")
  return folder


def rows_of(path):
  with path.open(
    newline="", encoding="utf-8", errors="surrogateescape"
  ) as file:
    return list(csv.DictReader(file))


def test_every_file_gets_its_row(trained, mixed_folder, tmp_path):
  out = tmp_path / "predictions.csv"
  missing = tmp_path / "missing.png"
  done = eanet("predict", trained, mixed_folder, missing, "--out", out)
  assert done.returncode == 1
  assert "3 files classified, 5 could not be used" in done.stdout
  assert "Traceback" not in done.stderr
  rows = {pathlib.Path(row["file"]).name: row for row in rows_of(out)}
  assert len(rows) == 8
  for name in ("good.bmp", "sixteen.png", "latin-1-\udce9.bmp"):
    row = rows[name]
    p = [float(row[label]) for label in ("CPJ", "HR", "P92")]
    assert sum(p) == pytest.approx(1)
    assert float(row["probability"]) == max(p) == float(row[row["label"]])
    assert int(row["crop_rows"]) > 0
    assert row["error"] == ""
  assert rows["good.bmp"]["CPJ"] == rows["sixteen.png"]["CPJ"]
  for name, why in {
    "truncated.bmp": "truncated",
    "empty.tif": "empty",
    "text.png": "text",
    "one.png": "1 x 1",
    "missing.png": "no such file",
  }.items():
    assert rows[name]["label"] == ""
    assert why in rows[name]["error"]
  page = tmp_path / "page.html"
  options = ("--keep-going", "--report", page)
  done = eanet("predict", trained, mixed_folder, "--out", out, *options)
  assert done.returncode == 0, done.stderr
  assert done.stdout.endswith(f": {out}, {page}\n")
  text = page.read_text()
  assert text.count("data:image/jpeg;base64,") == 3
  assert "3 micrographs classified" in text and "Not usable: 4" in text
  assert r"latin-1-\udce9.bmp" in text
  done = eanet("predict", trained, mixed_folder, "--report", tmp_path)
  assert done.stderr.startswith(f"eanet: --report={tmp_path} is a folder")


_STOPS_BEFORE_THE_SECOND = """
import signal, sys, time
from eanet_jax import cli
from eanet_jax.inference import classify

stream = classify.Classifier.stream

def slow(self, paths, *more, **named):
  yield from stream(self, paths[:1], *more, **named)
  print("waiting", flush=True)
  time.sleep(300)

classify.Classifier.stream = slow
# As in the foreground of a terminal, wherever the tests are run from.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[0] = "eanet"
sys.exit(cli.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_rows_of_a_stopped_prediction_are_kept(
  trained, drawn_folder, tmp_path, number
):
  files = [tmp_path / "first.bmp", tmp_path / "second.bmp"]
  shutil.copy(next(drawn_folder.rglob("*.bmp")), files[0])
  out = tmp_path / "p.csv"
  process = subprocess.Popen(
    [
      sys.executable,
      "-c",
      _STOPS_BEFORE_THE_SECOND,
      "predict",
      trained,
      *files,
      "--out",
      out,
    ],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  assert process.stdout.readline() == "waiting\n"
  process.send_signal(number)
  output, problems = process.communicate(timeout=60)
  assert "Traceback" not in problems
  assert len(rows_of(out)) == 1
  if number == signal.SIGINT:
    assert process.returncode == 130
    assert output == f"1 of 2 files: {out}\n"


def test_what_out_names_stays_what_it_is(trained, drawn_folder, tmp_path):
  image = next(drawn_folder.rglob("*.bmp"))
  link, target = tmp_path / "link.csv", tmp_path / "target.csv"
  link.symlink_to(target)
  for _ in range(2):  # new, then replaced
    assert eanet("predict", trained, image, "--out", link).returncode == 0
    assert link.is_symlink()
    assert len(rows_of(target)) == 1
  assert eanet("predict", trained, image, "--out", "/dev/null").returncode == 0
  assert pathlib.Path("/dev/null").is_char_device()
  done = eanet("inspect", image, "--out", "/dev/null")
  assert done.returncode == 2
  assert "device or a pipe" in done.stderr
  assert pathlib.Path("/dev/null").is_char_device()
  sheet = tmp_path / "link_of_sheet.png"
  sheet.symlink_to(tmp_path / "sheet.png")
  assert eanet("inspect", image, "--out", sheet).returncode == 0
  assert sheet.is_symlink()
  # Nothing is lost by a command that cannot do its work.
  before = target.read_text()
  done = eanet("predict", tmp_path / "nothing", image, "--out", target)
  assert done.returncode == 2
  assert target.read_text() == before


@pytest.mark.skipif(
  not pathlib.Path("/dev/full").exists(), reason="there is no /dev/full"
)
def test_a_full_disk_is_one_line(trained, drawn_folder):
  image = next(drawn_folder.rglob("*.bmp"))
  done = eanet("predict", trained, image, "--out", "/dev/full")
  assert done.returncode == 2
  (line,) = done.stderr.splitlines()
  assert "--out=/dev/full" in line
  assert "space" in line


@pytest.mark.parametrize("config", ["eanet", "vgg_attention", "transfer"])
def test_logits_are_those_of_evaluation(
  tmp_path, drawn_folder, data_dir, config
):
  workdir = tmp_path / "run"
  arguments = [
    "--config.dataset.source=folder",
    f"--config.dataset.path={drawn_folder}",
    "--config.dataset.view=tiles",
    "--config.dataset.tile_px=200",
    f"--config.dataset.data_dir={data_dir}",
  ]
  if config == "transfer":
    arguments.append("--config.split.cross_validate=False")
  else:  # the other has no epochs
    arguments.append("--config.train.epochs=1")
  done = launch(
    f"--config=configs/{config}.py",
    f"--workdir={workdir}",
    *small(config),
    *arguments,
  )
  assert done.returncode == 0, done.stderr
  evaluated = {
    row["file"]: row for row in rows_of(workdir / "test_predictions.csv")
  }
  classifier = classify.Classifier.restore(workdir)
  predictions = classifier([drawn_folder / file for file in evaluated])
  assert len(predictions) > 3
  # To the last bit: the same tiles through the same program, at the same places
  # in batches.
  views = [classifier.examine(drawn_folder / f).views for f in evaluated]
  of_tiles = classifier.answers(np.concatenate(views)).probabilities
  for prediction, row, own in zip(
    predictions, evaluated.values(), of_tiles.reshape(-1, 4, 3), strict=True
  ):
    assert prediction.label == row["predicted"]
    assert prediction.logits.shape == (4, 3)
    expected = [float(row[name]) for name in classifier.class_names]
    assert own.mean(0).tolist() == expected
    # At other places they may differ there, on some processors.
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-6)


def test_order_and_company_of_files_change_nothing(trained, drawn_folder):
  files = sorted(drawn_folder.rglob("*.bmp"))[:7]
  classifier = classify.Classifier.restore(trained)
  together = classifier(files)
  backwards = classifier(files[::-1])[::-1]
  alone = [classifier(str(file))[0] for file in files]
  for a, b, c in zip(together, backwards, alone, strict=True):
    np.testing.assert_allclose(a.logits, b.logits, rtol=0, atol=1e-6)
    np.testing.assert_allclose(a.logits, c.logits, rtol=0, atol=1e-6)


ALONE = """
import json, sys
import numpy as np
for name in ("tensorflow", "tensorflow_datasets", "clu"):
  sys.modules[name] = None
import jax
from eanet_jax.inference.classify import Classifier
predictions = Classifier.restore(sys.argv[1])(sys.argv[2:])
print(json.dumps({
  "devices": jax.device_count(),
  "logits": [each.logits.tolist() for each in predictions],
}))
"""


def test_a_moved_workdir_of_eight_devices_predicts_on_one_without_tensorflow(
  trained, drawn_folder, tmp_path
):
  result = json.loads((trained / "results.json").read_text())
  assert result["device"] == "8 x cpu"
  moved = tmp_path / "moved"
  shutil.copytree(trained, moved)
  files = sorted(drawn_folder.rglob("*.bmp"))[::20]
  done = run("-c", ALONE, str(moved), *map(str, files), env={**os.environ})
  assert done.returncode == 0, done.stderr
  found = json.loads(done.stdout)
  assert found["devices"] == 1
  here = [each.logits for each in classify.Classifier.restore(trained)(files)]
  np.testing.assert_allclose(found["logits"], here, rtol=1e-4, atol=1e-5)
  assert np.ptp(here, axis=0).max() > 1e-3  # images differ by more


@pytest.mark.parametrize("what", ["nothing", "no_checkpoints", "damaged"])
def test_a_workdir_that_cannot_be_used_says_why(what, tmp_path, trained):
  workdir = tmp_path / "workdir"
  if what == "no_checkpoints":
    workdir.mkdir()
  if what == "damaged":
    shutil.copytree(trained, workdir)
    for file in (workdir / "checkpoints").rglob("*"):
      if file.is_file():
        file.write_bytes(b"")
  with pytest.raises(errors.UserError, match=str(workdir)):
    classify.Classifier.restore(workdir)


def test_cli_mistakes_are_one_line(tmp_path, trained):
  done = eanet("predict", tmp_path / "nothing", "x.png")
  assert done.returncode == 2
  assert "no such folder" in done.stderr.splitlines()[-1]
  assert "Traceback" not in done.stderr
  done = eanet(
    "predict", trained, ROOT / "README.md", "--out", tmp_path / "no" / "p.csv"
  )
  assert done.returncode == 2
  assert "--out" in done.stderr
  assert "Traceback" not in done.stderr


def test_help_names_every_command():
  done = eanet("--help")
  assert done.returncode == 0
  for command in ("predict", "inspect", "draw"):
    assert command in done.stdout


def test_inspect_lists_and_draws_every_file(mixed_folder, tmp_path):
  out = tmp_path / "sheet.png"
  done = eanet("inspect", mixed_folder, "--out", out)
  assert done.returncode == 1
  assert "512 x 512 px, 38 rows cut off" in done.stdout
  *lines, _ = done.stdout.splitlines()
  assert len(lines) == 7
  (line,) = (line for line in lines if "sixteen.png: " in line)
  assert line.endswith(f"the same picture as {mixed_folder / 'good.bmp'}")
  with Image.open(out) as sheet:
    assert sheet.width == 6 * 248  # two rows of cells


def test_stored_configuration_is_data(trained):
  config = json.loads((trained / "config.json").read_text())
  assert config_tree.flatten(config)["model.num_heads"] == 16


def test_of_networks_trained_step_by_step_the_mean_of_the_folds_is_kept(
  tmp_path, drawn_folder, data_dir
):
  workdir = tmp_path / "run"
  done = launch(
    "--config=configs/eanet_best.py",
    f"--workdir={workdir}",
    *small("eanet_best"),
    "--config.train.epochs=1",
    "--config.split.cross_validate=True",
    "--config.dataset.source=folder",
    f"--config.dataset.path={drawn_folder}",
    f"--config.dataset.data_dir={data_dir}",
  )
  assert done.returncode == 0, done.stderr
  results = json.loads((workdir / "results.json").read_text())
  files = sorted(drawn_folder.rglob("*.bmp"))[:3]
  assert results["split"]["networks"] == 5
  temperature = 1.0
  if results["calibration"]["applied"]:
    temperature = results["calibration"]["temperature"]
  expected = np.zeros((len(files), 3))
  for fold in range(5):
    own = classify.Classifier.restore(workdir / "folds" / str(fold))
    own._network.orientations = 1
    logits = np.concatenate([each.logits for each in own(files)])
    p = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
    expected += p / p.sum(-1, keepdims=True) / 5
  kept = classify.Classifier.restore(workdir)
  kept._network.orientations = 1
  found = kept(files)
  np.testing.assert_allclose(
    [each.probabilities for each in found], expected, atol=1e-5
  )
  # It cannot tell what is foreign, and knows how left-out specimens came out.
  assert all(each.novelty is None and not each.nearest for each in found)
  assert {each.verdict for each in found} <= {"known", "unsure"}
  assert all(each.set[0] == each.label for each in found)
  assert [each.trained_on for each in found] == [
    str(file.relative_to(drawn_folder)) for file in files
  ]
