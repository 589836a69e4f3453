"""Baselines on drawn textures whose classes differ in one known way."""

import pathlib

import numpy as np
import pytest
from scipy import special
from sklearn import discriminant_analysis, preprocessing, svm

from eanet_jax.data import dataset, splits, view_store
from eanet_jax.evaluation import answers, baselines, scoring
from eanet_jax.inference import forward_pass
from eanet_jax.workdir import results_json

SIDE = 32


def standardised(image, mean=128.0, std=30.0):
  """uint8 image of this mean and spread, rounding and clipping aside."""
  image = (image - image.mean()) / image.std()
  return np.clip(np.rint(image * std + mean), 0, 255).astype(np.uint8)


def stripes(rng, period_px):
  y, x = np.mgrid[:SIDE, :SIDE]
  wave = np.sin(
    2 * np.pi * ((x, y)[rng.integers(2)] / period_px + rng.random())
  )
  return wave + 0.3 * rng.normal(size=(SIDE, SIDE))


def noise(rng):
  return rng.normal(size=(SIDE, SIDE))


def data_of(images, labels, class_names=("a", "b", "c"), micrograph=None):
  """Two of three micrographs to train on, every third to test."""
  labels = np.array(labels, np.int32)
  m = len(labels)
  micrograph = np.arange(m) if micrograph is None else np.array(micrograph)
  everything = np.arange(m)
  numbers = tuple(map(str, everything))
  test = everything % 3 == 2
  views = view_store.Views(
    images=images,
    micrograph=micrograph.astype(np.int32),
    labels=labels,
    specimens=numbers,
    files=numbers,
    class_names=class_names,
    skipped=(),
    unmatched=(),
    digest="",
  )
  split = splits.Split(
    everything[~test], np.array([], np.int64), everything[test], "specimen"
  )
  return dataset.Dataset(views, split, by_image=False)


def drawn(draw, labels):
  """uint8 (v, y, x, 1): draw(rng, label) of each label."""
  rng = np.random.default_rng(0)
  return np.stack([draw(rng, label) for label in labels])[..., None]


def texture_of_class(rng, label):
  return standardised(noise(rng) if label == 2 else stripes(rng, 4 + 6 * label))


def brightness_of_class(rng, label):
  mean, std = 90 + 30 * label + rng.normal(), 25 + rng.normal()
  return standardised(noise(rng), mean, std)


def micrograph_scores(logits, views, chosen):
  return scoring.score(answers.Answers(views, chosen, logits))["micrograph"]


def summaries(data):
  """The micrograph scores of each baseline on the test views."""
  chosen = data.views.of(data.split.test)
  return {
    name: micrograph_scores(scores, data.views, chosen)
    for name, scores in baselines.logits(data, chosen).items()
  }


LABELS = np.arange(54) // 3 % 3


@pytest.fixture(scope="module")
def by_texture():
  return data_of(drawn(texture_of_class, LABELS), LABELS)


def test_textures_are_told_apart_by_texture_and_not_by_grey(by_texture):
  found = summaries(by_texture)
  assert list(found) == ["majority", "grey", "texture"]
  assert found["texture"]["accuracy"] == 1
  assert found["grey"]["accuracy"] < 0.7
  assert found["majority"]["accuracy"] == pytest.approx(1 / 3)


def test_brightness_that_follows_the_class_is_caught_and_warned_of():
  found = summaries(data_of(drawn(brightness_of_class, LABELS), LABELS))
  assert found["grey"]["accuracy"] == 1
  line = baselines.shortcut_warning(found["grey"], 3)
  assert "1.000 (chance 0.333)" in line
  assert "\n" not in line


@pytest.mark.parametrize(
  ("score", "num_classes", "warns"),
  [(0.48, 3, False), (0.49, 3, True), (0.6, 2, False), (0.66, 2, True)],
)
def test_a_warning_needs_a_score_well_above_chance(score, num_classes, warns):
  line = baselines.shortcut_warning({"balanced_accuracy": score}, num_classes)
  assert bool(line) == warns


