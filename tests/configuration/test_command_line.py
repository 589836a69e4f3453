"""Configurations: complete, explained, checked, compared."""

import pathlib
import shutil

import pytest
from conftest import ROOT, launch

from eanet_jax import errors
from eanet_jax.commands import training_job
from eanet_jax.configuration import (
  command_line,
  comparison_rules,
  config_tree,
  field_rules,
  field_words,
)


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
  # Of a version that did not know a field.
  del old["dataset"]["um_per_px"]
  b = load()
  b.dataset.um_per_px = 0.5
  assert config_tree.differences(old, config_tree.as_json(a)) == []
  assert config_tree.differences(old, config_tree.as_json(b)) == [
    "dataset.um_per_px: 0.0 -> 0.5"
  ]


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
    ("eanet_best", {"model.patch_px": 1}, "1 is not a power of 2"),
    (
      "eanet_best",
      {"model.patch_px": 24, "dataset.image_px": 240},
      "24 is not a power of 2",
    ),
    ("eanet_best", {"model.depthwise_size": 4}, "0, or odd"),
    ("eanet_best", {"evaluation.orientations": 2}, "1, 4 or 8"),
    ("eanet_best", {"augment.crop": 0.0}, "above 0 and up to 1"),
    ("transfer", {"dataset.image_px": 16}, "too small for EfficientNet"),
    ("eanet", {"train.trace_steps": (5, 5)}, "the first below the second"),
    ("eanet", {"train.trace_steps": (-1, 5)}, "two steps from 0 on"),
    ("eanet", {"train.trace_steps": (5,)}, r"trace_steps=\(5,\) cannot"),
    ("eanet", {"train.trace_steps": (0.5, 5)}, "train.trace_steps"),
    ("transfer", {"train.trace_steps": (0, 5)}, "has nothing to trace"),
    ("eanet", {"train.writers": ("wandb",)}, "any of tensorboard and mlflow"),
    ("eanet", {"train.writers": ("mlflow", "mlflow")}, "train.writers"),
    ("transfer", {"train.epochs": 3}, "train.epochs=3 is for a network that"),
    ("transfer", {"split.validate_by": "specimen"}, "set images aside"),
    ("transfer", {"model.pretrained": "a.h5"}, "has those of its model.trunk"),
    ("transfer", {"init_from": "runs/a"}, "has those of its model.trunk"),
    ("transfer", {"loss.objective": "pairs"}, "transfer is a trained one"),
    ("transfer", {"model.trunk": "lite9"}, "one of efficientnet_lite0"),
    ("eanet", {"loss.objective": "discriminant"}, "needs --config.model.name"),
    ("transfer", {"loss.objective": "classes"}, "is solved, not trained"),
    ("eanet", {"split.validate_by": "none"}, "leaves nothing to choose"),
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
    training_job.check(config)


def test_a_model_has_the_fields_of_its_kind_and_no_others():
  config = command_line.load(str(ROOT / "configs" / "vgg.py")).unlock()
  config.model.patch_px = 16
  with pytest.raises(errors.UserError, match=r"unknown field model\.patch_px"):
    field_rules.validate(config)


def fields_of(name, *groups):
  tree = command_line.load(str(ROOT / "configs" / name)).to_dict()
  return config_tree.flatten({g: tree[g] for g in groups or tree})


@pytest.mark.parametrize(
  ("fields", "file", "functions"),
  [
    (("default.py",), "default", ("eanet", "_weights", "get_config")),
    (("vgg.py", "model"), "default", ("vgg", "_weights")),
    (("compare.py", "compare"), "compare", None),
  ],
)
def test_every_field_has_words(fields, file, functions):
  words = field_words.read(ROOT / "configs" / f"{file}.py", functions)
  for field in fields_of(*fields):
    assert len(words.get(field, "").split()) >= 2, f"{field} is not explained"


def test_words_are_the_comments_above_and_behind_a_field(tmp_path):
  file = tmp_path / "recipe.py"
  file.write_text(
    "def get_config():\n"
    "  # Of a group.\n"
    "  train = config.train = ConfigDict()\n"
    "  # Not of what follows a blank line.\n"
    "\n"
    "  # Passes over\n"
    "  # the images.\n"
    "  train.epochs = 50  # paper\n"
    "  train.rate = '#1'  # of Adam\n"
    "  train.silent = 1\n"
    "  config.init_from = ''  # a workdir\n"
    "  if again:\n"
    "    train.rate = 2  # not this\n"
    "def other():\n"
    "  train.silent = 2  # other words\n"
  )
  assert field_words.read(file, ["get_config"]) == {
    "train": "Of a group.",
    "train.epochs": "Passes over the images (paper)",
    "train.rate": "of Adam",
    "init_from": "a workdir",
  }
  assert field_words.read(file)["train.silent"] == "other words"


