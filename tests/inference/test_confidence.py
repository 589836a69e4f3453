"""A verdict is what left-out specimens allow to say, with its reason."""

import numpy as np
import pytest

from eanet_jax import errors
from eanet_jax.inference import confidence, prediction_sets
from eanet_jax.workdir import trained_on

NAMES = ("bainite", "martensite")


def kept(specimens=(9, 9), fields=(None,), by_micrograph=False, least=0.3):
  return trained_on.TrainedOn(
    micrographs=tuple(
      trained_on.Source(f"{i}.tif", "bainite", "heat_1", 0.1, field, str(i))
      for i, field in enumerate(fields)
    ),
    places=np.empty((0, 0), np.float32),
    typical=1.0,
    least=np.full((2, len(prediction_sets.COVERAGES)), least),
    specimens=np.array(specimens),
    by_micrograph=by_micrograph,
  )


def verdict(of, probabilities, novelty=0.5, field_um=None):
  return of.verdict(np.array(probabilities), novelty, field_um)


def test_an_answer_is_known_unsure_or_foreign():
  of = confidence.Confidence.of(kept(), NAMES)
  assert of.coverage == 90
  assert verdict(of, [0.9, 0.1]) == ("known", "")
  word, reason = verdict(of, [0.35, 0.65])
  assert word == "unsure"
  assert reason == "may be martensite 0.65, bainite 0.35"
  word, reason = verdict(of, [0.9, 0.1], novelty=1.234)
  assert word == "foreign"
  assert "novelty 1.23" in reason


def test_a_class_less_probable_than_true_ones_are_is_unsure():
  of = confidence.Confidence.of(kept(least=0.98), NAMES)
  word, reason = verdict(of, [0.6, 0.4])
  assert word == "unsure"
  assert "bainite has 0.60, less than 90 %" in reason
  assert of.set_of(np.array([0.6, 0.4])) == ("bainite",)
  # A tenth of the right ones are below, and are sure enough for 90 %.
  assert verdict(of, [0.95, 0.05])[0] == "known"


@pytest.mark.parametrize(
  ("field_um", "word"),
  [(None, "known"), (75, "known"), (150, "known"), (60, "other"), (200, "oth")],
)
def test_a_field_of_half_or_twice_the_width_is_another_magnification(
  field_um, word
):
  of = confidence.Confidence.of(kept(fields=(100, None, 120)), NAMES)
  found, reason = verdict(of, [0.9, 0.1], field_um=field_um)
  assert found.startswith(word)
  if word != "known":
    assert f"{field_um} um wide, and was 100 to 120 um" in reason
  unknown = confidence.Confidence.of(kept(), NAMES)
  assert verdict(unknown, [0.9, 0.1], field_um=field_um)[0] == "known"


def test_what_cannot_be_promised_is_refused_and_what_is_missing_said():
  few = kept(specimens=(5, 2))
  of = confidence.Confidence.of(few, NAMES)
  assert of.coverage == 87  # 7 / 8
  assert "for 87 % of micrographs of new specimens of all" in of.promise
  assert "90 % needs 9 specimens" in of.promise
  assert "has 2 of martensite, 5 of bainite" in of.promise
  with pytest.raises(errors.UserError, match="the most is 87"):
    confidence.Confidence.of(few, NAMES, 90)
  with pytest.raises(errors.UserError, match="take one from 50 to 99"):
    confidence.Confidence.of(few, NAMES, 100)
  assert confidence.Confidence.of(few, NAMES, 75).coverage == 75
  each = confidence.Confidence.of(kept(), NAMES)
  assert each.promise.endswith("new specimens of each class")
  images = confidence.Confidence.of(kept(by_micrograph=True), NAMES)
  assert "of new micrographs" in images.promise


@pytest.mark.parametrize("of", [None, kept(specimens=(9, 0))])
def test_without_left_out_specimens_there_are_no_sets(of):
  found = confidence.Confidence.of(of, NAMES)
  assert "no set of classes can be promised" in found.promise
  assert found.set_of(np.array([0.5, 0.5])) == ()
  assert verdict(found, [0.5, 0.5]) == ("known", "")
  assert verdict(found, [0.5, 0.5], novelty=None) == ("", "")
  assert verdict(found, [0.5, 0.5], novelty=2.0)[0] == "foreign"
  with pytest.raises(errors.UserError, match="cannot be promised"):
    confidence.Confidence.of(of, NAMES, 80)
