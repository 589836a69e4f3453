"""Configurations: complete, checked, compared."""

import pytest
from conftest import ROOT

from eanet_jax import errors, settings


def load():
  return settings.load(str(ROOT / "configs" / "default.py"))


def test_default_is_locked_and_valid():
  config = load()
  settings.validate(config)
  with pytest.raises(AttributeError):
    config.model.widht = 3


def test_missing_and_unknown_fields_are_named():
  config = load().unlock()
  del config.train.seed
  with pytest.raises(errors.UserError, match=r"no field train\.seed"):
    settings.validate(config)
  config = load().unlock()
  config.model.depth = 3
  with pytest.raises(errors.UserError, match=r"unknown field model\.depth"):
    settings.validate(config)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_learning_rate_is_a_positive_number(value):
  config = load()
  config.optimizer.learning_rate = value
  with pytest.raises(errors.UserError, match=r"optimizer\.learning_rate"):
    settings.validate(config)


def test_differences_are_those_that_change_the_run():
  a, b = load(), load()
  b.train.seed = 7
  b.split.test_specimens = ("P92-1",)
  b.dataset.data_dir = "elsewhere"
  b.dataset.resident_mb = 0
  old, new = settings.as_json(a), settings.as_json(b)
  assert settings.differences(old, new) == [
    "split.test_specimens: [] -> ['P92-1']",
    "train.seed: 0 -> 7",
  ]
  assert settings.differences(new, new) == []
