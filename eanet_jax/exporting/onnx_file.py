"""ONNX, for runtimes such as onnxruntime: no JAX and no Python is needed.

Takes the function of a network, gives a file for any number of images. The
function is traced once and its operations are written down one by one
(`onnx_operators`), so that ONNX has no second description of any network.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence

import jax
import numpy as np
import onnx
from jax import export
from jax.extend import core
from onnx import helper

from eanet_jax import errors
from eanet_jax.exporting import answer_function, onnx_graph, onnx_operators
from eanet_jax.runtime import compiler

_IR_VERSION = 9  # of onnx 1.14, which has the opset
_IMAGES = "images"


def write(
  function: answer_function.AnswerFunction,
  side_px: int,
  said: Mapping[str, object],
  path: pathlib.Path,
) -> None:
  """Writes a file.

  Args:
    function: of a network.
    side_px: of its images.
    said: what the file tells about itself, by name; as JSON can hold it.
    path: the file.

  Raises:
    UserError: the network computes what ONNX lacks.
  """
  try:
    model = convert(function, side_px)
  except NotImplementedError as error:
    raise errors.UserError(
      f"the network cannot be had as ONNX, which lacks {error}: take"
      " --format=stablehlo"
    ) from None
  model.producer_name = "eanet_jax"
  helper.set_model_props(
    model,
    {
      name: value if isinstance(value, str) else json.dumps(value)
      for name, value in said.items()
    },
  )
  path.write_bytes(model.SerializeToString())


def convert(
  function: answer_function.AnswerFunction, side_px: int
) -> onnx.ModelProto:
  """Returns the function of uint8 (b, side, side, 1) as a model, b as it comes.

  Raises:
    NotImplementedError: ONNX, or what stands here of it, lacks an operation.
  """
  (b,) = export.symbolic_shape("b")
  images = jax.ShapeDtypeStruct((b, side_px, side_px, 1), np.uint8)
  with compiler.plain():
    traced = jax.jit(function).trace(images)
  graph = onnx_graph.Graph()
  given = onnx_graph.Value(images.shape, _IMAGES)
  outputs = _walk(graph, traced.jaxpr.jaxpr, traced.jaxpr.consts, [given])
  # Dicts have their names in this order.
  named = dict(zip(sorted(traced.out_info), outputs, strict=True))
  for name, value in named.items():
    graph.nodes.append(
      helper.make_node("Identity", [graph.name(value)], [name])
    )
  nodes = _needed(graph.nodes, set(named))
  taken = {name for node in nodes for name in node.input}
  model = helper.make_model(
    helper.make_graph(
      nodes,
      "network",
      [_declared(_IMAGES, images)],
      [_declared(name, traced.out_info[name]) for name in named],
      [each for each in graph.initializers if each.name in taken],
    ),
    opset_imports=[helper.make_opsetid("", onnx_operators.OPSET)],
    ir_version=_IR_VERSION,
  )
  onnx.checker.check_model(model, full_check=True)
  return model


def _declared(name: str, shaped: jax.ShapeDtypeStruct) -> onnx.ValueInfoProto:
  """An input or output, with "b" for the number of images."""
  shape = [size if isinstance(size, int) else "b" for size in shaped.shape]
  kind = onnx_operators.element_type(shaped.dtype)
  return helper.make_tensor_value_info(name, kind, shape)


def _walk(
  graph: onnx_graph.Graph,
  program: core.Jaxpr,
  constants: Sequence[jax.Array],
  arguments: Sequence[onnx_graph.Value],
) -> list[onnx_graph.Value]:
  """Adds a program to the graph; returns what it gives."""
  known: dict[core.Var, onnx_graph.Value] = {
    **dict(zip(program.invars, arguments, strict=True)),
    **{
      variable: onnx_graph.constant(value)
      for variable, value in zip(program.constvars, constants, strict=True)
    },
  }

  def read(atom: core.Var | core.Literal) -> onnx_graph.Value:
    if isinstance(atom, core.Literal):
      return onnx_graph.constant(np.asarray(atom.val, onnx_graph.type_of(atom)))
    return known[atom]

  for equation in program.eqns:
    inputs = [read(each) for each in equation.invars]
    params = equation.params
    inner = params.get("jaxpr", params.get("call_jaxpr"))
    if inner is not None:
      outputs = _walk(graph, inner.jaxpr, inner.consts, inputs)
    elif _is_known(equation, inputs):
      outputs = _computed(equation, inputs)
    else:
      operation = onnx_operators.of(equation.primitive.name)
      outputs = operation(graph, equation, inputs)
    known.update(zip(equation.outvars, outputs, strict=True))
  return [
    graph.exact(read(each), onnx_graph.shape_of(each))
    for each in program.outvars
  ]


def _is_known(
  equation: core.JaxprEqn, inputs: Sequence[onnx_graph.Value]
) -> bool:
  """Whether what comes out is the same for all images.

  What is merely repeated is not computed here: it would only get larger.
  """
  atoms = (*equation.invars, *equation.outvars)
  return (
    equation.primitive.name != "broadcast_in_dim"
    and all(each.constant is not None for each in inputs)
    and all(onnx_graph.static(onnx_graph.shape_of(each)) for each in atoms)
  )


def _computed(
  equation: core.JaxprEqn, inputs: Sequence[onnx_graph.Value]
) -> list[onnx_graph.Value]:
  """What comes out of constants."""
  arrays = [
    np.broadcast_to(value.constant, onnx_graph.shape_of(atom))  # type: ignore[arg-type]
    for value, atom in zip(inputs, equation.invars, strict=True)
  ]
  found = equation.primitive.bind(*arrays, **equation.params)
  if not equation.primitive.multiple_results:
    found = [found]
  return [onnx_graph.constant(each) for each in found]


def _needed(
  nodes: Sequence[onnx.NodeProto], names: set[str]
) -> list[onnx.NodeProto]:
  """Returns the nodes that these outputs depend on, in order."""
  found = []
  for node in reversed(nodes):
    if names.intersection(node.output):
      found.append(node)
      names.update(node.input)
  return found[::-1]
