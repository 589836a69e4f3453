"""A configuration as nested values: flattened, stored and compared."""

import json
from collections.abc import Mapping
from typing import Any

import ml_collections

Tree = Mapping[str, Any]

# Fields that change where or how fast a run goes, not what it trains.
_FREE = frozenset(
  {
    "dataset.data_dir",
    "dataset.path",  # the micrographs' own checksum tells
    "dataset.file_limit_gb",
    "dataset.file_limit_s",
    "dataset.resident_mb",
    "dataset.allow_duplicates",  # the split and its warnings are the same
    "train.minutes",  # what came of them tells
    "train.steps_per_dispatch",
    "train.trace_steps",
    "train.writers",
    "evaluation.batch_size",
    "evaluation.bootstrap_resamples",
  }
)
# Fields that came later, and what runs did before there was one. So what was
# trained before stays of use.
_LATER: dict[str, Any] = {
  "dataset.bar_rows": -1,
  "dataset.overlays": "keep",
  "dataset.file_um_per_px": 0.0,
  "dataset.um_per_px": 0.0,
  "dataset.allow_duplicates": False,
  "split.cross_validate": False,
  "train.minutes": 15.0,
  "train.trace_steps": [],
  "train.writers": ["tensorboard"],
}
# (field, some of its values, the fields that a run does not use with them).
_UNUSED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
  (
    "dataset.source",
    ("unlabelled",),
    (
      "split.by",
      "split.validate_by",
      "split.test_specimens",
      "split.folds",
      "split.fold",
      "split.leave_one_out",
      "split.validation_fraction",
      "split.test_fraction",
      "split.train_fraction",
      "split.seed",
    ),
  ),
  (
    "dataset.source",
    ("folder", "nine_cr", "unlabelled", "table"),
    ("dataset.seed",),
  ),
  # Drawings have a bar, a scale and no boxes.
  (
    "dataset.source",
    ("synthetic",),
    ("dataset.bar_rows", "dataset.overlays", "dataset.file_um_per_px"),
  ),
  ("dataset.view", ("whole",), ("dataset.tile_px",)),
  ("dataset.view", ("whole", "tiles"), ("train.minutes",)),
  (
    "split.by",
    ("micrograph",),
    ("split.validate_by", "split.leave_one_out"),
  ),
  (
    "loss.objective",
    ("classes",),
    ("loss.temperature", "loss.embedding_size"),
  ),
  (
    "loss.objective",
    ("pairs",),
    (
      "loss.gamma",
      "loss.label_smoothing",
      "loss.class_weights",
      "evaluation.orientations",
      "evaluation.bootstrap_resamples",
    ),
  ),
  # Solved in closed form: no step, no batch, no draw.
  (
    "loss.objective",
    ("discriminant",),
    (
      "dataset.resident_mb",
      "loss.gamma",
      "loss.label_smoothing",
      "loss.class_weights",
      "loss.temperature",
      "loss.embedding_size",
      "augment.flips",
      "augment.quarter_turns",
      "augment.rotation_deg",
      "augment.zoom",
      "augment.crop",
      "augment.exact",
      "augment.blur",
      "augment.noise",
      "augment.contrast",
      "augment.brightness",
      "train.seed",
      "train.steps_per_dispatch",
      "train.trace_steps",
    ),
  ),
  (
    "model.attention_type",
    ("external", "single_memory"),
    ("model.key_width",),
  ),
  (
    "model.attention_type",
    ("self", "simplified"),
    ("model.num_slots", "model.normalisation"),
  ),
  (
    "model.attention_type",
    ("simplified",),
    ("model.num_heads", "model.key_width"),
  ),
  (
    "model.attention_type",
    ("none",),
    ("model.num_heads", "model.num_slots", "model.attention_dropout_rate"),
  ),
)


def flatten(tree: Tree, prefix: str = "") -> dict[str, Any]:
  """Returns {"group.field": value} of nested dicts."""
  flat: dict[str, Any] = {}
  for name, value in tree.items():
    if isinstance(value, dict):
      flat |= flatten(value, f"{prefix}{name}.")
    else:
      flat[prefix + name] = value
  return flat


def as_json(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """Returns the configuration as it comes back from a JSON file."""
  return json.loads(json.dumps(config.to_dict()))


def completed(stored: Tree) -> dict[str, Any]:
  """Returns a stored configuration with the fields that came later."""
  tree = {**stored}
  for field, value in _LATER.items():
    group, _, name = field.partition(".")
    if isinstance(tree.get(group), dict):
      tree[group] = {name: value, **tree[group]}
  return tree


def differences(old: Tree, new: Tree) -> list[str]:
  """Returns "field: old -> new" for every field that would change the run.

  Args:
    old: a stored configuration.
    new: another one, of this version.
  """
  old, new = flatten(completed(old)), flatten(new)
  return [
    f"{field}: {old.get(field)!r} -> {new.get(field)!r}"
    for field in sorted((old.keys() | new.keys()) - _FREE - _unused(new))
    if old.get(field) != new.get(field)
  ]


def _unused(flat: Tree) -> set[str]:
  """The fields that a run with this configuration does not use."""
  return {
    field
    for decides, values, fields in _UNUSED
    if flat.get(decides) in values
    for field in fields
  }
