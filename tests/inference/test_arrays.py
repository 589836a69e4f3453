"""Pictures as arrays, and features: the same answers as for files."""

import jax
import made_classifiers
import numpy as np
import pytest
from made_files import save, specimen, with_bar
from PIL import Image

from eanet_jax import errors
from eanet_jax.data import micrographs
from eanet_jax.inference import forward_pass
from eanet_jax.models import ensemble

KINDS = ("transfer", "eanet", "eanet_best", "vgg_attention")


@pytest.fixture(scope="module")
def classifiers():
  made = {kind: made_classifiers.SMALL[kind]() for kind in KINDS[1:]}
  made["transfer"] = made_classifiers.classifier(
    "transfer", "dataset.view=whole", members=2
  )
  return made


@pytest.fixture(scope="module")
def tiled():
  return made_classifiers.classifier(
    "eanet",
    *("model.patch_px=8", "model.width=16", "model.num_blocks=1"),
    *("dataset.view=tiles", "dataset.tile_px=40"),
    levels=(110.0, 40.0),
  )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  """PNG files of 8 and 16 bits, with and without a data bar."""
  folder = tmp_path_factory.mktemp("pictures")
  images = [
    specimen(seed=1),
    with_bar(),
    specimen(120, 90, seed=2).astype(np.uint16) * 257,
    specimen(64, 64, seed=3).astype(np.uint16) << 4,
    specimen(50, 70, seed=4),
  ]
  return [
    save(folder / f"{i}.png", image) for i, image in enumerate(images)
  ], images


def assert_same(found, expected):
  """Two predictions say the same, whatever the pictures are called."""
  for field in ("label", "crop_rows", "bar_from", "verdict", "remarks"):
    assert getattr(found, field) == getattr(expected, field), field
  np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
  assert (found.um_per_px, found.um_from) == (
    expected.um_per_px,
    expected.um_from,
  )


def test_arrays_are_answered_for_as_their_files(classifiers, files):
  paths, images = files
  for classifier in classifiers.values():
    of_files, of_arrays = classifier(paths), classifier(images)
    for found, expected in zip(of_arrays, of_files, strict=True):
      assert_same(found, expected)
      np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert [each.file for each in of_arrays] == [f"array {i}" for i in range(5)]
    assert len({round(each.probability, 4) for each in of_files}) > 2


def test_paths_arrays_and_folders_may_be_mixed(tiled, files):
  paths, images = files
  mixed = [paths[1], images[0], paths[0].parent, str(paths[2])]
  found = tiled(each for each in mixed)
  expected = tiled([paths[1], paths[0], *paths, paths[2]])
  assert [each.file for each in found] == [
    *(str(paths[1]), "array 1"),
    *map(str, paths),
    str(paths[2]),
  ]
  for one, other in zip(found, expected, strict=True):
    assert_same(one, other)


def test_one_array_and_a_stack_of_them(tiled):
  stack = np.stack([specimen(seed=i) for i in range(3)])
  one_by_one = [tiled(each)[0] for each in stack]
  for found, expected in zip(tiled(stack), one_by_one, strict=True):
    assert_same(found, expected)
  assert tiled(stack[:0]) == []
  assert tiled([]) == []


def test_what_is_known_of_arrays_can_be_told(tiled, files):
  _, images = files
  told = micrographs.Told(bar_rows=10, um_per_px=0.5)
  for found in tiled(images, told):
    assert (found.crop_rows, found.bar_from) == (10, "told")
    assert (found.um_per_px, found.um_from) == (0.5, "told")
  of_one = list(tiled.stream(images, {"array 1": told}))
  assert [each.um_per_px for each in of_one] == [None, 0.5, None, None, None]
  (usual,) = tiled(images[1])
  assert usual.crop_rows == 24


@pytest.mark.parametrize(
  "pictures, said",
  [
    (np.zeros((90, 80, 3), np.uint8), r"array 0 .* \(90, 80, 3\)"),
    ([specimen(), specimen() / 1.0], "array 1 has floats from 0 to 255"),
    ([specimen(), Image.fromarray(specimen())], "picture 1 is a Image"),
    ([[1, 2], [3, 4]], "picture 0 is a list"),
  ],
)
def test_other_arrays_are_refused(tiled, pictures, said):
  for call in (tiled, tiled.embed):
    with pytest.raises(errors.UserError, match=said):
      call(pictures)


def test_an_array_is_examined(tiled):
  found = tiled.examine(with_bar())
  np.testing.assert_array_equal(found.micrograph.image, specimen())
  assert found.prediction.file == "array 0"
  assert len(found.views) == len(found.prediction.logits)


def test_a_picture_that_cannot_be_used_has_a_reason_and_no_features(tiled):
  blank = np.full((60, 60), 7, np.uint8)
  good, bad, small = tiled([specimen(), blank, specimen(39, 60)])
  assert good.label and not good.error
  assert "blank" in bad.error and bad.probabilities is None
  assert "too small for a tile of 40" in small.error
  with pytest.raises(errors.UserError, match=r"^array 1: blank"):
    tiled.embed([specimen(), blank])


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_of_each_picture_by_itself(classifiers, files, kind):
  classifier, (paths, images) = classifiers[kind], files
  together = classifier.embed(paths)
  assert together.dtype == np.float32
  assert np.isfinite(together).all()
  assert len(np.unique(together, axis=0)) == len(paths)
  np.testing.assert_allclose(classifier.embed(images), together, atol=1e-5)
  for picture, expected in zip(images, together, strict=True):
    (alone,) = classifier.embed(picture)
    np.testing.assert_allclose(alone, expected, rtol=1e-4, atol=1e-4)
  assert classifier.embed([]).shape == (0, together.shape[1])


def test_features_are_the_mean_over_views(tiled):
  image = specimen(80, 80)
  tiles = micrographs.tiles(image, 40)
  np.testing.assert_allclose(
    tiled.embed(image)[0], tiled.embed(tiles).mean(0), rtol=1e-4, atol=1e-5
  )


@pytest.mark.parametrize("kind", ["eanet", "vgg_attention"])
def test_each_networks_last_layer_takes_these_features(classifiers, kind):
  """Where nothing is between, it gives the logits from them."""
  classifier = classifiers[kind]
  model, variables, meta = classifier.network
  orientations = meta.config["evaluation"]["orientations"]
  assert orientations == 1
  members = getattr(model, "members", 1)
  image = specimen(64, 64, seed=5)
  features = np.split(classifier.embed(image)[0], members)
  of_members = []
  for i, each in enumerate(features):
    own = ensemble.member(variables, i) if members > 1 else variables
    head = jax.tree.map(np.asarray, own["params"]["head"])
    logits = each @ head["kernel"] + head["bias"]
    logits = logits / ensemble.temperature(variables)
    of_members.append(forward_pass.probabilities(np.asarray(logits)[None])[0])
  np.testing.assert_allclose(
    np.mean(of_members, axis=0),
    classifier(image)[0].probabilities,
    rtol=1e-3,
    atol=1e-5,
  )


def test_no_count_of_pictures_compiles_again(tiled, caplog):
  image = specimen(40, 40)
  tiled.embed(image)
  tiled(image)
  with jax.log_compiles():
    for count in (2, 3, 17):
      tiled.embed([image] * count)
      tiled([image] * count)
  assert not [each for each in caplog.messages if "Compiling" in each]
