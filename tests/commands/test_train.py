"""`eanet train` and `eanet compare`: what they take, and one real run."""

import csv
import json
import shutil

import pytest
from conftest import eanet

from eanet_jax.commands import comparison_job, main_job, training_job

# Fields that make a run of the recommended recipe one of seconds.
TINY = [
  f"--set={field}"
  for field in (
    "dataset.image_px=32",
    "dataset.view=whole",
    "evaluation.bootstrap_resamples=50",
  )
]


@pytest.fixture
def folder(tmp_path):
  """A folder that looks right to the parser; it holds no images."""
  (tmp_path / "my_steels").mkdir()
  return tmp_path / "my_steels"


@pytest.fixture
def planned(monkeypatch):
  """Lists (configuration, workdir) of the jobs, of which none is run."""
  found = []
  for job in (main_job, comparison_job):
    monkeypatch.setattr(job, "run", lambda *given: found.append(given) or 0)
  return found


def test_a_folder_alone_trains_the_recommended_recipe(folder, planned):
  assert eanet("train", folder).returncode == 0
  ((config, workdir),) = planned
  assert str(workdir) == "runs/my_steels"
  assert (config.dataset.source, config.dataset.path) == ("folder", str(folder))
  assert config.model.name == "transfer"
  assert config.loss.objective == "discriminant"
  training_job.check(config)


def test_options_name_recipe_workdir_epochs_and_fields(folder, planned):
  eanet(
    "train",
    folder,
    "--recipe=eanet:single_head",
    "--workdir=elsewhere",
    "--epochs=3",
    "--set=split.by=micrograph",
    "--set=augment.flips=False",
    "--set=split.test_specimens=('P92-1',)",
    "--set=optimizer.learning_rate=1",
  )
  ((config, workdir),) = planned
  assert str(workdir) == "elsewhere"
  assert (config.model.num_heads, config.model.num_slots) == (1, 64)
  assert config.train.epochs == 3
  assert config.split.by == "micrograph"
  assert config.augment.flips is False
  assert config.split.test_specimens == ("P92-1",)
  assert config.optimizer.learning_rate == 1.0


def test_a_config_file_is_a_recipe_too(folder, planned, tmp_path):
  (tmp_path / "mine.py").write_text(
    "from eanet_jax.configuration import recipes\n"
    "def get_config(epochs='5'):\n"
    "  config = recipes.load('vit')\n"
    "  config.train.epochs = int(epochs)\n"
    "  return config\n"
  )
  recipe = str(tmp_path / "mine.py")
  eanet("train", folder, f"--recipe={recipe}")
  eanet("train", folder, f"--recipe={recipe}:7")
  assert [config.train.epochs for config, _ in planned] == [5, 7]


def test_the_same_folder_by_another_name_is_the_same_job(folder, planned):
  (folder.parent / "link").symlink_to(folder)
  eanet("train", folder / ".." / "my_steels")
  eanet("train", folder.parent / "link")
  (first, workdir), (second, of_link) = planned
  assert first == second
  assert workdir == of_link


def test_a_folder_alone_is_compared_with_a_laptops_budget(folder, planned):
  assert eanet("compare", folder, "--set=compare.folds=4").returncode == 0
  ((config, workdir),) = planned
  assert str(workdir) == "runs/my_steels-compared"
  assert config.dataset.path == str(folder)
  assert (config.compare.folds, config.dataset.image_px) == (4, 128)
  assert len(comparison_job.plan(config, workdir)) == 5 * (4 + 1)


@pytest.mark.parametrize(
  ("arguments", "says"),
  [
    (["--recipe=eanet_bst"], "did you mean eanet_best"),
    (["--recipe=resnet"], "There are compare, default, eanet"),
    (["--recipe=eanet:octuple"], "choose multi_head, single_head"),
    (["--recipe=mine.py"], "there is no such file"),
    (["--recipe=compare"], "use eanet compare"),
    (["--set=trian.epochs=3"], "--set trian.epochs is not a field"),
    (["--set=train.epoch=3"], "did you mean train.epochs"),
    (["--set=train.epochs=abc"], "--set train.epochs=abc cannot be used"),
    (["--epochs=abc"], "must be a whole number"),
    (["--epochs=5"], "--set train.epochs=5 is for a network that is trained"),
    (["--set=augment.flips=perhaps"], "must be True or False"),
    (["--set=model=3"], "--set model is a group of fields"),
    (["--set=train.epochs"], "--set train.epochs has no value"),
    (["--set=dataset.image_px=25"], "--set dataset.image_px=25 is too small"),
    ([], "found 0 classes of images"),
  ],
)
def test_a_mistake_ends_with_one_clear_line(arguments, says, folder, tmp_path):
  done = eanet("train", folder, *arguments, f"--workdir={tmp_path / 'run'}")
  assert done.returncode == 2
  assert says in done.stderr
  assert "--config" not in done.stderr
  assert len(done.stderr.strip().splitlines()) == 1
  assert not (tmp_path / "run").exists()


