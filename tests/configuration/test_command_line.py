"""Configurations: complete, checked, compared."""

import pytest
from conftest import ROOT

from eanet_jax import errors
from eanet_jax.commands import train
from eanet_jax.configuration import command_line, config_tree, field_rules


def load():
  return command_line.load(str(ROOT / "configs" / "default.py"))


def test_default_is_locked_and_valid():
  config = load()
  field_rules.validate(config)
  with pytest.raises(AttributeError):
    config.model.widht = 3


def test_missing_and_unknown_fields_are_named():
  config = load().unlock()
  del config.train.seed
  with pytest.raises(errors.UserError, match=r"no field train\.seed"):
    field_rules.validate(config)
  config = load().unlock()
  config.model.depth = 3
  with pytest.raises(errors.UserError, match=r"unknown field model\.depth"):
    field_rules.validate(config)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_learning_rate_is_a_positive_number(value):
  config = load()
  config.optimizer.learning_rate = value
  with pytest.raises(errors.UserError, match=r"optimizer\.learning_rate"):
    field_rules.validate(config)


def test_differences_are_those_that_change_the_run():
  a, b = load(), load()
  b.train.seed = 7
  b.split.test_specimens = ("P92-1",)
  b.dataset.data_dir = "elsewhere"
  b.dataset.resident_mb = 0
  # Of no use to whole, drawn micrographs, classes and external attention.
  b.dataset.path, b.dataset.tile_px = "nowhere", 64
  b.loss.temperature, b.model.key_width = 0.5, 16
  old, new = config_tree.as_json(a), config_tree.as_json(b)
  assert config_tree.differences(old, new) == [
    "split.test_specimens: [] -> ['P92-1']",
    "train.seed: 0 -> 7",
  ]
  assert config_tree.differences(new, new) == []


@pytest.mark.parametrize(
  ("file", "change", "says"),
  [
    ("eanet", {"dataset.image_px": 250}, "take 240 or 256"),
    ("eanet", {"model.name": "resnet"}, "one of eanet, vgg"),
    ("eanet", {"model.attention_type": "none"}, "one of external"),
    ("vgg", {"model.attention_type": "self"}, "one of none, external"),
    ("vgg", {"dataset.image_px": 16}, "32 or more"),
    ("vgg", {"model.frozen_epochs": 3.0}, "name it with"),
    ("eanet", {"split.folds": 1}, "0, or 2 or more"),
    (
      "eanet",
      {"split.folds": 3, "split.fold": 3},
      "below --config.split.folds",
    ),
    ("eanet", {"split.fold": 1}, "below --config.split.folds"),
    ("eanet_best", {"model.patch_px": 1}, "1 is no power of 2"),
    (
      "eanet_best",
      {"model.patch_px": 24, "dataset.image_px": 240},
      "24 is no power of 2",
    ),
    ("eanet_best", {"model.depthwise_size": 4}, "0, or odd"),
    ("eanet_best", {"evaluation.orientations": 2}, "1, 4 or 8"),
    ("eanet_best", {"augment.crop": 0.0}, "above 0 and up to 1"),
    ("pretrain", {"dataset.image_px": 240}, "a multiple of 32"),
    (
      "pretrain",
      {"model.position_embedding": True},
      "position_embedding False",
    ),
    ("vgg", {"loss.objective": "pairs", "dataset.image_px": 48}, "64 or more"),
  ],
)
def test_what_cannot_be_used_is_one_clear_error(file, change, says):
  config = command_line.load(str(ROOT / "configs" / f"{file}.py"))
  config.update_from_flattened_dict(change)
  with pytest.raises(errors.UserError, match=says):
    train.check(config)


def test_a_model_has_the_fields_of_its_kind_and_no_others():
  config = command_line.load(str(ROOT / "configs" / "vgg.py")).unlock()
  config.model.patch_px = 16
  with pytest.raises(errors.UserError, match=r"unknown field model\.patch_px"):
    field_rules.validate(config)
