"""Shares of what slots of a memory were called, in numbers and in words."""

import numpy as np
import pytest

from eanet_jax.explanation import named_structure, structure_words
from eanet_jax.workdir.slot_names_csv import Slot


class FakeWeights:
  """Weights of two members over two heads of three slots, in two batches."""

  def __init__(self):
    self.all = np.random.default_rng(0).random((2, 5, 40, 2, 3))

  def __call__(self, images, member):
    yield self.all[member, :3]
    yield self.all[member, 3:]


def test_a_name_is_where_any_of_its_slots_is_the_strongest(monkeypatch):
  fake = FakeWeights()
  monkeypatch.setattr(named_structure, "weights_of", lambda *_: fake)
  named = {
    Slot(1, 4, 1, 1): "lath",
    Slot(1, 4, 2, 3): "lath",
    Slot(2, 4, 2, 1): "lath",
    Slot(2, 4, 2, 2): "carbides",
  }
  structure = named_structure.NamedStructure(None, None, named, None)
  assert structure.names == ("lath", "carbides")
  found = structure(np.zeros((5, 8, 8, 1), np.uint8))
  for view in range(5):
    one, two = fake.all[:, view]
    lath = [
      one[t, 0].argmax() == 0 or one[t, 1].argmax() == 2 for t in range(40)
    ]
    of_two = two[:, 1].argmax(-1)
    expected = (np.mean(lath) + np.mean(of_two == 0)) / 2
    assert found["lath"][view] == pytest.approx(expected)
    assert found["carbides"][view] == pytest.approx(np.mean(of_two == 1))
  named[Slot(2, 4, 2, 2)] = "ferrite"
  other = named_structure.NamedStructure(None, None, named, None)
  assert other.key != structure.key


def of_specimens(*shares):
  """Specimens a/heat_0, a/heat_1, ... of one micrograph of two views each."""
  found = structure_words.BySpecimen()
  for i, share in enumerate(shares):
    views = {"lath": np.array([share - 0.1, share + 0.1]), "M/A": np.zeros(2)}
    found.add(f"a/heat_{i}", views)
  found.add("a/none", {})  # could not be used
  return found


def test_a_specimen_is_told_beside_the_others():
  assert of_specimens().lines() == []
  assert of_specimens(0.4).lines() == ["heat_0: 40 % lath, 0 % M/A"]
  assert of_specimens(0.4, 0.2).lines() == [
    "heat_0: 40 % lath, 2.0 x heat_1; 0 % M/A",
    "heat_1: 20 % lath, 0.5 x heat_0; 0 % M/A",
  ]
  three = of_specimens(0.4, 0.2, 0.3)
  assert three.lines()[0] == "heat_0: 40 % lath, 1.6 x the others; 0 % M/A"
  # A mean of micrographs; folders of one name are told apart.
  three.add("b/heat_2", {"lath": np.array([0.1]), "M/A": np.zeros(1)})
  three.add("a/heat_2", {"lath": np.array([0.5]), "M/A": np.zeros(1)})
  assert three.lines()[2].startswith("a/heat_2: 40 % lath, 1.7 x the others")
  many = of_specimens(*[0.2] * 25).lines()
  assert len(many) == 21
  assert many[-1] == "and 5 more, see --level specimen"
