"""A run is resumed on the same pixels, labels, split and fields alone."""

import json
import shutil

import pytest
from conftest import eanet, launch, small_job


@pytest.mark.parametrize("gone", ["HR/HR-1/HR-1_000.bmp", "HR"])
def test_changed_micrographs_are_not_resumed_on(
  tmp_path, drawn_folder, data_dir, gone
):
  folder = tmp_path / "micrographs"
  shutil.copytree(drawn_folder, folder)
  arguments = small_job(
    tmp_path / "run",
    data_dir,
    "--config.dataset.source=folder",
    f"--config.dataset.path={folder}",
    "--config.train.epochs=1",
  )
  assert launch(*arguments).returncode == 0
  (tmp_path / "run" / "results.json").unlink()
  if (folder / gone).is_dir():
    shutil.rmtree(folder / gone)
  else:
    (folder / gone).unlink()
  done = launch(*arguments)
  assert done.returncode == 2
  assert "have changed" in done.stderr
  assert "damaged" not in done.stderr


def test_micrographs_that_moved_and_a_class_renamed_are_resumed_on(
  tmp_path, drawn_folder, data_dir
):
  """Same pixels, labels and split; and the answers have the new names."""
  before, after = tmp_path / "before", tmp_path / "after"
  shutil.copytree(drawn_folder, before)

  def train(folder):
    return launch(
      *small_job(
        tmp_path / "run",
        data_dir,
        "--config.dataset.source=folder",
        f"--config.dataset.path={folder}",
        "--config.train.epochs=2",
      )
    )

  assert train(before).returncode == 0
  results = tmp_path / "run" / "results.json"
  first = json.loads(results.read_text())
  before.rename(after)
  (after / "P92").rename(after / "P92 steel")
  done = train(after)
  assert done.returncode == 0, done.stderr
  assert "the classes have other names" in done.stdout
  second = json.loads(results.read_text())
  assert second["class_names"] == ["CPJ", "HR", "P92 steel"]
  renamed = json.dumps(first["test"]).replace('"P92"', '"P92 steel"')
  assert second["test"] == json.loads(renamed)
  assert second["best_epoch"] == first["best_epoch"]
  config = json.loads((tmp_path / "run" / "config.json").read_text())
  assert config["dataset"]["path"] == str(after)
  table = tmp_path / "answers.csv"
  done = eanet("predict", tmp_path / "run", after / "HR", "--out", table)
  assert done.returncode == 0, done.stderr
  header = table.read_text().splitlines()[0]
  assert "P92 steel" in header
  # Finished, and at the same path: nothing is read again.
  assert "is finished" in train(after).stdout


def test_another_configuration_is_refused_where_config_json_is_lost(
  tmp_path, data_dir
):
  workdir = tmp_path / "run"
  assert launch(*small_job(workdir, data_dir)).returncode == 0
  (workdir / "config.json").unlink()
  (workdir / "results.json").unlink()
  done = launch(
    *small_job(workdir, data_dir, "--config.optimizer.learning_rate=0.5")
  )
  assert done.returncode == 2
  assert "another configuration (optimizer.learning_rate: " in done.stderr
  assert not (workdir / "config.json").exists()


def test_other_micrographs_at_another_path_do_not_pass_for_the_same(
  tmp_path, drawn_folder, data_dir
):
  other = tmp_path / "other"
  shutil.copytree(drawn_folder, other)
  (other / "HR/HR-1/HR-1_000.bmp").unlink()
  arguments = lambda folder: small_job(
    tmp_path / "run",
    data_dir,
    "--config.dataset.source=folder",
    f"--config.dataset.path={folder}",
    "--config.train.epochs=1",
  )
  assert launch(*arguments(drawn_folder)).returncode == 0
  results = (tmp_path / "run" / "results.json").read_bytes()
  done = launch(*arguments(other))
  assert done.returncode == 2
  assert "have changed" in done.stderr
  shutil.rmtree(tmp_path / "run" / "checkpoints")
  done = launch(*arguments(other))
  assert done.returncode == 2
  assert "at another path, and no checkpoints" in done.stderr
  assert (tmp_path / "run" / "results.json").read_bytes() == results
