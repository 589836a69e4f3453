"""Files of weights are read as data, or refused in one line."""

import ast
import pathlib
import shlex
import sys

import h5py
import numpy as np
import pytest
from made_files import write_weights

from eanet_jax.models.pretrained import weight_files

TENSORS = {
  "features.0.weight": np.arange(5400, dtype="f4").reshape(6, 100, 3, 3),
  "features.0.bias": np.arange(6, dtype="f4"),
}


def reason(file):
  with pytest.raises(weight_files.WrongFile) as error:
    weight_files.read(file)
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize("suffix", ["h5", "hdf5", "safetensors", "npz"])
def test_round_trip_is_exact(suffix, tmp_path):
  found = weight_files.read(write_weights(tmp_path / f"x.{suffix}", TENSORS))
  assert found.keys() == TENSORS.keys()
  for name, tensor in TENSORS.items():
    np.testing.assert_array_equal(found[name], tensor)


class Fire:
  """Unpickled, it makes a file."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("key", ["features.0.weight", "elsewhere"])
def test_a_pickled_object_is_refused_and_not_run(key, tmp_path):
  fire = np.array([Fire(tmp_path / "ran")], dtype=object)
  file = write_weights(tmp_path / "x.npz", {**TENSORS, key: fire})
  assert "allow_pickle" in reason(file)
  assert not (tmp_path / "ran").exists()
  with np.load(file, allow_pickle=True) as stored:
    stored[key]
  assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", ["pth", "pt", "bin", "pkl", "PTH"])
def test_a_file_that_can_run_code_is_named_with_its_conversion(
  suffix, tmp_path
):
  file = tmp_path / f"it's $(touch ran) `touch ran`.{suffix}"
  file.write_bytes(b"x")
  message = reason(file)
  assert "can run code" in message
  assert "weights_only=True" in message
  # As a shell would part it: nothing in the file's name is run by it.
  *_, python, flag, code = shlex.split(message.partition("convert it with ")[2])
  assert (python, flag) == ("python", "-c")
  strings = {
    node.value
    for node in ast.walk(ast.parse(code))
    if isinstance(node, ast.Constant)
  }
  assert {file.name, file.with_suffix(".safetensors").name} <= strings


@pytest.mark.parametrize("suffix", ["h5", "hdf5", "safetensors", "npz"])
def test_a_file_that_is_not_there_or_is_damaged_is_named(suffix, tmp_path):
  file = tmp_path / f"x.{suffix}"
  assert "there is no such file" in reason(file)
  for content in (b"", b"PK\x03\x04 nothing", bytes(range(200))):
    file.write_bytes(content)
    assert f"cannot be read as .{suffix}" in reason(file)
  write_weights(file, TENSORS)
  file.write_bytes(file.read_bytes()[:-2000])
  assert f"cannot be read as .{suffix}" in reason(file)


def test_an_array_alone_is_no_archive(tmp_path):
  with (tmp_path / "x.npz").open("wb") as file:
    np.save(file, np.ones(3))
  assert "cannot be read as .npz" in reason(tmp_path / "x.npz")


def test_another_suffix_is_refused(tmp_path):
  (tmp_path / "x.keras").write_bytes(b"x")
  assert ".safetensors, .npz" in reason(tmp_path / "x.keras")


def test_weights_kept_in_another_file_are_not_read(tmp_path):
  (tmp_path / "secret").write_bytes(bytes(400))
  with h5py.File(tmp_path / "x.h5", "w") as root:
    root.create_dataset(
      "layers/conv2d/vars/0",
      (100,),
      "f4",
      external=[(str(tmp_path / "secret"), 0, 400)],
    )
  assert "kept in another file" in reason(tmp_path / "x.h5")
  with h5py.File(tmp_path / "other.h5", "w") as root:
    root["layers/conv2d/vars/0"] = np.ones((3, 3, 1, 2))
  with h5py.File(tmp_path / "y.h5", "w") as root:
    root["layers"] = h5py.ExternalLink("other.h5", "layers")
  assert weight_files.read(tmp_path / "y.h5") == {}


def test_an_array_that_was_never_written_takes_no_memory(tmp_path):
  file = tmp_path / "x.h5"
  with h5py.File(file, "w") as root:
    root.create_dataset(
      "layers/conv2d/vars/0", (2**31, 100), "f4", chunks=(2**10, 100)
    )
  assert file.stat().st_size < 10_000
  assert "would take 800.0 GiB of memory, more than the 2.0" in reason(file)


@pytest.mark.parametrize("suffix", ["h5", "safetensors", "npz"])
def test_the_size_of_all_arrays_is_bounded(suffix, tmp_path, monkeypatch):
  size = sum(tensor.nbytes for tensor in TENSORS.values())
  file = write_weights(tmp_path / f"x.{suffix}", TENSORS)
  if suffix == "npz":  # compressed, the file is smaller than what it holds
    np.savez_compressed(file, **{k: 0 * v for k, v in TENSORS.items()})
    assert file.stat().st_size < size / 10
  monkeypatch.setattr(weight_files, "_LARGEST_BYTES", 2 * size)
  assert weight_files.read(file).keys() == TENSORS.keys()
  monkeypatch.setattr(weight_files, "_LARGEST_BYTES", size // 2)
  assert "of memory, more than" in reason(file)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
  file = write_weights(tmp_path / "x.safetensors", TENSORS)
  monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
  assert "without safetensors" in reason(file)
