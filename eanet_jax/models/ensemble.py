"""What a cross-validation keeps: networks of one shape, and what is about them.

Takes what a network takes. Its variables are those of the members, stacked
along a first axis; what is frozen is the same in all and held once. Beside them
is a temperature that every member's logits are divided by, and of members that
take features, what those of training images have in common.
"""

import dataclasses
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from eanet_jax.models import transfer
from eanet_jax.runtime import pytrees

# Principal directions of the features of training images that are kept.
DIRECTIONS = 64
# Collections that are not stacked, the last two not the networks' either.
_SHARED = ("frozen", "calibration", "familiar")
_BESIDE = _SHARED[1:]


@dataclasses.dataclass(frozen=True)
class Ensemble:
  """Several networks, whose probabilities are averaged.

  Attributes:
    network: of each member.
    members: how many there are, k.
  """

  network: nn.Module
  members: int

  def init(
    self, key: jax.Array, images: jax.Array, *, deterministic: bool
  ) -> pytrees.Variables:
    """Returns variables of the right shapes; see `flax.linen.Module.init`."""
    one = self.network.init(key, images, deterministic=deterministic)
    variables = {
      **stack([dict(one)] * self.members),
      "calibration": {"temperature": jnp.ones(())},
    }
    if isinstance(self.network, transfer.Transfer):
      size = sum(self.network.sizes)
      variables["familiar"] = {
        "mean": jnp.zeros((size,)),
        "std": jnp.ones((size,)),
        "directions": jnp.zeros((DIRECTIONS, size)),
        "threshold": jnp.ones(()),
      }
    return variables


def stack(members: Sequence[pytrees.Variables]) -> pytrees.Variables:
  """Returns the variables of an ensemble; what is frozen is the first's."""
  return {
    name: members[0][name]
    if name in _SHARED
    else jax.tree.map(
      lambda *leaves: jnp.stack(leaves), *(each[name] for each in members)
    )
    for name in members[0]
  }


def member(
  variables: pytrees.Variables, number: int | jax.Array
) -> pytrees.Variables:
  """Returns the variables of one member of an ensemble, from 0."""
  return {
    name: values
    if name in _SHARED
    else jax.tree.map(lambda leaf: leaf[number], values)
    for name, values in variables.items()
  }


def uncalibrated(variables: pytrees.Variables) -> pytrees.Variables:
  """Returns the variables with logits as the networks give them."""
  if "calibration" not in variables:
    return variables
  return {**variables, "calibration": {"temperature": jnp.ones(())}}


def of_network(variables: pytrees.Variables) -> pytrees.Variables:
  """Returns the variables without what stands beside the networks."""
  return {k: v for k, v in variables.items() if k not in _BESIDE}


def temperature(variables: pytrees.Variables) -> jax.Array | float:
  """Returns what logits are divided by; 1.0 of a network alone."""
  return variables.get("calibration", {"temperature": 1.0})["temperature"]
