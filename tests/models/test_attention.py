"""Attention, external and self, against loops over the formula in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import attention as reference

from eanet_jax.models import attention

# (b, n, d, h, s): odd sizes, and the default one last.
SHAPES = [
  (1, 4, 12, 1, 5),
  (5, 9, 12, 3, 5),
  (3, 15, 12, 1, 64),
  (3, 9, 64, 3, 64),
  (1, 15, 64, 3, 5),
  (5, 4, 64, 1, 64),
  (3, 256, 64, 16, 16),
]


def inputs(b, n, d, h, s, seed=0):
  rng = np.random.default_rng(seed)
  draw = lambda scale, *shape: (scale * rng.normal(size=shape)).astype("f4")
  return {
    "tokens": draw(1, b, n, d),
    "memory_key": draw(d**-0.5, h, s, d),
    "memory_value": draw(h**-0.5, h, s, d),
    "bias": draw(1, d),
  }


@functools.partial(jax.jit, static_argnames="mutable")
def apply(arrays, mutable=()):
  params = {name: arrays[name] for name in arrays if name != "tokens"}
  h, s, _ = arrays["memory_key"].shape
  layer = attention.ExternalAttention(num_heads=h, num_slots=s)
  return layer.apply(
    {"params": params},
    arrays["tokens"],
    mutable=list(mutable) or False,
  )


def float64(arrays):
  return {name: np.asarray(a, np.float64) for name, a in arrays.items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_jitted_output_and_map_equal_the_formula(shape):
  arrays = inputs(*shape)
  out, sown = apply(arrays, mutable=("intermediates",))
  expected, weights = reference.external(**float64(arrays))
  scale = abs(expected).max()
  np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5 * scale)
  (weight,) = sown["intermediates"][attention.SLOT_WEIGHTS]
  np.testing.assert_allclose(weight, weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_jitted_gradient_equals_differences_of_the_formula(shape):
  arrays = inputs(*shape)
  rng = np.random.default_rng(1)
  projection = rng.normal(size=shape[:3])
  jax_projection = projection.astype("f4")
  gradient = jax.jit(jax.grad(lambda a: (apply(a) * jax_projection).sum()))(
    arrays
  )
  exact = float64(arrays)
  for name, array in exact.items():
    g = np.asarray(gradient[name], np.float64)
    # Along the gradient and across it: one sees its size, one its direction.
    for direction in (g, rng.normal(size=g.shape)):
      direction = direction / np.linalg.norm(direction)
      ahead, behind = (
        reference.external(**{**exact, name: array + step * direction})[0]
        for step in (1e-5, -1e-5)
      )
      slope = ((ahead - behind) * projection).sum() / 2e-5
      error = abs((g * direction).sum() - slope)
      assert error < 1e-5 * np.linalg.norm(g), (name, error)


@pytest.mark.parametrize("shape", [(3, 9, 12, 3, 5), (1, 15, 64, 1, 64)])
def test_weights_of_a_token_over_the_memory_sum_to_1_in_each_head(shape):
  _, sown = apply(inputs(*shape), mutable=("intermediates",))
  (weights,) = sown["intermediates"][attention.SLOT_WEIGHTS]
  b, n, _, h, s = shape
  assert weights.shape == (b, n, h, s)
  assert (np.asarray(weights) > 0).all()
  np.testing.assert_allclose(weights.sum(axis=3), np.ones((b, n, h)), rtol=1e-6)


def test_permuting_tokens_permutes_the_output():
  arrays = inputs(3, 15, 12, 3, 5)
  order = np.random.default_rng(0).permutation(15)
  permuted = apply({**arrays, "tokens": arrays["tokens"][:, order]})
  np.testing.assert_allclose(
    permuted, np.asarray(apply(arrays))[:, order], rtol=1e-5, atol=1e-6
  )


def test_images_of_a_batch_do_not_see_each_other():
  arrays = inputs(3, 9, 12, 3, 5)
  whole = apply(arrays)
  for i in range(3):
    alone = apply({**arrays, "tokens": arrays["tokens"][i : i + 1]})
    np.testing.assert_allclose(alone[0], whole[i], rtol=1e-5, atol=1e-6)


def test_sowing_does_not_change_the_output():
  arrays = inputs(3, 9, 12, 3, 5)
  sown, _ = apply(arrays, mutable=("intermediates",))
  np.testing.assert_array_equal(sown, apply(arrays))


def test_a_constant_added_to_a_slots_logits_changes_nothing():
  # Why the layer has no key bias.
  rng = np.random.default_rng(0)
  logits = rng.normal(size=(2, 9, 3, 5)).astype("f4")
  shift = rng.normal(size=(1, 1, 3, 5)).astype("f4")
  np.testing.assert_allclose(
    attention.double_normalise(logits + shift),
    attention.double_normalise(logits),
    rtol=1e-5,
  )


def test_equal_logits_give_each_slot_the_same_weight():
  weights = attention.double_normalise(jnp.full((1, 4, 2, 5), 3.0))
  np.testing.assert_allclose(weights, 0.2, rtol=1e-6)


def test_double_normalise_by_hand():
  # Slot 0 prefers token 0 by 3 to 1, slot 1 is indifferent.
  logits = jnp.log(jnp.array([[[[3.0, 1.0]], [[1.0, 1.0]]]]))
  np.testing.assert_allclose(
    attention.double_normalise(logits)[0, :, 0],
    [[0.6, 0.4], [1 / 3, 2 / 3]],
    rtol=1e-6,
  )


def test_extreme_logits_give_finite_values_and_gradients():
  arrays = inputs(3, 9, 12, 3, 5)
  arrays["memory_key"] *= 1e4
  value, gradient = jax.jit(
    jax.value_and_grad(lambda a: jnp.square(apply(a)).sum())
  )(arrays)
  assert np.isfinite(value)
  for name, leaf in gradient.items():
    assert np.isfinite(leaf).all(), name
  assert abs(gradient["memory_value"]).max() > 0


def test_every_weight_lies_in_0_to_1_at_extreme_logits():
  arrays = inputs(3, 9, 12, 3, 5)
  arrays["memory_key"] *= 1e4
  _, sown = apply(arrays, mutable=("intermediates",))
  (weights,) = sown["intermediates"][attention.SLOT_WEIGHTS]
  total = np.asarray(weights).sum(axis=3)
  # A token that no slot prefers has no weight at all; no token has more than 1.
  assert (np.asarray(weights) >= 0).all()
  assert (total < 1 + 1e-5).all()
  assert total.max() > 0.999


def test_parameters_are_two_memories_and_a_bias():
  layer = attention.ExternalAttention(num_heads=3, num_slots=5)
  tokens = jnp.zeros((2, 9, 12))
  params = jax.eval_shape(lambda: layer.init(jax.random.key(0), tokens))[
    "params"
  ]
  assert jax.tree.map(lambda leaf: leaf.shape, params) == {
    "memory_key": (3, 5, 12),
    "memory_value": (3, 5, 12),
    "bias": (12,),
  }


def test_attention_dropout_drops_only_when_given_words():
  layer = attention.ExternalAttention(
    num_heads=3, num_slots=5, dropout_rate=0.5
  )
  arrays = inputs(2, 9, 12, 3, 5)
  tokens = arrays.pop("tokens")
  run = lambda words: layer.apply({"params": arrays}, tokens, words)
  expected, _ = reference.external(tokens, **arrays)
  np.testing.assert_allclose(run(None), expected, rtol=1e-4, atol=1e-5)
  words = jax.random.bits(jax.random.key(0), (2,), jnp.uint32)
  assert abs(np.asarray(run(words)) - expected).max() > 0.1


external = functools.partial(attention.ExternalAttention, 3, 5)
VARIANTS = {
  "self": (attention.SelfAttention(3, 4), reference.self_attention),
  "simplified": (attention.SimplifiedSelfAttention(), reference.simplified),
  "single_memory": (external(single_memory=True), reference.single_memory),
  "tokens": (external(normalisation="tokens"), reference.one_softmax(1)),
  "slots": (external(normalisation="slots"), reference.one_softmax(3)),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("shape", [(1, 7, 12), (3, 16, 12)])
def test_variant_and_its_gradient_equal_the_formula(name, shape):
  layer, formula = VARIANTS[name]
  rng = np.random.default_rng(0)
  tokens = (0.5 * rng.normal(size=shape)).astype("f4")
  shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), tokens)).get(
    "params", {}
  )
  params = jax.tree.map(
    lambda s: (0.4 * rng.normal(size=s.shape)).astype("f4"), shapes
  )
  run = lambda p, t: layer.apply({"params": p}, t)
  exact = jax.tree.map(lambda a: a.astype(np.float64), (params, tokens))
  expected = formula(*exact)
  np.testing.assert_allclose(
    jax.jit(run)(params, tokens), expected, rtol=1e-5, atol=1e-5
  )
  projection = rng.normal(size=shape)
  gradient = jax.jit(
    jax.grad(
      lambda p, t: (run(p, t) * projection.astype("f4")).sum(), argnums=(0, 1)
    )
  )(params, tokens)
  leaves, tree = jax.tree.flatten(exact)
  flat = [np.asarray(g, np.float64) for g in jax.tree.leaves(gradient)]
  scale = max(np.linalg.norm(g) for g in flat)
  for i, g in enumerate(flat):
    direction = rng.normal(size=g.shape) + np.sign(g)
    direction /= np.linalg.norm(direction)

    def value(step, i=i, direction=direction):
      moved = [*leaves[:i], leaves[i] + step * direction, *leaves[i + 1 :]]
      return (formula(*jax.tree.unflatten(tree, moved)) * projection).sum()

    slope = (value(1e-5) - value(-1e-5)) / 2e-5
    assert abs((g * direction).sum() - slope) < 1e-5 * scale


@pytest.mark.parametrize(
  ("name", "of", "shape", "axis"),
  [
    ("self", "token_weights", (2, 3, 9, 9), -1),
    ("simplified", "token_weights", (2, 1, 9, 9), -1),
    ("single_memory", "slot_weights", (2, 9, 3, 5), -1),
    ("tokens", "slot_weights", (2, 9, 3, 5), 1),
    ("slots", "slot_weights", (2, 9, 3, 5), -1),
  ],
)
def test_every_variant_sows_its_map_and_says_of_what(name, of, shape, axis):
  layer, _ = VARIANTS[name]
  tokens = np.random.default_rng(0).normal(size=(2, 9, 12)).astype("f4")
  variables = layer.init(jax.random.key(0), tokens)
  _, sown = layer.apply(variables, tokens, mutable=["intermediates"])
  ((kind, (weights,)),) = sown["intermediates"].items()
  assert kind == of
  assert weights.shape == shape
  np.testing.assert_allclose(weights.sum(axis), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["external", *VARIANTS])
def test_a_bias_on_all_tokens_cancels_where_the_module_says_so(name):
  layer = external() if name == "external" else VARIANTS[name][0]
  rng = np.random.default_rng(0)
  tokens = rng.normal(size=(2, 9, 12)).astype("f4")
  shifted = tokens + rng.normal(size=12).astype("f4")
  variables = layer.init(jax.random.key(0), tokens)

  def weights(tokens):
    _, sown = layer.apply(variables, tokens, mutable=["intermediates"])
    ((found,),) = sown["intermediates"].values()
    return np.asarray(found)

  change = abs(weights(shifted) - weights(tokens)).max()
  assert change < 1e-5 if layer.cancels_bias else change > 1e-2
