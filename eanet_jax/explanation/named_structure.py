"""How much of an image is what somebody called the slots of a memory.

Takes a network, the names of its slots and images, gives a share for each name.
"""

import json
import pathlib
from collections.abc import Mapping

import jax
import numpy as np

from eanet_jax import errors
from eanet_jax.explanation import slot_weights
from eanet_jax.workdir import restore, slot_names_csv


def of_network(
  network: restore.TrainedNetwork,
  workdir: pathlib.Path,
  mesh: jax.sharding.Mesh,
) -> "NamedStructure | None":
  """Returns what tells the structures of images; None if none has a name.

  Raises:
    UserError: WORKDIR/names.csv is not of slots of this network.
  """
  workdir = workdir.expanduser()
  named = names(workdir, network, mesh)
  return NamedStructure(network, workdir, named, mesh) if named else None


def weights_of(
  network: restore.TrainedNetwork,
  workdir: pathlib.Path,
  mesh: jax.sharding.Mesh,
  block: int | None = None,
) -> slot_weights.SlotWeights:
  """Returns the attention over a block's memory.

  Args:
    network: what `restore.restore` gives of
    workdir: for messages.
    mesh: the devices that hold its variables.
    block: from 1; None is the last that has a memory.

  Raises:
    UserError: it has none.
  """
  meta = network.meta
  try:
    return slot_weights.SlotWeights(
      network.model, network.variables, meta.mean, meta.std, mesh, block
    )
  except errors.UserError as error:
    advice = ""
    if block is None:
      advice = (
        ": train one that has, with eanet train FOLDER --recipe eanet_best or"
        " launch.py --config configs/eanet_best.py"
      )
    raise errors.UserError(f"{workdir}: {error}{advice}") from None


def names(
  workdir: pathlib.Path,
  network: restore.TrainedNetwork,
  mesh: jax.sharding.Mesh,
) -> Mapping[slot_names_csv.Slot, str]:
  """Returns the names of WORKDIR/names.csv, {} if there is none.

  Raises:
    UserError: they are not of slots of this network.
  """
  path = workdir / slot_names_csv.FILE
  found = slot_names_csv.read(path)
  if not found:
    return {}
  of_block: dict[int, slot_weights.SlotWeights] = {}
  for slot, named in found.items():
    if slot.block not in of_block:
      of_block[slot.block] = weights_of(network, path, mesh, slot.block)
    weights = of_block[slot.block]
    heads, slots = weights.shape
    least = int(weights.members > 0)
    if (
      not least <= slot.member <= weights.members
      or slot.head > heads
      or slot.slot > slots
    ):
      raise errors.UserError(f"{path}: the network has no slot {slot}")
    memory = weights.memory(max(0, slot.member - 1))
    if named.memory and named.memory != memory:
      raise errors.UserError(
        f"{path}: slot {slot} was named in another network, whose memory is"
        f" {named.memory}; that of this one is {memory}: look at its slots with"
        " eanet memory"
      )
  return {slot: named.name for slot, named in found.items()}


class NamedStructure:
  """Shares of what the slots of a network's memory were called.

  Attributes:
    names: that there are, in the order of names.csv.
    key: the same wherever the same slots have the same names.
  """

  def __init__(
    self,
    network: restore.TrainedNetwork,
    workdir: pathlib.Path,
    named: Mapping[slot_names_csv.Slot, str],
    mesh: jax.sharding.Mesh,
  ):
    """Takes what `names` gives of the workdir, not {}."""
    self.names = tuple(dict.fromkeys(named.values()))
    self.key = json.dumps(sorted((str(s), name) for s, name in named.items()))
    self._named = named
    self._weights = {
      block: weights_of(network, workdir, mesh, block)
      for block in sorted({slot.block for slot in named})
    }

  def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the share of each name in each view, float64 (v,).

    The share of tokens for which a slot of that name is the strongest of its
    head: of any head. So shares of several names may add up to more than 1. Of
    the members of an ensemble that have the name it is the mean.

    Args:
      images: uint8 (v, y, x, 1), at least one.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
    for member in sorted({slot.member for slot in self._named}):
      there: dict[str, np.ndarray] = {}  # bool (v, n) by name
      for block, weights in self._weights.items():
        own = {
          slot: name
          for slot, name in self._named.items()
          if (slot.member, slot.block) == (member, block)
        }
        if not own:
          continue
        strongest = np.concatenate(
          [w.argmax(-1) for w in weights(images, max(0, member - 1))]
        )  # (v, n, h)
        for slot, name in own.items():
          one = strongest[..., slot.head - 1] == slot.slot - 1
          there[name] = there[name] | one if name in there else one
      for name, tokens in there.items():
        found[name].append(tokens.mean(1))
    return {name: np.mean(each, axis=0) for name, each in found.items()}
