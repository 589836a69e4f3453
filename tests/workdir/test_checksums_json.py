"""checksums.json: a figure that changed after its run is not shown."""

import json

import made_results
import numpy as np
import pytest

from eanet_jax import errors
from eanet_jax.workdir import (
  checksums_json,
  comparison_json,
  examples_npz,
  history_csv,
  predictions_csv,
  results_json,
)

READERS = {
  results_json.FILE: results_json.read,
  comparison_json.FILE: comparison_json.read,
  history_csv.FILE: history_csv.read,
  examples_npz.FILE: examples_npz.read,
  "test_predictions_grey.csv": lambda workdir: predictions_csv.read_test(
    workdir, made_results.CLASSES, "grey"
  ),
}


@pytest.fixture
def workdir(tmp_path):
  """What a finished run leaves, and a comparison, in one folder."""
  results_json.write(tmp_path, made_results.run_results())
  comparison_json.write(tmp_path, made_results.comparison_results())
  history_csv.write(tmp_path, [history_csv.Epoch(1, 3, 1e-3, 0.5, 0.6, 0.7)])
  images, maps = np.zeros((2, 4, 4), np.uint8), np.zeros((1, 1, 2, 2))
  examples_npz.write(
    tmp_path, examples_npz.ExampleArrays(images, maps.astype(np.float32))
  )
  predictions_csv.write_test(
    tmp_path,
    predictions_csv.Predictions(
      np.array(["a.tif"]), np.array(["A"]), np.array([0]), np.eye(3)[:1]
    ),
    made_results.CLASSES,
    "grey",
  )
  checksums_json.write(tmp_path)
  return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_one_digit_is_noticed(workdir, name):
  READERS[name](workdir)
  path = workdir / name
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match="was changed since") as caught:
    READERS[name](workdir)
  assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["history.csv", "examples.npz"])
def test_a_file_that_is_gone_is_noticed(workdir, name):
  (workdir / name).unlink()
  with pytest.raises(errors.UserError, match=f"{name} is missing"):
    READERS[name](workdir)


@pytest.mark.parametrize("content", ["", "[]", "{", "NaN", "[" * 99_999])
def test_damaged_checksums_are_named(workdir, content):
  (workdir / checksums_json.FILE).write_text(content)
  with pytest.raises(errors.UserError, match=r"checksums\.json"):
    results_json.read(workdir)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04", b"[]"])
def test_without_checksums_a_damaged_file_is_named_too(workdir, name, content):
  checksums_json.remove(workdir)
  (workdir / name).write_bytes(content)
  with pytest.raises(errors.UserError, match=name):
    READERS[name](workdir)


def test_arrays_of_other_kinds_are_not_shown(workdir):
  checksums_json.remove(workdir)
  for images in (np.zeros((2, 4, 4)), np.zeros((2, 4), np.uint8)):
    maps = np.zeros((1, 1, 2, 2), np.float32)
    examples_npz.write(workdir, examples_npz.ExampleArrays(images, maps))
    with pytest.raises(errors.UserError, match="of other kinds"):
      examples_npz.read(workdir)


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked(
  workdir, monkeypatch
):
  checksums_json.remove(workdir)
  monkeypatch.setattr(examples_npz, "_LARGEST", 2**20)
  images = np.zeros((2, 1024, 1024), np.uint8)
  maps = np.zeros((1, 1, 2, 2), np.float32)
  examples_npz.write(workdir, examples_npz.ExampleArrays(images, maps))
  assert (workdir / examples_npz.FILE).stat().st_size < 2**16
  with pytest.raises(errors.UserError, match=r"it holds 2,097,\d+ bytes"):
    examples_npz.read(workdir)


def test_checksums_list_what_is_read_again(workdir):
  (workdir / "my_predictions.csv").touch()
  listed = json.loads((workdir / checksums_json.FILE).read_text())
  assert listed.keys() == READERS.keys()
