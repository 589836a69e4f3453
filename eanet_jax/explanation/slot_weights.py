"""What the memories of a network take from images: attention over their slots.

Takes a network with external attention and images, gives the weights of each
token over the slots of one block's memory. Reads and writes no files.
"""

import hashlib
from collections.abc import Iterator

import flax.linen as nn
import flax.traverse_util
import jax
import numpy as np

from eanet_jax import errors
from eanet_jax.models import attention, ensemble, inputs
from eanet_jax.runtime import compiler, pytrees, sharding

# As many as are fastest on a CPU, see `forward_pass`; maps of 256 slots of so
# many images take 4 MB.
_BATCH = 16
_MEMORIES = ("memory_key", "memory")  # parameters, of two memories and of one


class SlotWeights:
  """The attention of one block of a network, or of each member of an ensemble.

  Attributes:
    members: of an ensemble; 0 of a network alone.
    block: which block, from 1.
  """

  def __init__(
    self,
    model: nn.Module | ensemble.Ensemble,
    variables: pytrees.Variables,
    mean: float | None,
    std: float | None,
    mesh: jax.sharding.Mesh,
    block: int | None = None,
  ):
    """Takes a network, the grey levels of its training and a block's number.

    Args:
      model, variables: the network.
      mean, std: as `inputs.standardise` takes them.
      mesh: the devices that hold the variables.
      block: from 1; None is the last that has a memory.

    Raises:
      UserError: no block, or not this one, has a memory.
    """
    self.members = 0
    if isinstance(model, ensemble.Ensemble):
      self.members, model = model.members, model.network
    self._variables = variables
    self._memories = _memories(variables["params"])
    if not self._memories:
      raise errors.UserError("its network has no memory of external attention")
    self.block = max(self._memories) if block is None else block
    if self.block not in self._memories:
      blocks = ", ".join(map(str, sorted(self._memories)))
      raise errors.UserError(
        f"its network has no memory in block {block}, only in {blocks}"
      )
    alone = not self.members
    self._size = -(-_BATCH // mesh.size) * mesh.size
    self._over_batch = sharding.split_axis(mesh, 0)

    @compiler.full_precision
    def weights(
      variables: pytrees.Variables, images: jax.Array, number: jax.Array
    ) -> jax.Array:
      if not alone:
        variables = ensemble.member(variables, number)
      _, sown = model.apply(
        ensemble.of_network(variables),
        inputs.standardise(images, mean, std),
        deterministic=True,
        mutable=["intermediates"],
      )
      found = flax.traverse_util.flatten_dict(sown["intermediates"])
      of_block = {
        _block(path): values[0]
        for path, values in found.items()
        if path[-1] == attention.SLOT_WEIGHTS
      }
      return of_block[self.block]

    self._weights = jax.jit(weights, out_shardings=sharding.replicated(mesh))

  def memory(self, member: int = 0) -> str:
    """Returns letters that tell a member's memory from any other network's."""
    keys = np.asarray(sharding.fetch(self._memories[self.block]), "<f4")
    if self.members:
      keys = keys[member]
    return f"sha-{hashlib.sha256(keys.tobytes()).hexdigest()[:8]}"

  @property
  def shape(self) -> tuple[int, int]:
    """Heads, and slots of each."""
    heads, slots = self._memories[self.block].shape[-3:-1]
    return heads, slots

  def __call__(
    self, images: np.ndarray, member: int = 0
  ) -> Iterator[np.ndarray]:
    """Yields float32 weights (b, n, h, s), batch by batch.

    Args:
      images: uint8 (v, y, x, 1), may be memory-mapped.
      member: of an ensemble, from 0.
    """
    size = self._size
    for start in range(0, len(images), size):
      chosen = np.asarray(images[start : start + size])
      batch = np.zeros((size, *images.shape[1:]), np.uint8)
      batch[: len(chosen)] = chosen
      on_devices = sharding.put(batch, self._over_batch)
      found = self._weights(self._variables, on_devices, member)
      yield sharding.fetch(found)[: len(chosen)]


def _memories(params: pytrees.Variables) -> dict[int, jax.Array]:
  """The memory keys (..., h, s, d) of a network by the number of the block."""
  return {
    _block(path): leaf
    for path, leaf in flax.traverse_util.flatten_dict(dict(params)).items()
    if path[-1] in _MEMORIES
  }


def _block(path: tuple[str, ...]) -> int:
  """The number of a block from 1, of names such as ("block_0", "attention").

  A network whose attention is in no block has but one.
  """
  name, _, number = path[0].partition("_")
  return int(number) + 1 if name == "block" else 1
