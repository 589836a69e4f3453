"""A trained network written for other programs, and proved before it is kept.

Takes a workdir, gives a file (or a folder) and a JSON file beside it.
"""

import importlib.util
import os
import pathlib

from eanet_jax import errors
from eanet_jax.exporting import description, kinds, proof
from eanet_jax.inference import classify
from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import trained_on


def default_path(workdir: pathlib.Path, kind: str) -> pathlib.Path:
  """Returns the usual name, in the folder that is worked in."""
  return pathlib.Path(workdir.resolve().name + kinds.KINDS[kind].ending)


def json_beside(path: pathlib.Path) -> pathlib.Path:
  """Returns where the description of an exported file lies."""
  return path.with_name(f"{path.name}.json")


def check_installed(kind: str) -> None:
  """Raises UserError if what the kind needs is not installed."""
  needs = kinds.KINDS[kind].needs
  lacking = [name for name in needs if not importlib.util.find_spec(name)]
  if lacking:
    raise errors.UserError(
      f"--format={kind} needs {' and '.join(lacking)}, not installed here: pip"
      f" install {' '.join(lacking)}"
    )


def check_new(kind: str, path: pathlib.Path) -> None:
  """Raises UserError if something is there already."""
  beside = [json_beside(path)] if kinds.KINDS[kind].json_beside else []
  for each in (path, *beside):
    if os.path.lexists(each):
      raise errors.UserError(
        f"{each} exists already: remove it, or name another file with --out"
      )


def write(
  workdir: pathlib.Path, kind: str, path: pathlib.Path
) -> proof.Proof | None:
  """Writes the network of a workdir; returns how it compares with the network.

  None if nothing here can tell.

  Args:
    workdir: of a training run.
    kind: of `kinds.KINDS`.
    path: a new file, or a new folder where the kind is one.

  Raises:
    UserError: there is no network that knows classes, or it cannot be had in
      this kind.
    proof.Unsound: the file does not answer as the network; nothing is kept.
  """
  classifier = classify.Classifier.restore(workdir)
  images = proof.test_images(workdir, classifier.image_px)
  with atomic_files.replacing(path) as building:
    kinds.KINDS[kind].write(classifier, workdir, building)
    found = proof.prove(kind, building, classifier, images)
    if found is not None and not found.sound:
      raise proof.Unsound(str(found))
  if found is None or not kinds.KINDS[kind].json_beside:
    return found
  told = description.of(classifier, trained_on.read(workdir), kind, path, found)
  atomic_files.write_json(json_beside(path), told)
  return found


def size_mb(path: pathlib.Path) -> float:
  """Returns the size of a file, or of all in a folder, in millions of bytes."""
  inside = path.rglob("*") if path.is_dir() else [path]
  return sum(each.stat().st_size for each in inside if each.is_file()) / 1e6
