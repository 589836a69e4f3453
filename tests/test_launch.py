"""launch.py as a user types it: what a job prints, writes and goes on from."""

import json
import os
import pathlib
import shutil

import pytest
from conftest import ROOT, SMALL, eanet, launch, run

from eanet_jax.configuration import command_line


def test_results_hold_the_documented_fields(trained):
  result = json.loads((trained / "results.json").read_text())
  test = result["test"]["micrograph"]
  for name in (
    "accuracy",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "kappa",
  ):
    assert isinstance(test[name], float)
    low, high = test["interval_95"][name]
    assert low <= high
  counts = test["confusion"]
  total = sum(sum(row.values()) for row in counts.values())
  assert total == result["split"]["test"] == test["examples"]
  assert test["accuracy"] == pytest.approx(
    sum(row.get(name, 0) for name, row in counts.items()) / total
  )
  assert set(test["per_class"]) == {"CPJ", "HR", "P92"}
  assert result["test"]["specimen"]["examples"] == len(
    result["split"]["test_specimens"]
  )
  assert result["parameters"] > 0
  assert result["wall_time_s"] > 0
  assert result["images_per_s"] > 0
  assert result["split"]["by"] == "specimen"
  assert "jaxlib" in result["versions"]


def test_workdir_holds_config_history_overview_and_tensorboard(trained):
  config = json.loads((trained / "config.json").read_text())
  assert config["train"]["epochs"] == 2
  lines = (trained / "history.csv").read_text().splitlines()
  assert lines[0].startswith("epoch,step,")
  assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]
  assert "memory_key" in (trained / "parameters.txt").read_text()
  assert list((trained / "tensorboard").glob("events*"))
  predictors = ("", "_majority", "_grey", "_texture")
  for name in predictors:
    file = trained / f"test_predictions{name}.csv"
    assert len(file.read_text().splitlines()) > 3


def test_every_result_stands_beside_its_baselines(trained):
  result = json.loads((trained / "results.json").read_text())
  test, baselines = result["test"], result["baselines"]
  for levels in baselines.values():
    assert levels.keys() == test.keys()
    for level, scores in levels.items():
      assert scores["examples"] == test[level]["examples"]
  support = {
    name: scores["support"]
    for name, scores in test["micrograph"]["per_class"].items()
  }
  # CPJ is the commonest class of the drawn set.
  assert baselines["majority"]["micrograph"]["accuracy"] == pytest.approx(
    support["CPJ"] / sum(support.values())
  )
  assert baselines["majority"]["micrograph"]["kappa"] == 0


def test_the_report_is_made_and_made_again(trained, tmp_path):
  workdir = tmp_path / "copy"  # of what other tests read meanwhile
  shutil.copytree(trained, workdir)
  page = workdir / "report.html"
  before = page.read_text()
  assert "GLCM + LBP texture" in before
  assert before.count("data:image/jpeg") > 12  # examples and attention
  page.unlink()
  done = eanet("report", workdir)
  assert done.returncode == 0, done.stderr
  assert page.read_text() == before
  done = eanet("report", tmp_path)
  assert done.returncode == 2
  assert "holds no results" in done.stderr


def test_finished_run_shows_its_results_and_trains_nothing(trained, data_dir):
  before = (trained / "results.json").stat().st_mtime_ns
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={trained}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
  )
  assert done.returncode == 0
  assert "is finished" in done.stdout
  assert "macro f1" in done.stdout
  assert (trained / "results.json").stat().st_mtime_ns == before


def test_a_report_that_is_missing_is_made_by_the_same_command(
  trained, data_dir, tmp_path
):
  """As when the run was stopped between its results and its report."""
  workdir = tmp_path / "run"
  shutil.copytree(trained, workdir)
  (workdir / "report.html").unlink()
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
  )
  assert done.returncode == 0, done.stderr
  pages = [(w / "report.html").read_text() for w in (workdir, trained)]
  assert pages[0] == pages[1]


def test_results_of_another_configuration_are_not_shown(
  trained, data_dir, tmp_path
):
  workdir = tmp_path / "run"
  shutil.copytree(trained, workdir)
  shutil.rmtree(workdir / "checkpoints")
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    "--config.train.epochs=7",
  )
  assert done.returncode == 2
  assert "train.epochs: 2 -> 7" in done.stderr


