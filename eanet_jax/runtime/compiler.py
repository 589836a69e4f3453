"""What the compiler must not do: fuse across a fence, round float32 factors.

Versions of XLA's CPU compiler differ in what they fuse, and some choices cost
more than all the arithmetic: jaxlib 0.12 pulls a matrix product into the
reductions that read it and then computes it several times; 0.10.1 repeats an
image's resampling for each use. A fence keeps the two sides apart on a CPU.
Other devices have none, because fusing makes element-wise work cheap there.

A program that is traced for other runtimes than XLA is `plain`: fences mean
nothing to them, and their own convolutions are fast.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import jax

T = TypeVar("T")  # a pytree of arrays
P = ParamSpec("P")
_PRECISION = "jax_default_matmul_precision"
_PLAIN = contextvars.ContextVar("plain", default=False)


@contextlib.contextmanager
def plain() -> Iterator[None]:
  """Within it, programs are traced as other runtimes than XLA want them."""
  token = _PLAIN.set(True)
  try:
    yield
  finally:
    _PLAIN.reset(token)


def is_plain() -> bool:
  """Whether what is traced now is for another runtime than XLA."""
  return _PLAIN.get()


def fence(values: T) -> T:
  """Returns a pytree of arrays unchanged; on a CPU, as arrays in memory."""
  if jax.default_backend() == "cpu" and not is_plain():
    return jax.lax.optimization_barrier(values)
  return values


def full_precision(function: Callable[P, T]) -> Callable[P, T]:
  """Returns a function to jit whose float32 products are of float32 factors.

  By default GPUs round the factors to 10 bits behind the point and TPUs to 7:
  another device would give other answers. Where the user has set
  JAX_DEFAULT_MATMUL_PRECISION, that holds. Products in bfloat16 stay as they
  are.
  """

  @functools.wraps(function)
  def traced(*args: P.args, **kwargs: P.kwargs) -> T:
    # Its value, of the variable or of a context; jax's stubs lack the name.
    chosen = getattr(jax.config, _PRECISION) or "highest"
    with jax.default_matmul_precision(chosen):
      return function(*args, **kwargs)

  return traced