def test_help_explains_every_field_in_80_columns():
  done = launch("--help")
  assert done.returncode == 0, done.stderr
  lines = done.stdout.splitlines()
  assert max(map(len, lines)) <= 80
  for field, value in fields_of("default.py").items():
    where = lines.index(f"  --config.{field}={value}")
    assert lines[where + 1].startswith("      "), field
  for field in fields_of("compare.py", "compare"):
    assert f"  --config.{field}=" in done.stdout
  assert "  --config.model.batch_norm=True" in lines  # of VGG
  assert lines.index("  --config.split.folds=0") < lines.index(
    "  --config.split.fold=0"
  )  # in the order of the file


def overridden(*arguments, file="eanet"):
  config = command_line.load(str(ROOT / "configs" / f"{file}.py"))
  return command_line.override(config, ["launch.py", *arguments])


def test_fields_are_set_as_their_kind_is():
  config = overridden(
    "--config.train.epochs=3",
    "--config.optimizer.learning_rate=1",
    "--config.split.test_specimens=('P92-1', 'HR-2')",
    "--config.augment.flips=False",
    "--noconfig.model.position_embedding",
    "--config.model.dtype",
    "bfloat16",
  )
  assert config.train.epochs == 3
  assert isinstance(config.optimizer.learning_rate, float)
  assert config.split.test_specimens == ("P92-1", "HR-2")
  assert not config.augment.flips
  assert not config.model.position_embedding
  assert config.model.dtype == "bfloat16"
  assert config.is_locked


@pytest.mark.parametrize(
  ("argument", "says"),
  [
    ("--config.train.epochs=abc", "epochs=abc .* a whole number, e.g. 50"),
    ("--config.train.epochs=3.5", "epochs=3.5 .* a whole number"),
    ("--config.train.epochs=", "epochs= .* a whole number"),
    ("--config.optimizer.learning_rate=fast", "learning_rate=fast .* a number"),
    ("--config.augment.flips=maybe", "flips=maybe .* True or False"),
    ("--config.split.test_specimens=P92 1", "test_specimens=P92 1 .* a list"),
    ("--config.train.epoch=3", "train.epoch is not a field .* train.epochs"),
    ("--config.trian.epochs=3", "trian.epochs is not a field .* train.epochs"),
    ("--config.train.epochs.x=3", "train.epochs.x is not a field"),
    ("--config.model=3", "model is a group .* --config.model.attention"),
    ("stray", "unexpected argument 'stray'"),
    ("--wrokdir=x", "wrokdir"),
  ],
)
def test_a_wrong_override_names_its_field(argument, says):
  with pytest.raises(errors.UserError, match=says):
    overridden(argument)


def test_seeds_of_a_comparison_are_whole_numbers():
  config = overridden("--config.compare.seeds=abc", file="compare")
  with pytest.raises(errors.UserError, match=r"compare\.seeds.* whole number"):
    comparison_rules.validate(config)


@pytest.mark.parametrize(
  ("argument", "file", "variant"),
  [
    ("configs/eanet.py", "configs/eanet.py", ""),
    ("configs/eanet.py:single_head", "configs/eanet.py", "single_head"),
    ("a:b/eanet.py:single_head", "a:b/eanet.py", "single_head"),
    (
      str(pathlib.PureWindowsPath(r"C:\steels\configs\eanet.py")) + ":literal",
      r"C:\steels\configs\eanet.py",
      "literal",
    ),
    (r"C:\steels\configs\eanet.py", r"C:\steels\configs\eanet.py", ""),
    ("pyproject.toml", "pyproject.toml", ""),
  ],
)
def test_file_and_variant_part_behind_the_ending(argument, file, variant):
  assert command_line.split_argument(argument) == (file, variant)


def test_a_folder_whose_name_has_a_colon(tmp_path):
  folder = tmp_path / "a:b"
  shutil.copytree(ROOT / "configs", folder)
  argument = f"--config={folder / 'eanet.py'}:single_head"
  done = launch(argument, "--config.train.epochs=-1")
  assert done.returncode == 2
  assert "--config.train.epochs=-1" in done.stderr
  done = launch(argument.replace("single", "octuple"))
  assert "choose multi_head, single_head" in done.stderr
