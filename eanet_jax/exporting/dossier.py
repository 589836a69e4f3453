"""A dossier: all that another lab needs to train a network again, in one file.

Takes a finished run and the files it was made from, gives NAME.dossier.zip; and
opens one of anybody. DOSSIER.md in it says in words what is shown and what not.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator, Mapping

import jax
import ml_collections
import numpy as np
from safetensors import numpy as safetensors

from eanet_jax import errors
from eanet_jax.configuration import config_tree, field_rules, recipes
from eanet_jax.data import input_files
from eanet_jax.inference import confidence, prediction_sets
from eanet_jax.models import networks
from eanet_jax.reporting import dossier_page
from eanet_jax.runtime import json_files, machine, pytrees, versions
from eanet_jax.workdir import (
  array_checksums,
  choice_json,
  dossier_json,
  predictions_csv,
  restore,
  results_json,
  sealed_archive,
  trained_on,
)

ENDING = ".dossier.zip"
KIND = "dossier"
WEIGHTS = "weights.safetensors"
_PAGE, _LOCK = "DOSSIER.md", "requirements.txt"
_CALLED = "a dossier"
# Of a network that stands on weights which come with this program: they are the
# same everywhere, and large.
_FROZEN = "['frozen']"
_NOT_LOCKED = "not installed"


def arrays(variables: pytrees.Variables) -> dict[str, np.ndarray]:
  """Returns every array of a network by its path, on the host."""
  leaves = jax.tree_util.tree_leaves_with_path(
    array_checksums.on_host(variables)
  )
  return {
    jax.tree_util.keystr(path): np.ascontiguousarray(leaf).reshape(
      np.shape(leaf)
    )
    for path, leaf in leaves
  }


def hashes(found: Mapping[str, np.ndarray]) -> dict[str, str]:
  """Returns the SHA-256 of each array: its type, its shape and its bytes."""
  return {
    name: hashlib.sha256(
      f"{array.dtype.name} {array.shape} ".encode() + array.tobytes()
    ).hexdigest()
    for name, array in found.items()
  }


def of_all(of_arrays: Mapping[str, str]) -> str:
  """Returns one SHA-256 for the hashes of all arrays."""
  lines = (f"{name} {of_arrays[name]}\n" for name in sorted(of_arrays))
  return hashlib.sha256("".join(lines).encode()).hexdigest()


def write(
  workdir: pathlib.Path,
  path: pathlib.Path,
  name: str,
  run: results_json.RunResults,
  network: restore.TrainedNetwork,
  inputs: input_files.InputFiles,
) -> dossier_json.Dossier:
  """Writes a dossier; returns what its dossier.json holds.

  Args:
    workdir: of a finished run.
    path: the file.
    name: of the workdir.
    run: its results.
    network: what it kept.
    inputs: the files that it was made from.

  Raises:
    UserError: a file of the workdir was changed, or all are too large.
    OSError: a file cannot be read or written.
  """
  kept = trained_on.read(workdir)
  answers = predictions_csv.read_test(workdir, run.class_names)
  choice_json.read(workdir)  # a file that was changed since is not handed on
  _check_names(inputs, kept, answers)
  weights = arrays(network.variables)
  told = _told(name, run, network, inputs, kept, weights)
  own = {n: a for n, a in weights.items() if not n.startswith(_FROZEN)}
  # Where the files lay is nobody else's business.
  public = dataclasses.replace(run, dataset={**run.dataset, "path": ""})
  lock = [
    f"{package}=={version}\n"
    for package, version in told.versions.items()
    if version != _NOT_LOCKED
  ]
  members: dict[str, pathlib.Path | bytes] = {
    _PAGE: dossier_page.markdown(told, run).encode("utf-8", "replace"),
    _LOCK: "".join(lock).encode(),
    dossier_json.FILE: json_files.text(dataclasses.asdict(told)).encode(),
    results_json.FILE: json_files.text(dataclasses.asdict(public)).encode(),
    WEIGHTS: safetensors.save(own),
  }
  for file in (
    predictions_csv.file_name(),
    choice_json.FILE,
    trained_on.FILE,
    trained_on.ARRAYS,
  ):
    if (workdir / file).exists():
      members[file] = workdir / file
  sealed_archive.write(path, KIND, versions.installed(), members)
  return told


def _check_names(
  inputs: input_files.InputFiles,
  kept: trained_on.TrainedOn | None,
  answers: predictions_csv.Predictions,
) -> None:
  """Raises UserError unless files are called as when they were trained on.

  A digest of images and labels does not tell.
  """
  named = {each.file for each in kept.micrographs} if kept else set()
  named.update(answers.files.tolist())
  if inputs.hashes and (missing := sorted(named - inputs.hashes.keys())):
    raise errors.UserError(
      f"there is no {missing[0]} among the micrographs: files were renamed"
      " since the network was trained"
    )


def _told(
  name: str,
  run: results_json.RunResults,
  network: restore.TrainedNetwork,
  inputs: input_files.InputFiles,
  kept: trained_on.TrainedOn | None,
  weights: Mapping[str, np.ndarray],
) -> dossier_json.Dossier:
  meta = network.meta
  dataset = {**meta.config["dataset"], "path": "", "data_dir": ""}
  of_arrays = hashes(weights)
  return dossier_json.Dossier(
    name=name,
    title=networks.title(meta.config["model"]),
    config={**meta.config, "dataset": dataset},
    table=inputs.table,
    files=inputs.hashes,
    data_digest=meta.data_digest,
    device=run.device,
    versions={**versions.locked(), **run.versions},
    source=versions.source(),
    machine=machine.facts(),
    weights=of_arrays,
    weights_sha256=of_all(of_arrays),
    thresholds={
      "temperature": _scalar(weights, "['calibration']['temperature']"),
      "novelty": _scalar(weights, "['familiar']['threshold']"),
      "sets": _sets(kept, run.class_names),
    },
  )


def _scalar(weights: Mapping[str, np.ndarray], name: str) -> float | None:
  return float(weights[name]) if name in weights else None


def _sets(
  kept: trained_on.TrainedOn | None, class_names: list[str]
) -> dossier_json.Sets | None:
  """Of the coverage that `eanet predict` has by itself."""
  if kept is None or len(kept.least) != len(class_names):
    return None
  sets = prediction_sets.Sets(kept.least, kept.specimens)
  if not sets.most:
    return None
  percent = min(confidence.USUAL_COVERAGE, sets.most)
  least = sets.least[:, prediction_sets.COVERAGES.index(percent)]
  return {
    "percent": percent,
    "unit": "micrograph" if kept.by_micrograph else "specimen",
    "least_probability": dict(zip(class_names, least.tolist(), strict=True)),
  }


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
  """A dossier of anybody, checked.

  Attributes:
    folder: with its files.
    told: what its dossier.json holds.
    config: the configuration, valid, without the paths of data.
    weights: arrays by name; of the frozen ones there are only hashes.
  """

  folder: pathlib.Path
  told: dossier_json.Dossier
  config: ml_collections.ConfigDict
  weights: dict[str, np.ndarray]


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Opened]:
  """Yields a dossier, for as long as it is read.

  Raises:
    UserError: it is none, was changed, or cannot be trained again.
  """
  path = path.expanduser()
  if not path.is_file():
    raise errors.UserError(f"{path}: there is no such file")
  with sealed_archive.unpacked(path, KIND, _CALLED, KIND) as folder:
    told = dossier_json.read(folder)
    if told is None:
      raise errors.UserError(f"{path} has no {dossier_json.FILE}")
    config = _config(told, path)
    try:
      weights = safetensors.load((folder / WEIGHTS).read_bytes())
    # A damaged file shows as any of half a dozen errors.
    except Exception as error:
      raise errors.UserError(
        f"{path}: its {WEIGHTS} cannot be read: {error}"
      ) from None
    yield Opened(folder, told, config, weights)


def check_replayable(config: config_tree.Tree, where: object) -> None:
  """Raises UserError if a run stands on what a dossier does not hold.

  Args:
    config: the run's, as JSON has it.
    where: for the message.
  """
  for field, value in (
    ("init_from", config["init_from"]),
    ("model.pretrained", config["model"]["pretrained"]),
  ):
    if value:
      raise errors.UserError(
        f"{where}: its training began with other weights ({field}={value}),"
        " which a dossier does not hold: it cannot be trained again from one"
      )


def _config(
  told: dossier_json.Dossier, path: pathlib.Path
) -> ml_collections.ConfigDict:
  """The configuration, whose fields have the types that recipes give them."""
  stored = told.config
  where = f"the configuration in {path}"
  model = stored.get("model")
  name = model.get("name") if isinstance(model, dict) else None
  if name not in _RECIPES:
    raise errors.UserError(f"{where} is of no network that this program has")
  config = recipes.load(_RECIPES[name])
  lacking = config_tree.flatten(config_tree.as_json(config)).keys()
  if missing := sorted(lacking - config_tree.flatten(stored).keys()):
    raise errors.UserError(f"{where} has no field {missing[0]}")
  try:
    config.update(stored)
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    why = " ".join(str(error).split())[:200]
    raise errors.UserError(f"{where} cannot be used: {why}") from None
  try:
    field_rules.validate(config)
  except errors.UserError as error:
    raise errors.UserError(f"{where}: {error}") from None
  check_replayable(stored, path)
  split = config.split
  # A cross-validation, one of its folds, or a single split.
  if split.fold < 0:
    settled = split.cross_validate and split.folds
  else:
    settled = split.folds or not split.cross_validate
  if config.dataset.view == "auto" or not settled:
    raise errors.UserError(f"{where} leaves something to choose")
  table = pathlib.PurePath(told.table)
  if len(table.parts) > 1 or table.is_absolute() or ".." in table.parts:
    raise errors.UserError(f"{path}: its table {told.table!r} is no plain name")
  return config


# A recipe of each kind of network, for the types of its fields.
_RECIPES = {"eanet": "default", "vgg": "vgg", "transfer": "transfer"}
