"""StableHLO as `jax.export` keeps it: for CPUs, CUDA GPUs and TPUs at once.

Takes the function of a network, gives a file for any number of images.
`jax.export.deserialize(FILE's bytes).call` is the function again, without this
package.
"""

import pathlib

import jax
import numpy as np
from jax import export

from eanet_jax.exporting import answer_function

PLATFORMS = ("cpu", "cuda", "tpu")


def exported(
  function: answer_function.AnswerFunction, side_px: int
) -> export.Exported:
  """Returns the function for uint8 (b, side, side, 1), b as it comes."""
  (b,) = export.symbolic_shape("b")
  images = jax.ShapeDtypeStruct((b, side_px, side_px, 1), np.uint8)
  return export.export(jax.jit(function), platforms=PLATFORMS)(images)


def write(
  function: answer_function.AnswerFunction, side_px: int, path: pathlib.Path
) -> None:
  """Writes a file."""
  path.write_bytes(exported(function, side_px).serialize())
