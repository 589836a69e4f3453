"""What every field of a configuration may be.

Takes a merged ConfigDict, gives nothing or one clear error that names the
field. configs/default.py says what the fields mean.
"""

import math
from collections.abc import Callable
from typing import Any

import ml_collections

from eanet_jax import errors
from eanet_jax.configuration import config_tree


def _one_of(*names: str) -> tuple[Callable[[Any], bool], str]:
  return lambda value: value in names, "one of " + ", ".join(names)


def _from_to(least: float, most: float) -> tuple[Callable[[Any], bool], str]:
  return lambda value: least <= value <= most, f"from {least} to {most}"


def _is_range(value: Any) -> bool:
  """Whether a value is () or (first, behind the last), whole numbers."""
  if not value:
    return isinstance(value, list | tuple)
  first, behind = value
  return type(first) is type(behind) is int and 0 <= first < behind


_POSITIVE = (lambda value: value >= 1, "1 or more")
_NOT_NEGATIVE = (lambda value: value >= 0, "0 or more")
_ABOVE_ZERO = (lambda value: value > 0, "above 0")
_DROPOUT_RATE = _from_to(0, 0.9)
_BELOW_ONE = (lambda value: 0 <= value < 1, "from 0 to below 1")
_ANY = (lambda value: True, "anything")  # checked where it is used, or a bool

# Nobody's network is wider; a checkpoint from elsewhere may say anything.
_WIDEST = 1 << 16
# Of the images of a batch for evaluation, float32.
_BATCH_BYTES = 1 << 32

# Every field there is, except the `model` group.
_RULES = {
  "init_from": _ANY,
  "dataset.source": _one_of(
    "synthetic", "folder", "nine_cr", "unlabelled", "table"
  ),
  "dataset.path": _ANY,
  "dataset.data_dir": _ANY,
  "dataset.file_limit_gb": _ABOVE_ZERO,
  "dataset.file_limit_s": _ABOVE_ZERO,
  "dataset.bar_rows": (lambda rows: rows >= -1, "-1, or 0 or more"),
  "dataset.overlays": _one_of("hide", "keep"),
  "dataset.file_um_per_px": _NOT_NEGATIVE,
  "dataset.um_per_px": _NOT_NEGATIVE,
  "dataset.seed": _NOT_NEGATIVE,
  "dataset.images_per_specimen": _NOT_NEGATIVE,
  "dataset.allow_duplicates": _ANY,
  "dataset.view": _one_of("whole", "tiles", "auto"),
  "dataset.image_px": _from_to(8, 8192),
  "dataset.tile_px": _from_to(8, 8192),
  "dataset.resident_mb": _NOT_NEGATIVE,
  "dataset.standardise": _one_of("set", "image"),
  "split.by": _one_of("specimen", "micrograph"),
  "split.validate_by": _one_of("specimen", "micrograph", "none"),
  "split.test_specimens": _ANY,
  "split.folds": (lambda folds: folds == 0 or folds >= 2, "0, or 2 or more"),
  "split.fold": (lambda fold: fold >= -1, "0 or more, or -1 for all"),
  "split.cross_validate": _ANY,
  "split.leave_one_out": _ANY,
  "split.validation_fraction": _BELOW_ONE,
  "split.test_fraction": _BELOW_ONE,
  "split.train_fraction": (lambda part: 0 < part <= 1, "above 0 and up to 1"),
  "split.seed": _NOT_NEGATIVE,
  "loss.objective": _one_of("classes", "pairs", "discriminant"),
  "loss.temperature": _ABOVE_ZERO,
  "loss.embedding_size": _from_to(1, _WIDEST),
  "loss.gamma": _NOT_NEGATIVE,
  "loss.label_smoothing": _BELOW_ONE,
  "loss.class_weights": _one_of("none", "balanced"),
  "optimizer.learning_rate": _ABOVE_ZERO,
  "optimizer.weight_decay": _NOT_NEGATIVE,
  "optimizer.decoupled_decay": _ANY,
  "optimizer.schedule": _one_of("constant", "cosine"),
  "optimizer.warmup_epochs": _NOT_NEGATIVE,
  "optimizer.clip_norm": _NOT_NEGATIVE,
  "augment.flips": _ANY,
  "augment.quarter_turns": _ANY,
  "augment.rotation_deg": _from_to(0, 180),
  "augment.zoom": _BELOW_ONE,
  "augment.crop": (lambda crop: 0 < crop <= 1, "above 0 and up to 1"),
  "augment.exact": _from_to(0, 1),
  "augment.blur": _from_to(0, 3),
  "augment.noise": _NOT_NEGATIVE,
  "augment.contrast": _BELOW_ONE,
  "augment.brightness": _NOT_NEGATIVE,
  "train.epochs": _NOT_NEGATIVE,
  "train.minutes": _NOT_NEGATIVE,
  "train.batch_size": _POSITIVE,
  "train.seed": _NOT_NEGATIVE,
  "train.steps_per_dispatch": _NOT_NEGATIVE,
  "train.trace_steps": (
    _is_range,
    "() or two steps from 0 on, the first below the second, e.g. (20, 25)",
  ),
  "train.writers": (
    lambda names: (
      isinstance(names, list | tuple)
      and set(names) <= {"tensorboard", "mlflow"}
      and len(set(names)) == len(names)
    ),
    "() or any of tensorboard and mlflow, e.g. ('tensorboard', 'mlflow')",
  ),
  "evaluation.batch_size": _POSITIVE,
  "evaluation.orientations": (lambda n: n in (1, 4, 8), "1, 4 or 8"),
  "evaluation.bootstrap_resamples": _NOT_NEGATIVE,
}