def test_resuming_with_another_configuration_is_refused(trained, data_dir):
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={trained}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    "--config.optimizer.learning_rate=0.5",
    "--config.evaluation.batch_size=7",
  )
  assert done.returncode == 2
  assert "optimizer.learning_rate: 0.001 -> 0.5" in done.stderr
  assert "evaluation.batch_size" not in done.stderr


def test_real_folder_trains_by_the_same_command(
  drawn_folder, tmp_path, data_dir
):
  done = launch(
    "--config=configs/eanet.py:single_head",
    f"--workdir={tmp_path / 'run'}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    "--config.dataset.source=folder",
    f"--config.dataset.path={drawn_folder}",
    "--config.dataset.view=tiles",
    "--config.dataset.tile_px=128",
    "--config.train.epochs=1",
  )
  assert done.returncode == 0, done.stderr
  result = json.loads((tmp_path / "run" / "results.json").read_text())
  tiles = result["test"]["tile"]["examples"]
  assert tiles == 16 * result["test"]["micrograph"]["examples"]


def test_no_epochs_evaluates_the_untrained_network(tmp_path, data_dir):
  done = launch(
    "--config=configs/smoke.py",
    f"--workdir={tmp_path / 'run'}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    "--config.train.epochs=0",
  )
  assert done.returncode == 0, done.stderr
  result = json.loads((tmp_path / "run" / "results.json").read_text())
  assert result["epochs"] == result["best_epoch"] == 0
  assert (
    eanet(
      "predict",
      tmp_path / "run",
      ROOT / "README.md",
      "--out",
      tmp_path / "p.csv",
    ).returncode
    == 1
  )


def test_a_built_data_set_trains_without_tensorflow(
  trained, tmp_path, data_dir
):
  block = (
    "import runpy, sys\n"
    "sys.modules['tensorflow'] = None\n"
    "sys.argv[0] = 'launch.py'\n"
    "runpy.run_path('launch.py', run_name='__main__')"
  )
  done = run(
    "-c",
    block,
    "--config=configs/eanet.py",
    f"--workdir={tmp_path / 'run'}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    # As many as here, where the other was trained.
    env={**os.environ, "JAX_NUM_CPU_DEVICES": "8"},
  )
  assert done.returncode == 0, done.stderr
  assert list((tmp_path / "run" / "tensorboard").glob("events*"))
  ours, theirs = (
    json.loads((w / "results.json").read_text())["test"]
    for w in (tmp_path / "run", trained)
  )
  assert ours == theirs  # the same run on another day


def test_every_config_builds_and_validates():
  from eanet_jax.commands import comparison_job, training_job

  files = sorted((ROOT / "configs").glob("*.py"))
  assert len(files) >= 6
  for file in files:
    config = command_line.load(str(file))
    if "systems" in config:
      comparison_job.plan(config, pathlib.Path("nowhere"))
    else:
      training_job.check(config)
  for variant in ("laptop", "ablations", "ingredients", "smoke"):
    config = command_line.load(f"{ROOT / 'configs/compare.py'}:{variant}")
    comparison_job.plan(config, pathlib.Path("nowhere"))
  literal = command_line.load(str(ROOT / "configs/eanet.py") + ":single_head")
  assert (literal.model.num_heads, literal.model.num_slots) == (1, 64)


def test_one_specimen_of_one_class_is_tested_on(
  tmp_path, data_dir, drawn_folder
):
  specimens = ["CPJ/CPJ-1", "CPJ/CPJ-2", "P92/P92-1", "P92/P92-2"]
  for specimen in specimens:
    shutil.copytree(drawn_folder / specimen, tmp_path / "images" / specimen)
  done = launch(
    "--config=configs/eanet_best.py",
    f"--workdir={tmp_path / 'run'}",
    f"--config.dataset.data_dir={data_dir}",
    "--config.dataset.source=folder",
    f"--config.dataset.path={tmp_path / 'images'}",
    *(flag for flag in SMALL if "specimen=" not in flag),
    "--config.split.leave_one_out=True",
    "--config.split.folds=4",
    "--config.split.fold=2",
  )
  assert done.returncode == 0, done.stderr
  assert "class CPJ is not tested" in done.stdout
  result = json.loads((tmp_path / "run" / "results.json").read_text())
  assert result["split"]["test_specimens"] == [specimens[2]]
  assert result["test"]["micrograph"]["per_class"]["CPJ"]["support"] == 0
  assert (tmp_path / "run" / "report.html").exists()