def test_what_is_no_folder_of_classes_is_told_the_layout(
  folder, drawn_folder, tmp_path
):
  (tmp_path / "file").touch()
  for given in (tmp_path / "file", tmp_path / "nowhere"):
    done = eanet("train", given)
    assert done.returncode == 2
    assert "FOLDER/class/specimen/image files" in done.stderr
  for file in (drawn_folder / "P92" / "P92-1").iterdir():
    shutil.copy(file, folder)
  done = eanet("train", folder, f"--workdir={tmp_path / 'run'}")
  assert done.returncode == 2
  assert "files beside the class folders (3 images)" in done.stderr
  assert "<class>/<specimen>/image files" in done.stderr
  assert len(done.stderr.splitlines()) == 1


def test_results_are_not_written_among_the_micrographs(folder, tmp_path):
  for workdir in (folder, folder / "runs" / "first"):
    done = eanet("train", folder, f"--workdir={workdir}")
    assert done.returncode == 2
    assert "lies inside" in done.stderr
  done = eanet("compare", folder, "--recipe=eanet")
  assert "use eanet train" in done.stderr


def test_a_folder_is_trained_on_and_the_same_command_shows_its_results(
  drawn_folder, data_dir, tmp_path
):
  shutil.copytree(drawn_folder, tmp_path / "steels")
  for number in range(8):
    (tmp_path / "steels" / "HR" / f"broken-{number}.bmp").write_text("?")
  shutil.copy(next(drawn_folder.rglob("*.bmp")), tmp_path / "steels")
  command = [
    "train",
    tmp_path / "steels",
    f"--workdir={tmp_path / 'run'}",
    f"--set=dataset.data_dir={data_dir}",
    *TINY,
  ]
  done = eanet(*command)
  assert done.returncode == 0, done.stderr
  assert "84 micrographs of 28 specimens" in done.stdout
  assert "\n  CPJ           18         54" in done.stdout
  assert done.stdout.count("left out:") == 6
  listed = tmp_path / "run" / "left_out.csv"
  assert f"left out: 4 more, see {listed}" in done.stdout
  rows = listed.read_text().splitlines()
  assert len(rows) == 1 + 8 + 1
  assert rows[-1] == ",files beside the class folders (1 image)"
  result = json.loads((tmp_path / "run" / "results.json").read_text())
  assert result["objective"] == "discriminant"
  assert result["split"]["networks"] == 5
  assert result["split"]["test"] == 84  # every one, by a network without it
  assert len(result["split"]["test_specimens"]) == 28
  assert result["validation"] is None
  last = f"report: {tmp_path / 'run' / 'report.html'}"
  assert done.stdout.splitlines()[-1] == last

  again = eanet(*command)
  assert again.returncode == 0, again.stderr
  assert "is finished" in again.stdout
  assert again.stdout.splitlines()[-1] == last
  # No draw is made, so that another seed changes nothing.
  assert "is finished" in eanet(*command, "--set=train.seed=1").stdout
  other = eanet(*command, "--set=split.seed=1")
  assert other.returncode == 2
  assert "split.seed: 0 -> 1" in other.stderr


def test_a_class_of_one_specimen_is_trained_on_and_said_not_to_be_tested(
  drawn_folder, data_dir, tmp_path
):
  for specimen in ("CPJ/CPJ-1", "CPJ/CPJ-2", "P92/P92-1"):
    shutil.copytree(drawn_folder / specimen, tmp_path / "steels" / specimen)
  command = [
    "train",
    tmp_path / "steels",
    f"--workdir={tmp_path / 'run'}",
    f"--set=dataset.data_dir={data_dir}",
    *TINY,
  ]
  done = eanet(*command)
  assert done.returncode == 0, done.stderr
  assert "class P92 has one specimen and is not tested" in done.stdout
  results = tmp_path / "run" / "results.json"
  before = results.read_bytes()
  written = json.loads(before)
  assert written["split"]["test_specimens"] == ["CPJ/CPJ-1", "CPJ/CPJ-2"]

  # Stopped before its results: the members are not trained again.
  results.unlink()
  (tmp_path / "run" / "checksums.json").unlink()
  shutil.rmtree(tmp_path / "run" / "checkpoints")
  kept = (tmp_path / "run" / "folds" / "0" / "results.json").stat().st_mtime_ns
  again = eanet(*command)
  assert again.returncode == 0, again.stderr
  rerun = json.loads(results.read_text())
  assert rerun["test"] == written["test"]
  now = (tmp_path / "run" / "folds" / "0" / "results.json").stat().st_mtime_ns
  assert now == kept

  out = tmp_path / "predictions.csv"
  done = eanet("predict", tmp_path / "run", tmp_path / "steels", "--out", out)
  assert done.returncode == 0, done.stderr
  rows = list(csv.DictReader(out.read_text().splitlines()))
  assert len(rows) == 9
  assert {row["verdict"] for row in rows} <= {"known", "foreign"}
  assert "no set of classes can be promised" in done.stdout  # P92 is not tested
  assert all(row["trained_on"] == row["nearest"] for row in rows)
  assert all(row["file"].endswith(row["nearest"]) for row in rows)
  assert {float(row["nearest_distance"]) for row in rows} == {0.0}
  assert all(float(row["novelty"]) >= 0 for row in rows)
  assert all(len(row["probability"]) <= 6 for row in rows)

  alone = eanet(
    *command[:2],
    f"--workdir={tmp_path / 'alone'}",
    *command[3:],
    "--set=split.cross_validate=False",
  )
  assert alone.returncode == 2
  assert "--set split.by=micrograph" in alone.stderr
  assert "--config" not in alone.stderr
