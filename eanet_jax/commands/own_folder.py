"""What `eanet train` and `eanet compare` share: a job on a user's own folder.

Takes a folder, a recipe and fields, from the command line or a program, gives
the merged configuration and the workdir.
"""

import argparse
import contextlib
import pathlib
import re
import typing
from collections.abc import Iterator, Sequence

from eanet_jax import errors
from eanet_jax.commands import set_fields
from eanet_jax.configuration import recipes

if typing.TYPE_CHECKING:  # so that --help answers at once
  import ml_collections


def add_options(
  parser: argparse.ArgumentParser, *, recipe: str, workdir: str
) -> None:
  """Adds the folder and the options.

  Args:
    parser: the verb's.
    recipe: the default.
    workdir: the default, as the help shows it.
  """
  parser.add_argument(
    "folder",
    type=pathlib.Path,
    metavar="FOLDER",
    help="folder of micrographs, as FOLDER/class/specimen/image files; or a"
    " CSV, TSV or XLSX table with the columns file, class and specimen",
  )
  parser.add_argument(
    "--recipe",
    default=recipe,
    metavar="NAME[:VARIANT]",
    help=f"one of {', '.join(recipes.names())}, or the path of a config file"
    f" [{recipe}]",
  )
  parser.add_argument(
    "--workdir",
    type=pathlib.Path,
    help=f"folder that everything is written to [{workdir}]",
  )
  parser.add_argument(
    "--epochs",
    metavar="N",
    help="passes over the training images [as the recipe says]",
  )
  set_fields.add(
    parser,
    "set any other field of the recipe, e.g. split.by=micrograph;"
    f" {recipes.folder() / 'default.py'} says what each field means",
  )


def fields(arguments: argparse.Namespace) -> list[str]:
  """Returns what the command line sets, each as "group.field=value"."""
  epochs = arguments.epochs
  return [
    *arguments.fields,
    *([] if epochs is None else [f"train.epochs={epochs}"]),
  ]


def configuration(
  folder: pathlib.Path, recipe: str, fields: Sequence[str]
) -> "ml_collections.ConfigDict":
  """Returns the recipe for the user's folder, with the fields that are set.

  Args:
    folder: of micrographs, or a table of them.
    recipe: its name, or the path of a config file.
    fields: each "group.field=value".

  Raises:
    UserError: a recipe, folder, field or value cannot be used.
  """
  from eanet_jax.data import table_cells

  is_table = table_cells.is_table(folder)
  if not folder.is_dir() and not is_table:
    what = "is a file" if folder.exists() else "does not exist"
    raise errors.UserError(
      f"{folder} {what}: name the folder that holds your micrographs as"
      " FOLDER/class/specimen/image files, e.g. my_steels/P92/P92-1/a.tif, or a"
      " table of them"
    )
  config = recipes.load(recipe)
  config.dataset.source = "table" if is_table else "folder"
  # Absolute, so that the same folder under another name resumes the same run.
  config.dataset.path = str(folder.resolve())
  return set_fields.apply(config, fields)


def workdir(
  folder: pathlib.Path, chosen: pathlib.Path | None, ending: str = ""
) -> pathlib.Path:
  """Returns the folder to write to, by default runs/<name of folder or table>.

  Args:
    folder: of micrographs, or a table of them.
    chosen: by the user; None for the default.
    ending: of the default.

  Raises:
    UserError: it would lie inside the folder of micrographs.
  """
  inside = folder.resolve()
  name = inside.stem if inside.is_file() else inside.name
  chosen = chosen or pathlib.Path("runs", name + ending)
  chosen = chosen.expanduser()
  if chosen.resolve().is_relative_to(inside):
    raise errors.UserError(
      f"--workdir={chosen} lies inside {folder}, whose folders are"
      " taken as classes: name one elsewhere with --workdir"
    )
  return chosen


@contextlib.contextmanager
def said_as_set() -> Iterator[None]:
  """Makes errors say how a field is set here: --set field, not --config.field.

  The rest of the package names fields as launch.py takes them.
  """
  try:
    yield
  except errors.UserError as error:
    raise errors.UserError(str(error).replace("--config.", "--set ")) from None


@contextlib.contextmanager
def said_as_arguments() -> Iterator[None]:
  """Makes errors name fields and options as a program has them."""
  try:
    yield
  except errors.UserError as error:
    text = re.sub(r"--config\.|--set |--(?=workdir|recipe)", "", str(error))
    raise errors.UserError(text) from None
