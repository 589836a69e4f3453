"""Tensors of a PyTorch file, read without PyTorch and without running anything.

Takes a file as `torch.save` wrote it before version 1.6: five pickles, then the
numbers. Gives its tensors by name. The pickles may name tensors, storages and
ordered dictionaries and nothing else: a file that wants more is refused before
anything of it is called.
"""

import collections
import io
import math
import pathlib
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
# The numbers are written as they lie in memory of a little-endian machine.
_DTYPES = {
  "FloatStorage": "<f4",
  "LongStorage": "<i8",
}


class NotTensors(Exception):
  """What is wrong with a file: the end of a sentence that its name begins."""


class _Storage:
  """The numbers of one or several tensors; filled once they are read."""

  def __init__(self, dtype: str, size: int):
    self.dtype, self.size = np.dtype(dtype), size
    self.numbers = np.empty(0, self.dtype)


class _Tensor:
  """A tensor as its pickle describes it: a part of a storage."""

  def __init__(
    self,
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: Any,  # whether it had a gradient, and hooks
  ):
    self._storage, self._offset = storage, offset
    self._shape, self._strides = shape, strides

  def array(self) -> np.ndarray:
    """Returns its own numbers, of the storage's type."""
    numbers, shape, strides = self._storage.numbers, self._shape, self._strides
    steps = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    if (
      min((*shape, *strides, self._offset)) < 0
      or math.prod(shape) > len(numbers)  # a stride may be 0
      or (all(shape) and self._offset + sum(steps) >= len(numbers))
    ):
      raise NotTensors("has a tensor that is larger than its storage")
    view = np.lib.stride_tricks.as_strided(
      numbers[self._offset :],
      shape,
      [step * numbers.itemsize for step in strides],
    )
    return view.copy()


class _Unpickler(pickle.Unpickler):
  """Makes only what `_ALLOWED` names, and storages."""

  _ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
  }

  def __init__(self, file: io.BufferedReader):
    super().__init__(file)
    self.storages: dict[str, _Storage] = {}

  def find_class(self, module: str, name: str) -> Any:
    """Returns what a pickle may name, or raises NotTensors."""
    if module == "torch" and name in _DTYPES:
      return _DTYPES[name]
    try:
      return self._ALLOWED[module, name]
    except KeyError:
      raise NotTensors(
        f"is not opened: it names {module}.{name}, which is no tensor and could"
        " run code"
      ) from None

  def persistent_load(self, pid: Any) -> _Storage:
    """Returns the storage that a tensor is a part of."""
    kind, dtype, key, _, size, view = pid
    if kind != "storage" or view is not None or dtype not in _DTYPES.values():
      raise NotTensors("has something in the place of a storage")
    return self.storages.setdefault(key, _Storage(dtype, size))


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Returns the tensors of a file by name.

  Raises:
    NotTensors: it is another kind of file, is damaged, or holds anything else.
    OSError: it cannot be opened.
  """
  with path.open("rb") as file:
    try:
      return _read(file)
    except NotTensors:
      raise
    except Exception as error:  # a damaged pickle fails in many ways
      raise NotTensors(
        f"is no archive of tensors, or is damaged ({type(error).__name__})"
      ) from None


def _read(file: io.BufferedReader) -> dict[str, np.ndarray]:
  if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
    raise NotTensors("is no archive of tensors of PyTorch's first format")
  if not _Unpickler(file).load()["little_endian"]:
    raise NotTensors("was written on a machine of another byte order")
  unpickler = _Unpickler(file)
  named = unpickler.load()
  for key in _Unpickler(file).load():
    storage = unpickler.storages[key]
    size = int.from_bytes(file.read(8), "little")
    if size != storage.size:
      raise NotTensors(f"has {size} numbers where {storage.size} should be")
    numbers = file.read(size * storage.dtype.itemsize)
    storage.numbers = np.frombuffer(numbers, storage.dtype, size)
  if file.read(1):
    raise NotTensors("goes on behind its last tensor")
  return {name: tensor.array() for name, tensor in named.items()}
