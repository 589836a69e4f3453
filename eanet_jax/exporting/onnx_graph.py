"""An ONNX graph as it grows: tensors, nodes, and the constants they take.

Takes operations one after the other, gives the graph. A dimension is a number
or, of what there is for each image, a symbol of JAX; a shape has at most one
symbol, so that ONNX's -1 can stand for it.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from jax.extend import core
from onnx import helper, numpy_helper

Shape = tuple[Any, ...]  # of int, and of JAX's symbols


@dataclasses.dataclass(frozen=True, eq=False)
class Value:
  """A tensor of the graph, or a constant that it may take.

  Its shape may have 1 where the program has more: operations that go element by
  element repeat it by themselves, for others `Graph.exact` does.

  Attributes:
    shape: as it is.
    name: in the graph; "" of a constant that no node has taken yet.
    constant: None of what depends on the images.
  """

  shape: Shape
  name: str = ""
  constant: np.ndarray | None = None


def shape_of(atom: core.Var | core.Literal) -> Shape:
  """Returns the shape that a value has in the program."""
  return atom.aval.shape  # type: ignore[attr-defined]  # of arrays it has


def type_of(atom: core.Var | core.Literal) -> np.dtype:
  """Returns the type that a value has in the program."""
  return atom.aval.dtype  # type: ignore[attr-defined]  # of arrays it has


def constant(array: Any) -> Value:
  """Returns the value of an array that is known."""
  array = np.asarray(array)
  return Value(array.shape, constant=array)


def static(shape: Shape) -> bool:
  """Whether a shape is the same for any number of images."""
  return all(isinstance(size, int) for size in shape)


def repeated(shapes: Iterable[Shape]) -> Shape:
  """Returns the shape of what an elementwise operation of these gives."""
  found: list[Any] = []
  for shape in shapes:
    missing = len(shape) - len(found)
    found = [1] * missing + found
    for axis, size in enumerate(shape, start=len(found) - len(shape)):
      if not (isinstance(size, int) and size == 1):
        found[axis] = size
  return tuple(found)


class Graph:
  """Nodes in the order in which they run.

  Attributes:
    nodes: of the graph.
    initializers: the constants that nodes take.
  """

  def __init__(self) -> None:
    """Begins with nothing."""
    self.nodes: list[onnx.NodeProto] = []
    self.initializers: list[onnx.TensorProto] = []
    self._makers: dict[str, tuple[str, tuple[Value, ...]]] = {}
    self._taken: dict[bytes, str] = {}

  def add(
    self,
    operator: str,
    inputs: Sequence[Value],
    shape: Shape,
    **attributes: Any,
  ) -> Value:
    """Returns the one output of a new node."""
    return self.add_many(operator, inputs, [shape], **attributes)[0]

  def add_many(
    self,
    operator: str,
    inputs: Sequence[Value],
    shapes: Sequence[Shape],
    **attributes: Any,
  ) -> list[Value]:
    """Returns the outputs of a new node."""
    first = len(self._makers)
    outputs = [
      Value(shape, f"{operator.lower()}_{first + i}")
      for i, shape in enumerate(shapes)
    ]
    for each in outputs:
      self._makers[each.name] = operator, tuple(inputs)
    names = [self.name(each) for each in inputs]
    self.nodes.append(
      helper.make_node(
        operator, names, [each.name for each in outputs], **attributes
      )
    )
    return outputs

  def maker(self, value: Value) -> tuple[str, tuple[Value, ...]]:
    """Returns the operator that made a value, and what it took."""
    return self._makers.get(value.name, ("", ()))

  def name(self, value: Value) -> str:
    """Returns the name of a value; a constant gets one, equal ones the same."""
    array = value.constant
    if array is None:
      return value.name
    array = np.ascontiguousarray(array)
    key = repr((array.dtype, array.shape)).encode() + array.tobytes()
    if key not in self._taken:
      self._taken[key] = f"constant_{len(self._taken)}"
      self.initializers.append(numpy_helper.from_array(array, self._taken[key]))
    return self._taken[key]

  def exact(self, value: Value, shape: Shape) -> Value:
    """Returns a value as it is in the program: nothing is left to repeat.

    Raises:
      NotImplementedError: a constant would have to be repeated for each image.
    """
    if value.shape == shape:
      return value
    if value.constant is not None and static(shape):
      return constant(np.broadcast_to(value.constant, shape))
    before = (1,) * (len(shape) - len(value.shape)) + value.shape
    for mine, wanted in zip(before, shape, strict=True):
      if not isinstance(wanted, int) and isinstance(mine, int):
        raise NotImplementedError("a constant for each image")
    # 1 leaves a dimension as it is.
    sizes = [size if isinstance(size, int) else 1 for size in shape]
    return self.add("Expand", [value, _integers(sizes)], shape)

  def reshape(self, value: Value, shape: Shape) -> Value:
    """Returns a value's elements in another shape."""
    if value.shape == shape:
      return value
    if value.constant is not None:
      return constant(value.constant.reshape(shape))
    sizes = [size if isinstance(size, int) else -1 for size in shape]
    assert sizes.count(-1) <= 1
    return self.add("Reshape", [value, _integers(sizes)], shape)

  def transpose(self, value: Value, axes: Sequence[int]) -> Value:
    """Returns a value whose i-th axis was axes[i]."""
    if list(axes) == list(range(len(axes))):
      return value
    if value.constant is not None:
      return constant(value.constant.transpose(axes))
    shape = tuple(value.shape[axis] for axis in axes)
    return self.add("Transpose", [value], shape, perm=list(axes))

  def slice(
    self,
    value: Value,
    shape: Shape,
    axes: Sequence[int],
    starts: Sequence[int],
    ends: Sequence[int],
    steps: Sequence[int],
  ) -> Value:
    """Returns a part of a value; axes that are not named stay whole."""
    if not axes:
      return value
    where = [_integers(each) for each in (starts, ends, axes, steps)]
    return self.add("Slice", [value, *where], shape)


def _integers(numbers: Sequence[int]) -> Value:
  return constant(np.array(numbers, np.int64))
