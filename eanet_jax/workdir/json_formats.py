"""JSON files that carry the number of their format.

A file with another number is not read: one line says what to do.
"""

import dataclasses
import json
import pathlib
from typing import TYPE_CHECKING, Any, TypeVar

from eanet_jax import errors

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
      fields.
  """
  content = load(path, expected)
  return None if content is None else from_fields(kind, content, path)


def load(path: pathlib.Path, expected: int) -> dict[str, Any] | None:
  """Returns the object in a JSON file of the expected format; see `read`."""
  if not path.exists():
    return None
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
  except ValueError as error:
    raise errors.UserError(f"{path} is not JSON: {error}") from None
  check(content, expected, path)
  return content


def from_fields(kind: type[T], content: dict[str, Any], where: object) -> T:
  """Returns a dataclass of the fields in `content`; see `read`."""
  known = {field.name for field in dataclasses.fields(kind)}
  wrong = sorted(known ^ content.keys())
  if wrong:
    raise errors.UserError(
      f"{where} was changed: its field {wrong[0]} is"
      f" {'unknown' if wrong[0] in content else 'missing'}"
    )
  return kind(**content)
