"""EANet against a float64 NumPy network written from its description."""

import re

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_networks import by_path, count, shapes
from made_networks import eanet as made
from reference import eanet as reference

from eanet_jax.models import attention, eanet

# (b, y, x, patch_px, d, h, s, mlp_width, blocks, c)
NETWORKS = [
  (1, 16, 16, 8, 12, 1, 5, 20, 2, 1),
  (5, 24, 24, 8, 12, 3, 64, 12, 1, 3),
  (3, 24, 40, 8, 64, 3, 5, 64, 1, 1),
]


def build(b, y, x, patch_px, d, h, s, mlp_width, blocks, c, **fields):
  model = made(
    patch_px=patch_px,
    width=d,
    num_blocks=blocks,
    num_heads=h,
    num_slots=s,
    mlp_width=mlp_width,
    **fields,
  )
  rng = np.random.default_rng(0)
  images = rng.normal(size=(b, y, x, c)).astype("f4")

  def draw(path, leaf):
    # Biases and norms start at 0 and 1, where a mistake would not show.
    name = path[-1].key
    fan_in = {"kernel": 0, "memory_key": -1, "memory_value": 0}
    scale = leaf.shape[fan_in[name]] ** -0.5 if name in fan_in else 0.2
    return (scale * rng.normal(size=leaf.shape) + (name == "scale")).astype(
      "f4"
    )

  params = shapes(model, images.shape)["params"]
  return model, jax.tree_util.tree_map_with_path(draw, params), images


def default_sizes(blocks):
  return (3, 256, 256, 16, 64, 16, 16, 64, blocks, 1)


@pytest.mark.parametrize("sizes", [*NETWORKS, default_sizes(8)])
def test_jitted_logits_equal_the_numpy_network(sizes):
  model, params, images = build(*sizes)
  logits = jax.jit(
    lambda p, i: model.apply({"params": p}, i, deterministic=True)
  )(params, images)
  pixels = images.astype(np.float64)
  expected = reference.paper(by_path(params), pixels, sizes[3])
  scale = abs(expected).max()
  np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("sizes", [*NETWORKS, default_sizes(1)])
def test_jitted_gradient_equals_differences_of_the_numpy_network(sizes):
  model, params, images = build(*sizes)
  rng = np.random.default_rng(1)
  projection = rng.normal(size=(sizes[0], 3))
  jax_projection = projection.astype("f4")

  def projected(params, images):
    logits = model.apply({"params": params}, images, deterministic=True)
    return (logits * jax_projection).sum()

  d_params, d_images = jax.jit(jax.grad(projected, (0, 1)))(params, images)
  gradient = {**by_path(d_params), "images": np.asarray(d_images, np.float64)}
  exact = {**by_path(params), "images": images.astype(np.float64)}

  def value(path, moved):
    arrays = {**exact, path: exact[path] + moved}
    pixels = arrays.pop("images")
    return (reference.paper(arrays, pixels, sizes[3]) * projection).sum()

  assert len(gradient) == 6 + 10 * sizes[8]
  for path, g in gradient.items():
    direction = rng.normal(size=g.shape) + np.sign(g)
    direction /= np.linalg.norm(direction)
    step = 1e-5 * direction
    slope = (value(path, step) - value(path, -step)) / 2e-5
    error = abs((g * direction).sum() - slope)
    assert error < 1e-5 * np.linalg.norm(g), (path, error)


def test_default_network_at_256_px_has_363779_parameters():
  assert count(made(), 256) == 363_779


def test_single_head_network_at_256_px_has_167171_parameters():
  assert count(made(num_heads=1, num_slots=64), 256) == 167_171


def test_multi_head_form_of_the_reference_has_370691_parameters():
  # "0.37 M": its projections and shared memories in place of the folded ones,
  # and the bias of the norm before, which cancels. Folding changes no function.
  d, wide, k, s, h = 64, 256, 16, 16, 16
  unfolded = d * wide + wide + k * s + s + s * k + k + wide * d + d
  folded = 2 * h * s * d + d
  ours = count(made(), 256)
  assert ours + 8 * (unfolded + d - folded) == 370_691


@pytest.mark.parametrize(
  ("fields", "parameters"),
  [
    ({"attention_type": "self", "num_heads": 4}, 632_579),
    ({"attention_type": "simplified"}, 101_635),
    ({"attention_type": "single_memory"}, 232_707),
  ],
)
def test_variants_at_256_px_have_their_parameters(fields, parameters):
  assert count(made(**fields), 256) == parameters


@pytest.mark.parametrize(
  "fields",
  [
    {"attention_type": "self", "num_heads": 2, "key_width": 8},
    {"attention_type": "simplified"},
    {"attention_type": "single_memory"},
    {"normalisation": "tokens"},
    {"normalisation": "slots"},
    {"depthwise_size": 5},
    {"position_embedding": False},
  ],
)
def test_no_parameter_of_a_variant_is_without_a_gradient(fields):
  model = made(patch_px=8, width=12, num_blocks=2, **fields)
  images = np.random.default_rng(0).normal(size=(3, 24, 24, 1)).astype("f4")
  init = jax.jit(model.init, static_argnames="deterministic")
  params = init(jax.random.key(0), images, deterministic=True)["params"]
  gradient = jax.jit(
    jax.grad(
      lambda p: model.apply({"params": p}, images, deterministic=True)[
        :, 0
      ].sum()
    )
  )(params)
  for path, leaf in flax.traverse_util.flatten_dict(gradient, sep="/").items():
    if path.endswith("key/bias"):  # cancels in the softmax over keys
      continue
    assert abs(leaf).max() > 1e-7, path


