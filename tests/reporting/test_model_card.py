"""A model card is what hubs read, and all its figures are the run's."""

import re

import made_results
import pytest
import yaml
from conftest import eanet

from eanet_jax.reporting import model_card

NASTY = 'P92: "x" | <b>\n--- #1'


def header_of(text):
  before, header, _ = re.split(r"^---$\n", text, maxsplit=2, flags=re.MULTILINE)
  assert before == ""
  return yaml.safe_load(header)


def test_the_header_has_the_runs_figures_and_stays_yaml():
  run = made_results.run_results(class_names=["CPJ", "HR", "P92"])
  text = model_card.markdown(NASTY, run)
  header = header_of(text)
  assert "license" not in header  # it is for people to choose
  assert header["pipeline_tag"] == "image-classification"
  (model,) = header["model-index"]
  assert model["name"].startswith('P92: "x" | <b>')
  (result,) = model["results"]
  assert result["dataset"]["name"] == "steels"
  scores = run.test["micrograph"]
  assert [each["value"] for each in result["metrics"]] == [
    scores["accuracy"],
    scores["macro_f1"],
  ]
  low, high = scores["interval_95"]["accuracy"]
  assert f"interval {low:.3f} to {high:.3f}" in result["metrics"][0]["name"]
  assert '# P92: "x" \\| \\<b\\> --- #1\n' in text
  assert "/steels" not in text


def test_figures_that_there_are_not_are_not_shown():
  run = made_results.run_results()
  for level in run.test.values():
    del level["interval_95"]
  del run.dataset["facts"]
  run.calibration.update(applied=False, reason="it was not better")
  text = model_card.markdown("old", run)
  (result,) = header_of(text)["model-index"][0]["results"]
  assert "interval" not in result["metrics"][0]["name"]
  assert "too few specimens of each class for intervals" in text
  assert "No temperature is applied: it was not better." in text
  assert "1.73" not in text


def test_hubs_read_the_card_of_a_run(trained, tmp_path):
  out = tmp_path / "README.md"
  done = eanet("card", trained, "--out", out)
  assert done.returncode == 0, done.stderr
  assert done.stdout == f"{out}\n"
  hub = pytest.importorskip("huggingface_hub")
  card = hub.ModelCard.load(out)
  assert card.data.library_name == "eanet_jax"
  accuracy, f1 = card.data.eval_results
  assert (accuracy.metric_type, f1.metric_type) == ("accuracy", "f1")
  assert 0 <= accuracy.metric_value <= 1
  assert accuracy.task_type == "image-classification"
  assert card.text.lstrip().startswith("# small")
  again = hub.metadata_load(out)
  hub.metadata_save(tmp_path / "again.md", again)
  assert hub.metadata_load(tmp_path / "again.md") == again


def test_what_has_no_results_has_no_card(tmp_path):
  done = eanet("card", tmp_path)
  assert done.returncode == 2
  assert "holds no results of classes" in done.stderr
