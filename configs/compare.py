"""The paper's comparison: EANet, ViT, VGG and VGG + attention on equal terms.

Beside them configs/eanet_best.py, the recommended network and recipe.

  python launch.py --config configs/compare.py
  python launch.py --config configs/compare.py:laptop
  python launch.py --config configs/compare.py:ablations
  python launch.py --config configs/compare.py:ingredients
  python launch.py --config configs/compare.py:smoke

Every system is trained on every fold by the same trainer, on the same splits.
Fields outside `systems` hold for all of them, and are the budget: train.epochs,
dataset.image_px, compare.folds, compare.seeds, compare.only. `laptop` takes two
cores little more than an hour, `smoke` minutes (its figures mean nothing).
`ablations` changes one thing of EANet at a time, with half of the laptop's
epochs. `ingredients` takes one thing at a time away from the recommended
recipe, likewise.

Reached by `laptop` (drawn micrographs, 3 folds by specimen, one seed), macro
F1: EANet 0.479 [0.398, 0.530], the recommended EANet 0.819 [0.730, 0.872], ViT
0.391 [0.334, 0.426], VGG16 0.746 [0.628, 0.827], VGG16 + attention 0.782
[0.623, 0.877], texture features with a support vector machine 0.773 [0.698,
0.818]. See docs/results.md.
"""

import ml_collections

from configs import default, eanet, eanet_best, vgg, vgg_attention, vit


def get_config(variant: str = "full") -> ml_collections.ConfigDict:
  config = default.get_config().unlock()
  del config.model  # each system's own
  # Of a class of three specimens one is tested on: none is left to spare.
  config.split.validate_by = "micrograph"
  compare = config.compare = ml_collections.ConfigDict()
  # Parts of the cross-validation, by split.by.
  compare.folds = 3  # the published set has 3 specimens of P92
  # The same systems on so many folds of a split by image, whose figures are
  # inflated by leakage: beside the others, to see by how much. 0 is none, as
  # it is with split.by=micrograph, where the folds themselves are by image.
  compare.micrograph_folds = 1
  compare.seeds = (0,)  # of initialisation, batch order and augmentation
  compare.reference = "eanet"  # differences are to this system
  compare.only = ()  # names of the systems to train; () is all
  # One part of the runs, e.g. 3/16, the others being other machines': see
  # docs/training.md; "" is all.
  compare.shard = ""
  systems = {
    "eanet": eanet.get_config(),
    "eanet_best": eanet_best.get_config(),
    "vit": vit.get_config(),
    "vgg": vgg.get_config(),
    "vgg_attention": vgg_attention.get_config(),
  }
  if variant == "ablations":
    systems = ablations()
  elif variant == "ingredients":
    systems = ingredients()
    compare.reference = "eanet_best"
  elif variant == "smoke":
    config.dataset.images_per_specimen = 6
    config.dataset.image_px = 64
    config.train.epochs = 2
    compare.folds = 2
    compare.micrograph_folds = 1
    for name in ("eanet", "eanet_best", "vit"):
      systems[name].model.num_blocks = 2
  elif variant not in ("full", "laptop"):
    raise ValueError(
      f"{variant!r} is no variant of the comparison: choose full, laptop,"
      " ablations, ingredients or smoke"
    )
  if variant in ("laptop", "ablations", "ingredients"):
    config.dataset.image_px = 128
    config.train.epochs = 60 if variant == "laptop" else 30
  config.systems = ml_collections.ConfigDict(
    {name: _differences(system) for name, system in systems.items()},
    sort_keys=False,  # the order of the table
  )
  return config.lock()


def ablations() -> dict[str, ml_collections.ConfigDict]:
  """EANet with one thing changed, by name."""
  found = {"eanet": eanet.get_config()}

  def change(name: str, group: str, **fields: object) -> None:
    found[name] = eanet.get_config()
    found[name][group].update(fields)

  for slots in (8, 32, 64, 128, 256):
    change(f"slots_{slots}", "model", num_slots=slots)
  for heads in (1, 4):
    change(f"heads_{heads}", "model", num_heads=heads)
  change("literal", "model", num_heads=1, num_slots=64)
  change("single_memory", "model", attention_type="single_memory")
  change("softmax_tokens", "model", normalisation="tokens")
  change("softmax_slots", "model", normalisation="slots")
  change("cross_entropy", "loss", gamma=0.0)
  change("coupled_decay", "optimizer", decoupled_decay=False)
  change(
    "no_augmentation",
    "augment",
    flips=False,
    quarter_turns=False,
    rotation_deg=0.0,
    zoom=0.0,
    contrast=0.0,
    brightness=0.0,
  )
  return found


def ingredients() -> dict[str, ml_collections.ConfigDict]:
  """The recommended recipe with one thing as in the paper's, by name."""
  found = {"eanet_best": eanet_best.get_config()}
  paper = default.get_config()

  def without(name: str, *fields: str) -> None:
    found[name] = eanet_best.get_config()
    for field in fields:
      group, field = field.split(".")
      found[name][group][field] = paper[group][field]

  without("patches", "model.stem", "model.pooling")
  without("tokens_pooled", "model.pooling")
  without("no_depthwise", "model.depthwise_size")
  without("position", "model.position_embedding")
  without("eight_blocks", "model.num_blocks")
  without("more_dropout", "model.dropout_rate", "model.attention_dropout_rate")
  without("set_levels", "dataset.standardise")
  without("focal_loss", "loss.gamma", "loss.label_smoothing")
  without("no_class_weights", "loss.class_weights")
  without(
    "paper_rate",
    "optimizer.learning_rate",
    "optimizer.schedule",
    "optimizer.warmup_epochs",
  )
  without("no_crop", "augment.crop")
  without("all_interpolated", "augment.exact")
  without("sharp_and_clean", "augment.blur", "augment.noise")
  without("one_orientation", "evaluation.orientations")
  return found


def _differences(system: ml_collections.ConfigDict) -> dict[str, object]:
  """The model of a system, and what else of it is not as in default.py.

  Except what all systems have in common: the epochs and the splits.
  """
  usual = default.get_config()
  groups = {"model": system.model.to_dict()}
  for name in set(system) - {"model", "train", "split", "init_from"}:
    changed = {
      field: value
      for field, value in system[name].items()
      if value != usual[name][field]
    }
    if changed:
      groups[name] = changed
  return groups
