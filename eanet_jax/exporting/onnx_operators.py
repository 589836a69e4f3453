"""What each operation of JAX is in ONNX.

Takes an equation of a traced program and its inputs, adds nodes to a graph.
Only what this program's networks consist of has a line here; of anything else
`of` says so. Opset 18.
"""

from typing import Any

import numpy as np
from jax.extend import core

from eanet_jax.exporting import onnx_graph, onnx_shapes

OPSET = 18

_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9}
_ELEMENTWISE = {
  "add": "Add",
  "sub": "Sub",
  "mul": "Mul",
  "div": "Div",
  "pow": "Pow",
  "exp": "Exp",
  "log": "Log",
  "neg": "Neg",
  "sqrt": "Sqrt",
}


def of(primitive: str) -> onnx_shapes.Operation:
  """Returns what adds the nodes of an operation of JAX.

  Raises:
    NotImplementedError: nothing here has needed it so far.
  """
  if primitive in _ELEMENTWISE:
    return _elementwise(_ELEMENTWISE[primitive])
  if primitive not in _OTHERS:
    raise NotImplementedError(f"the operation {primitive} of JAX")
  return _OTHERS[primitive]


def _elementwise(operator: str) -> onnx_shapes.Operation:
  def add(
    graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
  ) -> list[onnx_graph.Value]:
    del equation
    return [_of_elements(graph, operator, *inputs)]

  return add


def _of_elements(
  graph: onnx_graph.Graph, operator: str, *inputs: onnx_graph.Value
) -> onnx_graph.Value:
  shape = onnx_graph.repeated(each.shape for each in inputs)
  return graph.add(operator, inputs, shape)


def _number(value: onnx_graph.Value) -> float | None:
  """The number that a constant is everywhere; None of another value."""
  array = value.constant
  return None if array is None or array.size != 1 else float(array.item())


def _maximum(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  """Relu has kernels that are fused with what is before it."""
  for x, other in (inputs, inputs[::-1]):
    if _number(other) == 0 and x.constant is None:
      return [graph.add("Relu", [x], x.shape)]
  return [_of_elements(graph, "Max", *inputs)]


def _minimum(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  """Of a Relu it is a Clip, which has such kernels too."""
  for x, other in (inputs, inputs[::-1]):
    made_by, of_it = graph.maker(x)
    most = _number(other)
    if most is not None and made_by == "Relu":
      limits = [onnx_graph.constant(np.float32(each)) for each in (0, most)]
      return [graph.add("Clip", [*of_it, *limits], x.shape)]
  return [_of_elements(graph, "Min", *inputs)]


def _same(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  """A copy, a fence: nothing is computed."""
  del graph, equation
  return list(inputs)


def _cast(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  (x,), (before,) = inputs, equation.invars
  to = np.dtype(equation.params["new_dtype"])
  if to == onnx_graph.type_of(before):
    return [x]
  return [graph.add("Cast", [x], x.shape, to=element_type(to))]


def element_type(dtype: Any) -> int:
  """Returns ONNX's number for a type.

  Raises:
    NotImplementedError: runtimes on CPUs do not compute in it.
  """
  name = np.dtype(dtype).name
  if name not in _TYPES:
    raise NotImplementedError(f"the type {name}")
  return _TYPES[name]


def _integer_power(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  power = equation.params["y"]
  if power == 2:
    return [_of_elements(graph, "Mul", inputs[0], inputs[0])]
  exponent = onnx_graph.constant(np.float32(power))
  return [_of_elements(graph, "Pow", inputs[0], exponent)]


def _square(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  return [_of_elements(graph, "Mul", inputs[0], inputs[0])]


def _inverse_root(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  root = _of_elements(graph, "Sqrt", *inputs)
  return [_of_elements(graph, "Reciprocal", root)]


def _complement_of_error(
  graph: onnx_graph.Graph, equation: core.JaxprEqn, inputs: onnx_shapes.Inputs
) -> list[onnx_graph.Value]:
  """erfc(x) = 1 - erf(x)."""
  one = onnx_graph.constant(np.float32(1))
  return [_of_elements(graph, "Sub", one, _of_elements(graph, "Erf", *inputs))]


_OTHERS: dict[str, onnx_shapes.Operation] = {
  "broadcast_in_dim": onnx_shapes.broadcast,
  "concatenate": onnx_shapes.concatenate,
  "conv_general_dilated": onnx_shapes.convolve,
  "convert_element_type": _cast,
  "copy": _same,
  "copy_p": _same,
  "dot_general": onnx_shapes.product,
  "erfc": _complement_of_error,
  "integer_pow": _integer_power,
  "max": _maximum,
  "min": _minimum,
  "optimization_barrier": _same,
  "reduce_max": onnx_shapes.reduce("ReduceMax"),
  "reduce_sum": onnx_shapes.reduce("ReduceSum"),
  "reshape": onnx_shapes.reshape,
  "rev": onnx_shapes.reverse,
  "rsqrt": _inverse_root,
  "slice": onnx_shapes.cut,
  "split": onnx_shapes.split,
  "square": _square,
  "squeeze": onnx_shapes.reshape,
  "stop_gradient": _same,
  "transpose": onnx_shapes.transpose,
}
