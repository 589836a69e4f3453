"""The precision of products: asked for in the program that is compiled."""

import jax
import jax.numpy as jnp
import pytest

from eanet_jax.runtime import compiler


def lowered():
  """The text of a program with one float32 product."""
  square = jax.jit(compiler.full_precision(lambda x: x @ x))
  return square.lower(jnp.ones((4, 4))).as_text()


def test_float32_factors_are_not_rounded():
  assert "precision = [HIGHEST, HIGHEST]" in lowered()


@pytest.mark.parametrize("chosen", ["default", "high"])
def test_what_the_user_has_chosen_holds(chosen):
  with jax.default_matmul_precision(chosen):
    text = lowered()
  assert "HIGHEST" not in text
