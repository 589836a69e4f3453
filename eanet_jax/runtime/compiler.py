"""A fence that the compiler must not fuse across, on a CPU.

Versions of XLA's CPU compiler differ in what they fuse, and some choices cost
more than all the arithmetic: jaxlib 0.12 pulls a matrix product into the
reductions that read it and then computes it several times; 0.10.1 repeats an
image's resampling for each use. A fence keeps the two sides apart on a CPU.
Other devices have none, because fusing makes element-wise work cheap there.
"""

from typing import TypeVar

import jax

T = TypeVar("T")  # a pytree of arrays


def fence(values: T) -> T:
  """Returns a pytree of arrays unchanged; on a CPU, as arrays in memory."""
  if jax.default_backend() == "cpu":
    return jax.lax.optimization_barrier(values)
  return values
