"""config.json: the merged configuration of a run, as data.

It is never executed. It tells whether a workdir holds the run that is wanted.
"""

import pathlib

import ml_collections

from eanet_jax import errors
from eanet_jax.configuration import config_tree
from eanet_jax.runtime import atomic_files, json_files

FILE = "config.json"


def write(workdir: pathlib.Path, config: ml_collections.ConfigDict) -> None:
  """Writes WORKDIR/config.json."""
  atomic_files.write_json(workdir / FILE, config_tree.as_json(config))


def check_same(
  workdir: pathlib.Path, config: ml_collections.ConfigDict
) -> bool:
  """Returns whether a workdir's run has its micrographs at the same path.

  Raises:
    UserError: the run has another configuration. Fields that it does not use
      may differ: see `config_tree.differences`.
  """
  path = workdir / FILE
  if not path.exists():
    return True
  try:
    stored = json_files.read(path)
  except ValueError as error:
    raise errors.UserError(
      f"{path} is not JSON: {error}; if the run is of this command, delete that"
      " file"
    ) from None
  if not isinstance(stored, dict):
    raise errors.UserError(
      f"{path} was changed: it holds no JSON object; if the run is of this"
      " command, delete that file"
    )
  changed = config_tree.differences(stored, config_tree.as_json(config))
  if changed:
    raise errors.UserError(
      f"{workdir} holds a run with another configuration"
      f" ({'; '.join(changed)}), as its {FILE} says: choose another --workdir,"
      " or the same fields to resume"
    )
  return stored["dataset"].get("path") == config.dataset.path
