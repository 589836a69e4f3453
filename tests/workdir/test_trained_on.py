"""What is kept of a training comes back, and what was changed is refused."""

import dataclasses

import numpy as np
import pytest

from eanet_jax import errors
from eanet_jax.workdir import checksums_json, trained_on


def kept():
  return trained_on.TrainedOn(
    micrographs=(
      trained_on.Source("a.tif", "=P92", "P92/1", 0.05, 51.2, "00ff"),
      trained_on.Source("\udcff.tif", "HR", "HR/2", None, None, "01ff"),
    ),
    places=np.arange(6, dtype=np.float32).reshape(2, 3),
    typical=1.5,
    least=np.array([[0.5, 0.1], [0.3, 0.0]]),
    specimens=np.array([1, 1]),
    by_micrograph=True,
  )


def test_it_comes_back(tmp_path):
  assert trained_on.read(tmp_path) is None
  trained_on.write(tmp_path, kept())
  found = trained_on.read(tmp_path)
  for field in dataclasses.fields(kept()):
    was, now = getattr(kept(), field.name), getattr(found, field.name)
    if isinstance(was, np.ndarray):
      np.testing.assert_array_equal(was, now)
      assert now.dtype.kind == was.dtype.kind
    else:
      assert was == now


def test_what_was_changed_is_refused(tmp_path):
  trained_on.write(tmp_path, kept())
  checksums_json.write(tmp_path)
  table = tmp_path / trained_on.FILE
  table.write_bytes(table.read_bytes().replace(b"51.2", b"21.2"))
  with pytest.raises(errors.UserError, match="was changed"):
    trained_on.read(tmp_path)
  checksums_json.remove(tmp_path)
  (tmp_path / trained_on.ARRAYS).write_bytes(b"PK no archive")
  with pytest.raises(errors.UserError, match="was changed or is damaged"):
    trained_on.read(tmp_path)
  np.savez(tmp_path / trained_on.ARRAYS, places=np.array([{}], object))
  with pytest.raises(errors.UserError, match="was changed or is damaged"):
    trained_on.read(tmp_path)
  shorter = dataclasses.replace(kept(), places=np.zeros((1, 3), np.float32))
  trained_on.write(tmp_path, shorter)
  with pytest.raises(errors.UserError, match="of 1 micrographs"):
    trained_on.read(tmp_path)


def test_a_digest_is_of_what_is_seen():
  views = np.zeros((2, 4, 4, 1), np.uint8)
  other = views.copy()
  other[1, 3, 3] = 1
  assert trained_on.digest(views) == trained_on.digest(views.copy())
  assert trained_on.digest(views) != trained_on.digest(other)
