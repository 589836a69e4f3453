"""Pre-training without labels, and starting from it."""

import json

import numpy as np
import pytest
from conftest import SMALL, eanet, launch

from eanet_jax.workdir import checkpoints


def command(config, workdir, data_dir, *extra):
  return [
    f"--config=configs/{config}.py",
    f"--workdir={workdir}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
    *extra,
  ]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, drawn_folder, data_dir):
  workdir = tmp_path_factory.mktemp("runs") / "pretrained"
  done = launch(
    *command(
      "pretrain",
      workdir,
      data_dir,
      "--config.dataset.source=unlabelled",
      f"--config.dataset.path={drawn_folder}",
    )
  )
  assert done.returncode == 0, done.stderr
  assert "84 to train on" in done.stdout
  assert f"--config.init_from={workdir}" in done.stdout
  return workdir


def weights(workdir, step):
  """Variables of a checkpoint by path, not what the head has."""
  import flax.traverse_util
  import orbax.checkpoint as ocp

  with ocp.StandardCheckpointer() as reader:
    tree = reader.restore(
      workdir / checkpoints.FOLDER / str(step) / "variables"
    )
  flat = flax.traverse_util.flatten_dict(tree, sep="/")
  return {k: np.asarray(v) for k, v in flat.items() if "head" not in k}


def test_results_of_a_pretraining_say_how_well_views_were_paired(pretrained):
  result = json.loads((pretrained / "results.json").read_text())
  assert 0 <= result["pair_accuracy"] <= 1
  assert result["views_in_a_batch"] == 128
  header, first, *_ = (pretrained / "history.csv").read_text().splitlines()
  row = dict(zip(header.split(","), first.split(","), strict=True))
  assert float(row["train_loss"]) > 0
  assert row["validation_loss"] == ""


def test_a_run_starts_from_a_pretraining(pretrained, tmp_path, data_dir):
  workdir = tmp_path / "run"
  extra = [f"--config.init_from={pretrained}", "--config.train.epochs=0"]
  done = launch(*command("eanet_best", workdir, data_dir, *extra))
  assert done.returncode == 0, done.stderr
  with checkpoints.Checkpoints(pretrained) as saved:
    last = saved.steps()[-1]
  expected, found = weights(pretrained, last), weights(workdir, 0)
  assert expected.keys() == found.keys()
  assert any("stem" in name for name in found)
  for name in expected:
    np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize(
  ("extra", "says"),
  [
    (["--config.model.width=24"], "pool_norm/mean is (44,) there and (66,)"),
    (["--config.model.num_blocks=2"], "is none there and"),
    (["--config.init_from=/nowhere"], "/nowhere: there is no such folder"),
    (["--config.model.pretrained=x.npz"], "both say which weights"),
    (["--config.dataset.source=unlabelled"], "has no classes to learn"),
  ],
)
def test_what_cannot_be_started_from_is_one_clear_line(
  pretrained, tmp_path, data_dir, extra, says
):
  first = f"--config.init_from={pretrained}"
  done = launch(
    *command("eanet_best", tmp_path / "run", data_dir, first, *extra)
  )
  assert done.returncode == 2
  assert says in done.stderr
  assert "Traceback" not in done.stderr


@pytest.mark.parametrize("what", ["predict", "report"])
def test_a_pretraining_knows_no_classes(pretrained, drawn_folder, what):
  files = [drawn_folder, "--out=/dev/null"] if what == "predict" else []
  done = eanet(what, pretrained, *files)
  assert done.returncode == 2
  assert "pre-training" in done.stderr
  assert "Traceback" not in done.stderr
