"""Counts are written as grammar has it."""

import pytest

from eanet_jax.runtime import wording


@pytest.mark.parametrize(
  ("number", "noun", "expected"),
  [
    (0, "image", "0 images"),
    (1, "class", "1 class"),
    (2, "class", "2 classes"),
    (1, "usable image", "1 usable image"),
  ],
)
def test_a_noun_agrees_with_its_number(number, noun, expected):
  assert wording.count(number, noun) == expected