def test_every_layer_has_its_shape():
  model = made(5, patch_px=8, width=12, num_blocks=2, mlp_width=20)
  images = jax.ShapeDtypeStruct((3, 24, 40, 1), jnp.float32)

  def forward(images):
    variables = model.init(jax.random.key(0), images, deterministic=True)
    return model.apply(
      variables,
      images,
      deterministic=True,
      capture_intermediates=True,
      mutable=["intermediates"],
    )

  logits, seen = jax.eval_shape(forward, images)
  seen = flax.traverse_util.flatten_dict(seen["intermediates"], sep="/")
  shapes = {
    path.removesuffix("/__call__"): leaves[0].shape
    for path, leaves in seen.items()
    if "Dropout" not in path
  }
  expected = {
    "__call__": (3, 5),
    "embedding": (3, 15, 12),
    "head": (3, 5),
    "pooled": (3, 3, 5, 12),
  }
  for block in ("block_0", "block_1"):
    expected |= {
      block: (3, 15, 12),
      f"{block}/attention_norm": (3, 15, 12),
      f"{block}/attention": (3, 15, 12),
      f"{block}/attention/slot_weights": (3, 15, 16, 16),
      f"{block}/mlp_norm": (3, 15, 12),
      f"{block}/mlp_in": (3, 15, 20),
      f"{block}/mlp_out": (3, 15, 12),
    }
  assert shapes == expected
  assert logits.shape == (3, 5)


def test_bfloat16_logits_are_float32_and_close_to_float32s():
  sizes = (3, 32, 32, 8, 64, 3, 5, 64, 1, 1)
  model, params, images = build(*sizes)
  rounding, *_ = build(*sizes, dtype="bfloat16")
  apply = lambda model: jax.jit(model.apply, static_argnames="deterministic")(
    {"params": params}, images, deterministic=True
  )
  exact, rounded = apply(model), apply(rounding)
  assert rounded.dtype == jnp.float32
  scale = abs(np.asarray(exact)).max()
  np.testing.assert_allclose(rounded, exact, atol=5e-2 * scale, rtol=0)
  assert (np.asarray(rounded) != np.asarray(exact)).any()


def test_bfloat16_network_has_float32_parameters():
  model = made(patch_px=8, num_blocks=1, dtype="bfloat16")
  variables = shapes(model, (1, 16, 16, 1))
  assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {
    jnp.dtype("float32")
  }


def test_sowing_attention_does_not_change_the_logits():
  model, params, images = build(*NETWORKS[0])
  run = lambda mutable: jax.jit(
    lambda params: model.apply(
      {"params": params}, images, deterministic=True, mutable=mutable
    )
  )(params)
  plain, (sown, seen) = run(False), run(["intermediates"])
  maps = seen["intermediates"]["block_1"]["attention"]
  assert set(maps) == {attention.SLOT_WEIGHTS}
  np.testing.assert_array_equal(plain, sown)


def test_dropout_changes_the_logits_by_its_key():
  model, params, images = build(*NETWORKS[0])
  run = jax.jit(
    lambda seed: model.apply(
      {"params": params},
      images,
      deterministic=False,
      rngs={"dropout": jax.random.key(seed)},
    )
  )
  np.testing.assert_array_equal(run(0), run(0))
  assert (run(0) != run(1)).any()


def test_two_dropouts_of_a_block_draw_different_masks():
  # One key for all three would drop the same elements in each.
  model, params, images = build(
    *(2, 32, 32, 8, 64, 3, 5, 64, 1, 1), dropout_rate=0.5
  )
  _, seen = jax.jit(
    lambda params, key: model.apply(
      {"params": params},
      images,
      deterministic=False,
      capture_intermediates=True,
      mutable=["intermediates"],
      rngs={"dropout": key},
    )
  )(params, jax.random.key(2))
  masks = []
  for path, leaves in flax.traverse_util.flatten_dict(
    seen["intermediates"], sep="/"
  ).items():
    if "Dropout" in path and "attention" not in path:
      masks += [np.asarray(leaf) == 0 for leaf in leaves]
  assert len(masks) == 3
  assert {mask.shape for mask in masks} == {(2, 16, 64)}
  bound = 5 / np.sqrt(masks[0].size)
  for i, first in enumerate(masks):
    assert abs(first.mean() - 0.5) < bound
    for second in masks[:i]:
      correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
      assert abs(correlation) < bound


@pytest.mark.parametrize("patch_px", [1, 2, 4])
def test_patches_equal_a_loop_over_slices(patch_px):
  images = np.arange(2 * 8 * 12 * 3).reshape(2, 8, 12, 3)
  tokens = np.asarray(eanet.patches(images, patch_px))
  n = 0
  for y in range(0, 8, patch_px):
    for x in range(0, 12, patch_px):
      patch = images[:, y : y + patch_px, x : x + patch_px]
      np.testing.assert_array_equal(tokens[:, n], patch.reshape(2, -1))
      n += 1
  assert tokens.shape[1] == n


@pytest.mark.parametrize("side", [(30, 32), (32, 30)])
def test_an_image_that_does_not_divide_into_patches_is_refused(side):
  message = re.escape(f"{side[0]} x {side[1]} px") + ".* 8 px"
  with pytest.raises(ValueError, match=message):
    eanet.patches(jnp.zeros((1, *side, 1)), 8)
