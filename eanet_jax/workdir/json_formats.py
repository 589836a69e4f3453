"""JSON files that carry the number of their format.

A file with another number is not read: one line says what to do. Nor is one
whose fields are not of the types that its dataclass declares: whoever reads a
field would meet the mistake far from here.
"""

import pathlib
import types
import typing
from collections import abc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from eanet_jax import errors
from eanet_jax.runtime import json_files
from eanet_jax.workdir import checksums_json

if TYPE_CHECKING:
  from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def check(content: object, expected: int, where: object) -> None:
  """Raises UserError unless `content` is a dict of the expected format.

  Args:
    content: parsed JSON.
    expected: the number that its "format" must be.
    where: the file, for the message.
  """
  if not isinstance(content, dict):
    raise errors.UserError(f"{where} was changed: it holds no JSON object")
  found = content.get("format", 0)  # the first versions wrote no number
  if type(found) is not int:
    raise errors.UserError(f"{where} was changed: its format is no number")
  if found != expected:
    age = "an older" if found < expected else "a newer"
    raise errors.UserError(
      f"{where} is from {age} version of this program (format {found}, this one"
      f" reads {expected}): use that version, or train again in another"
      " workdir"
    )


def read(path: pathlib.Path, kind: type[T], expected: int) -> T | None:
  """Returns the dataclass whose fields a JSON file holds; None without file.

  Args:
    path: the file.
    kind: the dataclass.
    expected: the number of the file's format.

  Raises:
    UserError: it is not JSON, has another format, or has missing or unknown
      fields, or fields of other types.
  """
  content = load(path, expected)
  return None if content is None else from_fields(kind, content, path)


def load(path: pathlib.Path, expected: int) -> dict[str, Any] | None:
  """Returns the object in a JSON file of the expected format; see `read`."""
  if not path.exists():
    return None
  checksums_json.check(path)
  try:
    content = json_files.read(path)
  except ValueError as error:
    raise errors.UserError(f"{path} is not JSON: {error}") from None
  check(content, expected, path)
  return content


def from_fields(kind: type[T], content: dict[str, Any], where: object) -> T:
  """Returns a dataclass of the fields in `content`; see `read`."""
  for wrong in _misfits(kind, content, ""):
    raise errors.UserError(f"{where} was changed: its field {wrong}")
  return kind(**content)


_WORDS = {int: "a whole number", str: "text", bool: "true or false"}


def _misfits(kind: Any, value: Any, name: str) -> Iterator[str]:
  """Yields what of a JSON value is not as its type has it, in words.

  Args:
    kind: a type as the dataclasses of this wing declare their fields.
    value: what JSON gave.
    name: of the field that has it, with those around it: "split.folds".
  """
  origin, inner = typing.get_origin(kind), typing.get_args(kind)
  if origin in (typing.Union, types.UnionType):
    tried = [list(_misfits(each, value, name)) for each in inner]
    yield from min(tried, key=len)[:1]
  elif origin is typing.Literal:
    if value not in inner:
      yield f"{name} is not one of {', '.join(inner)}"
  elif origin in (list, tuple):
    if isinstance(value, list):
      for i, each in enumerate(value):
        yield from _misfits(inner[0], each, f"{name}[{i}]")
    else:
      yield f"{name} is not a list"
  elif kind is float:
    if type(value) not in (int, float):
      yield f"{name} is not a number"
  elif kind in _WORDS:
    if type(value) is not kind:
      yield f"{name} is not {_WORDS[kind]}"
  elif kind is type(None):
    if value is not None:
      yield f"{name} is not null"
  elif kind is not Any:  # the rest are objects
    if not isinstance(value, dict):
      yield f"{name} is not a JSON object"
    elif origin in (dict, abc.Mapping):
      for key, each in value.items():
        yield from _misfits(inner[1], each, f"{name}.{key}")
    else:
      yield from _misfit_fields(kind, value, f"{name}." if name else "")


def _misfit_fields(
  kind: Any, content: dict[str, Any], prefix: str
) -> Iterator[str]:
  """As `_misfits`, of a dataclass or TypedDict."""
  known = typing.get_type_hints(kind)
  needed = getattr(kind, "__required_keys__", known.keys())
  for field in sorted(needed - content.keys()):
    yield f"{prefix}{field} is missing"
  for field, value in content.items():
    if field in known:
      yield from _misfits(known[field], value, prefix + field)
    else:
      yield f"{prefix}{field} is unknown"
