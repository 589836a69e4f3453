"""Classifiers of small networks with random weights; nothing is trained."""

import jax
import numpy as np
from conftest import ROOT

from eanet_jax.configuration import command_line
from eanet_jax.inference import classify
from eanet_jax.models import ensemble, networks
from eanet_jax.runtime import sharding
from eanet_jax.workdir import restore, run_meta

SIDE_PX = 32


def classifier(recipe, *flags, members=0, levels=(None, None)):
  """A classifier of three classes whose variables are all drawn.

  Args:
    recipe: of configs/.
    flags: as launch.py has them.
    members: of an ensemble; 0 for a network alone.
    levels: mean and std of the images.
  """
  tree = command_line.load(f"{ROOT / 'configs' / recipe}.py").to_dict()
  for flag in (f"dataset.image_px={SIDE_PX}", *flags):
    field, value = flag.split("=")
    group, name = field.split(".")
    tree[group][name] = type(tree[group][name])(value)
  model = networks.create(tree["model"], 3)
  if members:
    model = ensemble.Ensemble(model, members)
  images = jax.ShapeDtypeStruct((1, SIDE_PX, SIDE_PX, 1), np.float32)
  shapes = jax.eval_shape(
    lambda x: model.init(jax.random.key(0), x, deterministic=True), images
  )
  mesh = sharding.data_mesh()
  variables = jax.device_put(_drawn(shapes), sharding.replicated(mesh))
  meta = run_meta.RunMeta(
    step=1,
    config=tree,
    class_names=("bainite", "ferrite", "martensite"),
    outputs=3,
    mean=levels[0],
    std=levels[1],
    data_digest="",
    history=(),
    score=None,
    wall_time_s=0.0,
    versions={},
  )
  return classify.Classifier(
    restore.TrainedNetwork(model, variables, meta), mesh
  )


def _drawn(shapes):
  """Variables of these shapes, of about the size that trained ones have."""
  rng = np.random.default_rng(0)

  def draw(path, leaf):
    name = jax.tree_util.keystr(path)
    if "directions" in name:  # fewer than there is room for
      rows = np.linalg.qr(rng.normal(size=leaf.shape).T)[0].T
      return (rows * (np.arange(len(rows)) < 5)[:, None]).astype("f4")
    if any(word in name for word in ("var", "std", "scale", "temp", "thresh")):
      return rng.uniform(0.5, 2, leaf.shape).astype("f4")
    fan_in = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 10
    return (rng.normal(size=leaf.shape) / fan_in**0.5).astype("f4")

  return jax.tree_util.tree_map_with_path(draw, dict(shapes))


def views(count):
  """uint8 (count, y, x, 1) that no two orientations of are alike."""
  rng = np.random.default_rng(1)
  ramp = np.arange(SIDE_PX)[:, None] + 2 * np.arange(SIDE_PX)[None]
  noise = rng.integers(0, 150, (count, SIDE_PX, SIDE_PX))
  return (noise + ramp).astype(np.uint8)[..., None]


def assert_telling(answers):
  """The answers for images differ by far more than their rounding."""
  assert np.log(answers["probabilities"]).std(axis=0).max() > 1e-2


def assert_equal(found, expected):
  """Answers of two implementations are the same but for rounding."""
  assert found.keys() == expected.keys()
  for output, array in expected.items():
    assert found[output].dtype == np.float32
    assert found[output].shape == array.shape
    np.testing.assert_allclose(
      found[output], array, rtol=2e-5, atol=1e-6, err_msg=output
    )
  np.testing.assert_allclose(
    np.log(found["probabilities"]), np.log(expected["probabilities"]), atol=2e-4
  )


# What networks there are, each with what the others lack.
SMALL = {
  "transfer": lambda: classifier("transfer", members=1),
  "eanet": lambda: classifier(
    "eanet",
    *("model.patch_px=8", "model.width=16", "model.num_blocks=2"),
    members=2,
    levels=(110.0, 40.0),
  ),
  "eanet_best": lambda: classifier(
    "eanet_best",
    *("model.width=16", "model.num_blocks=1", "evaluation.orientations=8"),
  ),
  "vit": lambda: classifier(
    "vit",
    *("model.patch_px=8", "model.width=16", "model.num_blocks=1"),
    "evaluation.orientations=1",
  ),
  "vgg_attention": lambda: classifier(
    "vgg_attention", "model.width_multiplier=0.1", "model.batch_norm=1"
  ),
}