def test_scores_are_of_the_views_chosen_in_their_order(by_texture):
  chosen = by_texture.views.of(by_texture.split.test)
  straight = baselines.logits(by_texture, chosen)
  turned = baselines.logits(by_texture, chosen[::-1])
  for name, scores in straight.items():
    assert scores.shape == (len(chosen), 3)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(turned[name], scores[::-1])


def test_few_classes_have_a_machine_for_each_pair():
  rng = np.random.default_rng(0)
  labels = np.repeat([0, 2, 3], 20)
  train, asked = rng.normal(size=(2, 60, 4)) + labels[:, None]
  scores = baselines._svm_scores(train, labels, asked, 4)
  scaler = preprocessing.StandardScaler().fit(train)
  machine = svm.SVC(C=10, break_ties=True).fit(scaler.transform(train), labels)
  expected = machine.decision_function(scaler.transform(asked))
  np.testing.assert_array_equal(scores[:, [0, 2, 3]], expected)
  assert (scores[:, 1] < expected.min()).all()


def test_of_very_many_images_an_even_part_of_each_class_is_kept():
  labels = np.array([2] + [0, 1] * 50_000)
  kept = baselines._evenly_of_classes(labels, 1000)
  np.testing.assert_allclose(np.bincount(labels[kept]), [500, 500, 1], atol=1)
  assert (np.diff(kept) < 250).all()  # from all over
  few = baselines._evenly_of_classes(labels[:1000], 1000)
  np.testing.assert_array_equal(few, np.arange(1000))