_OF_EVERY_MODEL = {
  "model.name": _one_of("eanet", "vgg", "transfer"),
  "model.pretrained": _ANY,
  "model.frozen_epochs": _NOT_NEGATIVE,
  "model.dtype": _one_of("float32", "bfloat16"),
}

_OF_ATTENTION = {
  "model.num_heads": _from_to(1, _WIDEST),
  "model.num_slots": _from_to(1, _WIDEST),
  "model.dropout_rate": _DROPOUT_RATE,
  "model.attention_dropout_rate": _DROPOUT_RATE,
}

# The `model` group, by model.name.
_MODEL_RULES = {
  "eanet": {
    **_OF_EVERY_MODEL,
    **_OF_ATTENTION,
    "model.attention_type": _one_of(
      "external", "single_memory", "self", "simplified"
    ),
    "model.patch_px": _POSITIVE,
    "model.width": _from_to(1, _WIDEST),
    "model.num_blocks": _from_to(1, 256),
    "model.normalisation": _one_of("double", "tokens", "slots"),
    "model.key_width": _from_to(1, _WIDEST),
    "model.mlp_width": _from_to(1, _WIDEST),
    "model.stem": _one_of("patches", "convolutions"),
    "model.depthwise_size": (
      lambda n: n == 0 or (n % 2 and 0 < n < 256),
      "0, or odd and from 1 to 255",
    ),
    "model.position_embedding": _ANY,
    "model.pooling": _one_of("mean", "maps"),
  },
  "vgg": {
    **_OF_EVERY_MODEL,
    **_OF_ATTENTION,
    "model.attention_type": _one_of("none", "external"),
    "model.width_multiplier": (
      lambda times: 0 < times <= 16,
      "above 0 and up to 16",
    ),
    "model.batch_norm": _ANY,
  },
  "transfer": {
    **_OF_EVERY_MODEL,
    "model.trunk": _one_of("efficientnet_lite0"),
  },
}


