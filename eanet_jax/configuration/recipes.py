"""The recipes that come with the package: the config files in configs/.

Takes a name or a path, each with or without :variant, gives what the config
file returns. In a checkout, configs/ is beside the package; an installed
package contains it.
"""

import pathlib
import typing

from eanet_jax import errors

if typing.TYPE_CHECKING:  # --help lists the names, and must answer at once
  import ml_collections


def folder() -> pathlib.Path:
  """Returns the folder of the recipes."""
  package = pathlib.Path(__file__).parents[1]
  inside = package / "configs"
  return inside if inside.is_dir() else package.parent / "configs"


def names() -> list[str]:
  """Returns the names of the recipes, in alphabetical order."""
  return sorted(path.stem for path in folder().glob("*.py"))


def load(recipe: str) -> "ml_collections.ConfigDict":
  """Returns the configuration of a recipe.

  Args:
    recipe: NAME, NAME:variant, FILE.py or FILE.py:variant.

  Raises:
    UserError: there is no such recipe or variant, or the file fails.
  """
  from eanet_jax.configuration import command_line

  file, variant = command_line.split_argument(recipe)
  if not file.endswith(".py"):
    name, _, variant = recipe.partition(":")
    if name not in names():
      raise errors.UserError(_unknown(recipe, name))
    file = str(folder() / f"{name}.py")
  elif not pathlib.Path(file).is_file():
    raise errors.UserError(f"--recipe={recipe}: there is no such file")
  try:
    return command_line.load(f"{file}:{variant}" if variant else file)
  except Exception as error:  # whatever a config file raises as it runs
    raise errors.UserError(
      f"--recipe={recipe}: {command_line.one_line(error)}"
    ) from None


def _unknown(recipe: str, name: str) -> str:
  import difflib  # slow to import

  near = difflib.get_close_matches(name, names(), 2, 0.5)
  hint = f"; did you mean {' or '.join(near)}?" if near else "."
  return (
    f"--recipe={recipe} is not a recipe{hint} There are {', '.join(names())},"
    " and any config file FILE.py"
  )
