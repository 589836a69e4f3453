"""The workdir that a command reads: a folder, or one file that holds it."""

import argparse
import contextlib
import pathlib
from collections.abc import Iterator


def add(
  parser: argparse.ArgumentParser, of: str = "workdir of a training run"
) -> None:
  """Adds the argument WORKDIR.

  Args:
    parser: the verb's.
    of: what it is, for the help.
  """
  parser.add_argument(
    "workdir",
    type=pathlib.Path,
    help=f"{of}, or a file that eanet pack made of one",
  )
  parser.set_defaults(reads_workdir=True)


@contextlib.contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[None]:
  """Makes `arguments.workdir` a folder, for as long as the command runs.

  A packed workdir is unpacked to a folder that is removed at the end.
  `arguments.named` stays what the user named.

  Raises:
    UserError: a file is no packed workdir, or was changed.
  """
  if not getattr(arguments, "reads_workdir", False):
    yield
    return
  from eanet_jax.workdir import packed_workdir

  arguments.named = arguments.workdir
  with packed_workdir.opened(arguments.workdir) as folder:
    arguments.workdir = folder
    yield


def is_packed(arguments: argparse.Namespace) -> bool:
  """Whether the workdir is a file: what is written to it would be lost."""
  return arguments.named.expanduser().is_file()


def own(arguments: argparse.Namespace, name: str) -> pathlib.Path:
  """Returns where a command writes by itself: WORKDIR/name.

  Of a packed workdir it is PACK-name in the folder that is worked in.
  """
  if not is_packed(arguments):
    return arguments.workdir / name
  from eanet_jax.workdir import packed_workdir

  return pathlib.Path(f"{packed_workdir.name(arguments.named)}-{name}")
