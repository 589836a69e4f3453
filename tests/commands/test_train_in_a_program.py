"""`train` in a program: what the command does, and nothing else."""

import dataclasses
import logging
import signal

import jax
import pytest
from conftest import SMALL, eanet

import eanet_jax
from eanet_jax import errors
from eanet_jax.runtime import console
from eanet_jax.training import train_loop
from eanet_jax.workdir import results_json

# Fields of results that are measured and differ each time.
_TIMES = ("wall_time_s", "images_per_s", "inference_images_per_s")


@pytest.fixture
def fields(data_dir):
  found = dict(each.removeprefix("--config.").split("=") for each in SMALL)
  del found["dataset.images_per_specimen"]  # of what is drawn anew
  return {
    **{name: int(value) for name, value in found.items()},
    "dataset.data_dir": data_dir,
  }


def without_times(results):
  return dataclasses.replace(results, **dict.fromkeys(_TIMES, 0.0))


def test_it_does_what_the_command_does_and_goes_on_where_it_was_interrupted(
  drawn_folder, tmp_path, fields, capfd, monkeypatch
):
  sets = [f"--set={name}={value}" for name, value in fields.items()]
  workdir = tmp_path / "of the command"
  done = eanet(
    *("train", drawn_folder, "--recipe=eanet", f"--workdir={workdir}"), *sets
  )
  assert done.returncode == 0, done.stderr
  expected = results_json.read(workdir)
  capfd.readouterr()

  handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
  level = logging.getLogger("absl").level
  row = train_loop.Training._row

  def interrupted(self, epoch):
    found = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    assert found == handlers
    if epoch == 2:
      raise KeyboardInterrupt
    return row(self, epoch)

  own = tmp_path / "of the program"
  train = lambda: eanet_jax.train(
    str(drawn_folder), own, recipe="eanet", fields=fields
  )
  monkeypatch.setattr(train_loop.Training, "_row", interrupted)
  with pytest.raises(KeyboardInterrupt):
    train()
  monkeypatch.setattr(train_loop.Training, "_row", row)
  resumed = []
  monkeypatch.setattr(
    train_loop.Training,
    "_row",
    lambda self, epoch: resumed.append(epoch) or row(self, epoch),
  )
  results = train()
  assert resumed == [2]
  assert without_times(results) == without_times(expected)
  assert train() == results  # it is finished
  assert resumed == [2]
  assert (own / "report.html").exists()
  assert capfd.readouterr() == ("", "")
  assert logging.getLogger("absl").level == level
  eanet_jax.train(
    drawn_folder, own, recipe="eanet", fields=fields, verbose=True
  )
  assert "is finished" in capfd.readouterr().out


@pytest.mark.parametrize(
  "options, said",
  [
    ({"fields": {"train.epoch": 3}}, r"^train\.epoch is not a field"),
    ({"fields": {"train.epochs": "many"}}, "^train.epochs=many cannot be used"),
    ({"fields": {"train": {"epochs": -1}}}, "^train.epochs=-1"),
    ({"recipe": "enet"}, "^recipe=enet is not a recipe"),
    ({"recipe": "compare"}, "^recipe=compare compares several networks"),
    ({"workdir": "inside"}, "^workdir=.* lies inside"),
  ],
)
def test_mistakes_are_user_errors_in_a_programs_words(tmp_path, options, said):
  folder = tmp_path / "my_steels"
  folder.mkdir()
  if "workdir" in options:
    options = {"workdir": folder / "runs"}
  with pytest.raises(errors.UserError, match=said) as error:
    eanet_jax.train(folder, **{"workdir": tmp_path / "run", **options})
  assert "--" not in str(error.value)
  assert not console._of_a_program and not console._silent


def test_a_folder_that_is_not_there_is_named(tmp_path):
  with pytest.raises(errors.UserError, match="no_steels does not exist"):
    eanet_jax.train(tmp_path / "no_steels")


def test_64_bits_would_give_other_results_and_are_refused(tmp_path):
  (tmp_path / "my_steels").mkdir()
  jax.config.update("jax_enable_x64", True)
  try:
    with pytest.raises(errors.UserError, match="jax_enable_x64"):
      eanet_jax.train(tmp_path / "my_steels", tmp_path / "run")
  finally:
    jax.config.update("jax_enable_x64", False)
