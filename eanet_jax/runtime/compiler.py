"""Where the compiler must not fuse: on a CPU, at the edges of products.

XLA's CPU compilers differ in what they fuse, and some choices cost more than
all arithmetic: jaxlib 0.12 pulls a matrix product into the reductions that read
it and then computes it several times, 0.10.1 evaluates an image's resampling
once more for each use. A fence keeps the two sides apart on a CPU. Elsewhere
fusing is what makes element-wise work cheap, and there is none.
"""

from typing import TypeVar

import jax

T = TypeVar("T")  # a pytree of arrays


def fence(values: T) -> T:
  """Returns a pytree of arrays, unchanged; on a CPU as arrays in memory."""
  if jax.default_backend() == "cpu":
    return jax.lax.optimization_barrier(values)
  return values
