"""JSON files that carry the number of their format.

A file of another format is not guessed at: one line says what to do.
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
    content: what JSON gave.
    expected: its "format".
    where: it was read from, for the message.
  """
  if not isinstance(content, dict):
    raise errors.UserError(f"{where} was changed: it holds no JSON object")
  found = content.get("format", 0)  # the first versions wrote no number
  if found != expected:
    age = "an older" if found < expected else "a newer"
    raise errors.UserError(
      f"{where} is of {age} version of this program (format {found}, this one"
      f" reads {expected}): use that version, or train again in another"
      " workdir"
    )


def read(path: pathlib.Path, kind: type[T], expected: int) -> T:
  """Returns the dataclass that a JSON file holds the fields of.

  Args:
    path: of the file.
    kind: a dataclass.
    expected: "format" of the file.

  Raises:
    UserError: no JSON, another format, or fields missing or unknown.
  """
  return from_fields(kind, load(path, expected), path)


def load(path: pathlib.Path, expected: int) -> dict[str, Any]:
  """Returns the object in a JSON file of the expected format; see `read`."""
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
  except ValueError as error:
    raise errors.UserError(f"{path} is no JSON: {error}") from None
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
