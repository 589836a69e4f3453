"""No file is kept that answers otherwise than its network."""

import json

import numpy as np
import pytest
from conftest import eanet
from jax import export

from eanet_jax.commands import export as export_command
from eanet_jax.exporting import (
  answer_function,
  description,
  exported,
  kinds,
  proof,
  stablehlo,
)


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
  out = tmp_path_factory.mktemp("export") / "steel.stablehlo"
  done = eanet("export", trained, "--format=stablehlo", "--out", out)
  assert done.returncode == 0, done.stderr
  return out, done.stdout


def test_the_file_is_the_network_and_the_json_says_the_rest(written, trained):
  out, said = written
  assert said.startswith(f"{out}: 0.1 MB, greatest difference ")
  assert "all labels equal" in said
  assert "Traceback" not in said
  told = json.loads(exported.json_beside(out).read_text())
  (file,) = told["model"]["files"]
  assert file["sha256"] == description.sha256(out)
  assert file["bytes"] == out.stat().st_size
  assert told["compared"]["micrographs"] > 0
  assert told["outputs"]["probabilities"]["shape"] == ["b", 3]
  assert told["before"]["view"] == "whole"
  call = export.deserialize(bytearray(out.read_bytes())).call
  images = np.zeros((2, *told["input"]["shape"][1:]), np.uint8)
  found = call(images)["probabilities"]
  np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
  assert len(told["class_names"]) == found.shape[1]


def test_what_stands_there_is_not_overwritten(written, trained):
  out, _ = written
  before = out.read_bytes()
  done = eanet("export", trained, "--format=stablehlo", "--out", out)
  assert done.returncode == 2
  assert f"{out} exists already" in done.stderr
  assert out.read_bytes() == before
  done = eanet("export", trained, "--format=stablehlo", "--out", "/no/where")
  assert done.returncode == 2
  assert "there is no folder /no" in done.stderr
  done = eanet("export", out.parent, "--format=stablehlo")
  assert done.returncode == 2
  assert len(done.stderr.splitlines()) == 1


def other_weights(classifier, _, path):
  """Writes the network with a small change of what it answers."""
  function = answer_function.of(classifier.network)

  def changed(images):
    found = function(images)
    return {**found, "probabilities": found["probabilities"] + 2e-4}

  stablehlo.write(changed, classifier.image_px, path)


def no_program(classifier, _, path):
  path.write_bytes(b"these are words")


def one_output_more(classifier, _, path):
  function = answer_function.of(classifier.network)
  stablehlo.write(lambda images: {**function(images), "more": images}, 32, path)


@pytest.mark.parametrize(
  ("write", "why"),
  [
    (other_weights, "greatest difference 0.0002"),
    (no_program, "does not run"),
    pytest.param(one_output_more, "other outputs", marks=pytest.mark.slow),
  ],
)
def test_nothing_is_kept_of_a_file_that_answers_otherwise(
  write, why, trained, tmp_path, monkeypatch
):
  kind = kinds.Kind(".stablehlo", (), write)
  monkeypatch.setitem(kinds.KINDS, "stablehlo", kind)
  out = tmp_path / "steel.stablehlo"
  done = eanet("export", trained, "--format=stablehlo", "--out", out)
  assert done.returncode == 1
  assert why in done.stderr
  assert len(done.stderr.splitlines()) == 1
  assert list(tmp_path.iterdir()) == []


def test_the_command_offers_every_kind():
  assert set(export_command._FORMATS) == set(kinds.KINDS)


def test_a_number_that_is_none_is_no_proof():
  of = lambda difference, labels=0: proof.Proof(
    1, 4, {"probabilities": (3,)}, {"probabilities": difference}, labels
  )
  assert of(1e-5).sound
  assert not of(float("nan")).sound
  assert "nan" in str(of(float("nan")))
  assert not of(1e-5, labels=1).sound