def test_many_classes_take_linear_discriminants(monkeypatch):
  monkeypatch.setattr(svm, "SVC", None)  # of 101 classes it trains 5,050
  labels = np.repeat(np.arange(101), 3)
  micrograph = range(len(labels))
  images = np.empty((len(labels), SIDE, SIDE, 1), np.uint8)
  rng = np.random.default_rng(0)
  for image, label in zip(images, labels, strict=True):
    mean, std = 60 + 12 * (label % 11), 6 + 4 * (label // 11)
    image[..., 0] = standardised(noise(rng), mean, std)
  views = view_store.Views(
    images=images,
    micrograph=np.arange(len(labels), dtype=np.int32),
    labels=labels.astype(np.int32),
    specimens=tuple(map(str, micrograph)),
    files=tuple(map(str, micrograph)),
    class_names=tuple(f"C{i}" for i in range(101)),
    skipped=(),
    unmatched=(),
    digest="",
  )
  train, test = np.flatnonzero(np.arange(303) % 3), np.arange(0, 303, 3)
  split = splits.Split(train, test[:0], test, "specimen")
  found = baselines.logits(dataset.Dataset(views, split, False), test)
  assert found["grey"].shape == found["texture"].shape == (101, 101)
  assert (found["grey"].argmax(-1) == labels[test]).mean() > 0.9
  assert "linear" in results_json.baseline_titles(101)["grey"]
  assert "SVM" in results_json.baseline_titles(100)["grey"]


def test_linear_discriminants_are_scikit_learns(monkeypatch):
  monkeypatch.setattr(baselines, "_LEAST_VARIANCE", 0)
  rng = np.random.default_rng(0)
  labels = np.array([0] * 10 + [2] * 20 + [3] * 30)
  mixed = rng.normal(size=(4, 4))
  train, asked = (
    rng.normal(size=(60, 4)) @ mixed + labels[:, None] for _ in range(2)
  )
  scores = baselines._discriminant_scores(train, labels, asked, 4)
  machine = discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr")
  expected = machine.fit(train, labels).predict_log_proba(asked)
  found = scores[:, [0, 2, 3]]
  found -= special.logsumexp(found, axis=-1, keepdims=True)
  np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
  assert (scores[:, 1] < -1000).all()


def test_a_class_of_one_image_and_a_feature_of_one_value_have_scores():
  train = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
  scores = baselines._discriminant_scores(train, np.arange(3), train, 3)
  assert scores.argmax(-1).tolist() == [0, 1, 2]


def test_the_majority_is_of_training_micrographs_not_of_views():
  # Training micrographs 0, 1, 3, 4: three of class b; most views are of a.
  labels, micrograph = [0, 1, 0, 1, 1, 0], [0] * 9 + [1, 2, 3, 4, 5]
  images = drawn(lambda rng, _: standardised(noise(rng)), micrograph)
  data = data_of(images, labels, ("a", "b"), micrograph)
  chosen = data.views.of(data.split.test)
  scores = baselines.logits(data, chosen)["majority"]
  np.testing.assert_allclose(scores, np.log([[0.25, 0.75]] * 2))
  summary = micrograph_scores(scores, data.views, chosen)
  assert summary["confusion"] == {"a": {"b": 2}, "b": {}}


def test_test_views_have_no_part_in_the_fit(by_texture):
  images = by_texture.views.images.copy()
  test = by_texture.split.test
  images[test] = 255 - images[test][:, ::-1]
  labels = by_texture.views.labels.copy()
  labels[test] = 0
  changed = data_of(images, labels)
  train = by_texture.views.of(by_texture.split.train)[:6]
  found = baselines.logits(changed, train)
  for name, scores in baselines.logits(by_texture, train).items():
    np.testing.assert_array_equal(found[name], scores)


def test_two_classes_have_a_score_each():
  labels = LABELS[:36] % 2
  data = data_of(drawn(brightness_of_class, labels), labels, ("a", "b"))
  scores = baselines.logits(data, np.arange(36))["grey"]
  np.testing.assert_array_equal(scores.argmax(-1), labels)
  np.testing.assert_array_equal(scores[:, 0], -scores[:, 1])
  assert forward_pass.probabilities(scores).max(-1).min() > 0.6


@pytest.mark.parametrize("absent", [0, 1, 2, 3])
def test_a_class_with_nothing_to_train_on_is_never_predicted(absent):
  names = ("a", "b", "c", "d")
  present = [label for label in range(4) if label != absent]
  labels = np.array(present)[np.arange(36) // 3 % 3]
  labels[-1] = absent  # a test micrograph
  data = data_of(drawn(brightness_of_class, labels), labels, names)
  for name, scores in baselines.logits(data, np.arange(36)).items():
    assert np.isfinite(scores).all()
    assert (scores[:, absent] < scores[:, present].min(-1) - 1000).all()
    if name == "grey":
      np.testing.assert_array_equal(scores[:-1].argmax(-1), labels[:-1])


def test_one_class_to_train_on_is_what_all_predict():
  labels = [1, 1, 0, 1, 1, 0]
  data = data_of(drawn(brightness_of_class, labels), labels, ("a", "b"))
  for scores in baselines.logits(data, np.arange(6)).values():
    np.testing.assert_array_equal(scores.argmax(-1), 1)
    assert np.isfinite(scores).all()


def test_texture_features_of_stripes_by_hand():
  # Two grey levels, 8 steps of 8 apart, in columns of one pixel.
  image = np.zeros((1, 16, 16), np.uint8)
  image[:, :, ::2] = 64
  features = baselines.texture_features(image)
  assert features.shape == (1, 74)
  assert features.dtype == np.float32
  # 1 px away in y no pair differs, in x and on both diagonals all do.
  assert features[0, 0] == 0.75 * 8**2
  assert features[0, 4] == 0.75 * 8
  # Of 4 px no pair in x or y differs; on diagonals 4 / sqrt 2 rounds to 3.
  assert features[0, 2] == 0.5 * 8**2
  # Correlation at 1 px: -1 thrice, 1 once.
  assert features[0, 16] == pytest.approx(-0.5, abs=1e-6)


def test_histograms_are_shares_and_correlation_is_at_most_1():
  rng = np.random.default_rng(0)
  images = np.stack([standardised(noise(rng)), standardised(stripes(rng, 6))])
  features = baselines.texture_features(images)
  for low, high in ((20, 30), (30, 48), (48, 74)):
    histogram = features[:, low:high]
    assert (histogram >= 0).all()
    np.testing.assert_allclose(histogram.sum(-1), 1, rtol=1e-5)
  assert (np.abs(features[:, 16:20]) <= 1).all()


@pytest.mark.parametrize("grey", [0, 77, 255])
def test_features_of_a_constant_image_are_finite(grey, recwarn):
  images = np.full((2, SIDE, SIDE), grey, np.uint8)
  features = baselines.texture_features(images)
  assert np.isfinite(features).all()
  assert not recwarn.list


@pytest.mark.parametrize("turn", [np.rot90, np.fliplr, np.flipud, np.transpose])
def test_features_hardly_change_where_the_image_is_turned(turn):
  rng = np.random.default_rng(0)
  images = [standardised(noise(rng)), standardised(stripes(rng, 5))]
  turned = [np.ascontiguousarray(turn(image)) for image in images]
  features = baselines.texture_features(np.stack(images + turned))
  np.testing.assert_allclose(features[2:], features[:2], atol=2e-3, rtol=1e-5)


def test_patterns_do_not_depend_on_brightness():
  image = standardised(noise(np.random.default_rng(0)), mean=100)
  features = baselines.texture_features(np.stack([image, image + 32]))
  # At the border they compare with a mixture of pixels and zeros.
  np.testing.assert_allclose(features[0, 20:], features[1, 20:], atol=6e-3)


@pytest.fixture
def on_disk(tmp_path, by_texture):
  """The textures memory-mapped as a run has them, and their folder."""
  path = tmp_path / "images.u8"
  by_texture.views.images.tofile(path)
  images = np.memmap(path, np.uint8, "r", shape=by_texture.views.images.shape)
  return data_of(images, LABELS), tmp_path


def cache_of(folder):
  (path,) = folder.glob("texture*")
  return path


def test_features_are_kept_beside_the_views_and_used_again(on_disk, by_texture):
  data, folder = on_disk
  first = baselines.logits(data, np.arange(9))
  plain = baselines.logits(by_texture, np.arange(9))
  np.testing.assert_array_equal(first["texture"], plain["texture"])
  path = cache_of(folder)
  with np.load(path, allow_pickle=False) as archive:
    kept = archive["rows"]
  computed = baselines.texture_features(data.views.images[..., 0])
  np.testing.assert_array_equal(kept, computed)
  # Recognisable: each view has another's features.
  np.savez(path, rows=kept[::-1])
  second = baselines.logits(data, np.arange(9))
  assert not np.allclose(second["texture"], first["texture"])
  np.testing.assert_array_equal(second["grey"], first["grey"])


def array(shape, dtype, value=0):
  return lambda path: np.savez(path, rows=np.full(shape, value, dtype))


def flip(path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


DAMAGE = {
  "empty": lambda path: path.write_bytes(b""),
  "flipped": flip,
  "short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
  "cut header": lambda path: path.write_bytes(path.read_bytes()[:20]),
  "archive": lambda path: path.write_bytes(b"PK\x03\x04 not an archive"),
  "shape": array((54, 3), np.float32),
  "dtype": array((54, 74), np.float64),
  "nan": array((54, 74), np.float32, np.nan),
  "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_features_are_computed_again(on_disk, damage):
  data, folder = on_disk
  first = baselines.logits(data, np.arange(9))["texture"]
  path = cache_of(folder)
  good = path.read_bytes()
  damage(path)
  again = baselines.logits(data, np.arange(9))["texture"]
  np.testing.assert_array_equal(again, first)
  assert path.is_dir() or path.read_bytes() == good
  assert cache_of(folder) == path  # nothing half-written is left


def test_a_folder_that_cannot_be_written_is_no_hindrance(
  on_disk, by_texture, monkeypatch
):
  data, folder = on_disk

  def refuse(*_, **__):
    raise PermissionError(13, "read-only")

  monkeypatch.setattr(pathlib.Path, "open", refuse)
  found = baselines.logits(data, np.arange(9))["texture"]
  monkeypatch.undo()
  expected = baselines.logits(by_texture, np.arange(9))["texture"]
  np.testing.assert_array_equal(found, expected)
  assert not list(folder.glob("texture*"))