def validate(config: ml_collections.ConfigDict) -> None:
  """Raises UserError naming the first field whose value cannot be used."""
  flat = config_tree.flatten(config.to_dict())
  name = flat.get("model.name", "")
  rules = _RULES | _MODEL_RULES.get(name, _OF_EVERY_MODEL)
  for field in sorted(flat.keys() ^ rules.keys()):
    if name not in _MODEL_RULES and field.startswith("model."):
      continue  # only the name is wrong
    raise errors.UserError(
      f"the configuration has {'an unknown' if field in flat else 'no'} field"
      f" {field}: base it on configs/default.py"
    )
  for field, (allowed, requirement) in rules.items():
    value = flat.get(field)
    finite = not isinstance(value, float) or math.isfinite(value)
    if not (finite and _allows(allowed, value)):
      raise errors.UserError(
        f"--config.{field}={value!r} cannot be used: it must be {requirement}"
      )
  split = config.split
  if split.fold >= max(split.folds, 1):
    raise errors.UserError(
      f"--config.split.fold={split.fold} must be below --config.split.folds="
      f"{split.folds}"
    )
  if config.model.frozen_epochs and not config.model.pretrained:
    raise errors.UserError(
      f"--config.model.frozen_epochs={config.model.frozen_epochs} freezes"
      " weights read from a file: name it with --config.model.pretrained"
    )
  if name == "transfer" and (config.model.pretrained or config.init_from):
    raise errors.UserError(
      "--config.model.pretrained and --config.init_from say which weights to"
      " start from: --config.model.name=transfer has those of its model.trunk"
    )
  if name == "transfer" and config.train.trace_steps:
    raise errors.UserError(
      f"--config.train.trace_steps={config.train.trace_steps!r} has nothing to"
      " trace: --config.model.name=transfer is solved in one go, without"
      " training steps"
    )
  if config.init_from and config.model.pretrained:
    raise errors.UserError(
      "--config.init_from and --config.model.pretrained both say which weights"
      " to start from: give one"
    )
  if split.cross_validate and split.train_fraction != 1:
    raise errors.UserError(
      f"--config.split.train_fraction={split.train_fraction} leaves images out"
      " of training, and --config.split.cross_validate=True keeps a classifier"
      " that has seen all: it needs False"
    )
  if split.cross_validate and config.dataset.standardise != "image":
    raise errors.UserError(
      "--config.split.cross_validate=True joins networks that must see an image"
      " in the same way: it needs --config.dataset.standardise=image"
    )
  image_px = config.dataset.image_px
  most = _BATCH_BYTES // (4 * image_px**2)
  if config.evaluation.batch_size > most:
    raise errors.UserError(
      f"--config.evaluation.batch_size={config.evaluation.batch_size} images of"
      f" {image_px} x {image_px} pixels take too much memory: it must be"
      f" {most} or less"
    )
  if name == "eanet":
    patch_px = config.model.patch_px
    _check_patches(image_px, patch_px)
    if config.model.stem == "convolutions" and (
      patch_px < 2 or patch_px & (patch_px - 1)
    ):
      raise errors.UserError(
        f"--config.model.patch_px={patch_px} is not a power of 2:"
        " --config.model.stem=convolutions halves an image to its tokens"
      )
  elif image_px < 32:
    network = {"vgg": "VGG", "transfer": "EfficientNet"}[name]
    raise errors.UserError(
      f"--config.dataset.image_px={image_px} is too small for {network}, which"
      " halves it five times: it must be 32 or more"
    )


def _allows(allowed: Callable[[Any], bool], value: Any) -> bool:
  """Whether a rule allows a value, which may be of any type."""
  try:
    return bool(allowed(value))
  except (TypeError, ValueError):  # such as of another length
    return False


def _check_patches(image_px: int, patch_px: int) -> None:
  if image_px % patch_px:
    near = max(image_px // patch_px, 1) * patch_px
    raise errors.UserError(
      f"--config.dataset.image_px={image_px} does not divide into patches of"
      f" {patch_px} px (--config.model.patch_px): take {near} or"
      f" {near + patch_px}"
    )
