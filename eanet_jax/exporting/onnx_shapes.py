"""Operations of JAX that move, add up or multiply whole arrays, in ONNX.

Takes an equation of a traced program and its inputs, adds nodes to a graph; its
line in the table is in `onnx_operators`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend import core

from eanet_jax.exporting import onnx_graph

Inputs = Sequence[onnx_graph.Value]
Operation = Callable[
  [onnx_graph.Graph, core.JaxprEqn, Inputs], list[onnx_graph.Value]
]


def exact(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Returns the inputs as large as they are in the program."""
  return [
    graph.exact(value, onnx_graph.shape_of(atom))
    for value, atom in zip(inputs, equation.invars, strict=True)
  ]


def reduce(operator: str) -> Operation:
  """Returns what reduces one axis after the other, the last one first.

  A runtime may add all 147,456 grey levels of a picture in one float32: then
  features were off by 1.5e-4, ten times as far as they are so.
  """

  def add(
    graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
  ) -> list[onnx_graph.Value]:
    (x,) = exact(graph, equation, inputs)
    for axis in sorted(equation.params["axes"], reverse=True):
      shape = x.shape[:axis] + x.shape[axis + 1 :]
      axes = onnx_graph.constant(np.array([axis], np.int64))
      x = graph.add(operator, [x, axes], shape, keepdims=0)
    return [x]

  return add


def reshape(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Adds a Reshape."""
  (x,) = exact(graph, equation, inputs)
  return [graph.reshape(x, onnx_graph.shape_of(equation.outvars[0]))]


def broadcast(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Only axes are added; what is repeated is left to who takes it."""
  shape: list[Any] = [1] * len(equation.params["shape"])
  for axis, size in zip(
    equation.params["broadcast_dimensions"], inputs[0].shape, strict=True
  ):
    shape[axis] = size
  return [graph.reshape(inputs[0], tuple(shape))]


def transpose(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Adds a Transpose."""
  return [graph.transpose(inputs[0], equation.params["permutation"])]


def reverse(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Adds a Slice that goes backwards."""
  (x,) = exact(graph, equation, inputs)
  axes = list(equation.params["dimensions"])
  count, first = len(axes), np.iinfo(np.int64).min
  return [
    graph.slice(x, x.shape, axes, [-1] * count, [first] * count, [-1] * count)
  ]


def cut(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Adds a Slice along the axes that get shorter."""
  (x,) = exact(graph, equation, inputs)
  params, shape = equation.params, onnx_graph.shape_of(equation.outvars[0])
  strides = params["strides"] or [1] * len(shape)
  axes = [axis for axis, size in enumerate(shape) if size != x.shape[axis]]
  starts, ends, steps = (
    [each[axis] for axis in axes]
    for each in (params["start_indices"], params["limit_indices"], strides)
  )
  return [graph.slice(x, shape, axes, starts, ends, steps)]


def concatenate(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Adds a Concat."""
  parts = exact(graph, equation, inputs)
  shape = onnx_graph.shape_of(equation.outvars[0])
  return [graph.add("Concat", parts, shape, axis=equation.params["dimension"])]


def split(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """Adds a Split."""
  (x,) = exact(graph, equation, inputs)
  params = equation.params
  sizes = onnx_graph.constant(np.array(params["sizes"], np.int64))
  shapes = [onnx_graph.shape_of(each) for each in equation.outvars]
  return graph.add_many("Split", [x, sizes], shapes, axis=params["axis"])


def convolve(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """ONNX has images as (b, c, y, x) and kernels as (out, in, y, x)."""
  params = equation.params
  if params["batch_group_count"] != 1 or set(params["lhs_dilation"]) != {1}:
    raise NotImplementedError("a transposed convolution")
  spec = params["dimension_numbers"]
  x, kernel = exact(graph, equation, inputs)
  before, after = zip(*params["padding"], strict=True)
  shape = onnx_graph.shape_of(equation.outvars[0])
  found = graph.add(
    "Conv",
    [
      graph.transpose(x, spec.lhs_spec),
      graph.transpose(kernel, spec.rhs_spec),
    ],
    tuple(shape[axis] for axis in spec.out_spec),
    strides=list(params["window_strides"]),
    pads=[*before, *after],
    dilations=list(params["rhs_dilation"]),
    group=params["feature_group_count"],
  )
  return [graph.transpose(found, np.argsort(spec.out_spec).tolist())]


def product(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: Inputs
) -> list[onnx_graph.Value]:
  """As one product of matrices, for each of the axes that both have."""
  (of_x, of_y), (both_x, both_y) = equation.params["dimension_numbers"]
  x, y = exact(graph, equation, inputs)
  free_x, free_y = (
    [i for i in range(len(each.shape)) if i not in (*summed, *both)]
    for each, summed, both in ((x, of_x, both_x), (y, of_y, both_y))
  )
  x = graph.transpose(x, [*both_x, *free_x, *of_x])
  y = graph.transpose(y, [*both_y, *of_y, *free_y])
  shared = x.shape[: len(both_x)]
  rows = x.shape[len(both_x) : len(both_x) + len(free_x)]
  columns = y.shape[len(y.shape) - len(free_y) :]
  summed = math.prod(x.shape[len(x.shape) - len(of_x) :])
  if shared:  # without, the left one may have any number of axes
    rows = (math.prod(rows),)
  x = graph.reshape(x, (*shared, *rows, summed))
  y = graph.reshape(y, (*shared, summed, math.prod(columns)))
  found = graph.add("MatMul", [x, y], (*shared, *rows, math.prod(columns)))
  return [graph.reshape(found, onnx_graph.shape_of(equation.outvars[0]))]
