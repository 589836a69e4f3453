"""The option --set GROUP.FIELD=VALUE, for any field of a recipe."""

import argparse
import typing
from collections.abc import Sequence

from eanet_jax import errors

if typing.TYPE_CHECKING:  # so that --help answers at once
  import ml_collections


def add(parser: argparse.ArgumentParser, words: str) -> None:
  """Adds the option as `fields`, a list.

  Args:
    parser: the program's.
    words: its help, to which is added that it can be repeated.
  """
  parser.add_argument(
    "--set",
    action="append",
    default=[],
    dest="fields",
    metavar="GROUP.FIELD=VALUE",
    help=f"{words}; can be repeated",
  )


def apply(
  config: "ml_collections.ConfigDict", fields: Sequence[str]
) -> "ml_collections.ConfigDict":
  """Returns a configuration after setting fields, each "group.field=value".

  Raises:
    UserError: a field or value cannot be used.
  """
  from eanet_jax.configuration import command_line

  for each in fields:
    if "=" not in each:
      raise errors.UserError(f"--set {each} has no value: write {each}=VALUE")
  flags = [f"--config.{each}" for each in fields]
  return command_line.override(config, ["", *flags])
