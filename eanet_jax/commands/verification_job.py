"""Training again from a dossier, in a folder that is removed at the end.

Takes a dossier and the files it names, gives whether all came out the same.
"""

import pathlib
import tempfile
import time
from collections.abc import Mapping

import ml_collections

from eanet_jax import errors
from eanet_jax.commands import main_job, training_job
from eanet_jax.data import input_files
from eanet_jax.exporting import dossier, replay
from eanet_jax.reporting import dossier_page
from eanet_jax.runtime import console, machine, sharding, versions, wording
from eanet_jax.workdir import dossier_json, restore

_SHOWN = 5  # files of each kind


def run(
  path: pathlib.Path, folder: pathlib.Path | None, same_versions: bool
) -> bool:
  """Trains again and says what is the same; returns whether all is.

  Args:
    path: the dossier.
    folder: of the files; None of drawings.
    same_versions: whether nothing is trained where versions differ.

  Raises:
    UserError: the dossier cannot be used, or the folder is none.
  """
  with dossier.opened(path) as given:
    config = given.config
    if config.dataset.source != "synthetic":
      if folder is None:
        raise errors.UserError(f"{path}: name the folder of its micrographs")
      config.dataset.path = str(
        folder.expanduser().resolve() / given.told.table
      )
    training_job.check(config)
    if not _same_files(given.told, config):
      console.say("not identical: they part at the files; nothing was trained")
      return False
    same = _same_program(given.told)
    elsewhere = _other_machine(given.told)
    if not same and same_versions:
      console.say("not identical: versions differ; nothing was trained")
      return False
    found = _trained_again(given, config)
  for each in found:
    console.say(str(each))
  console.say(replay.verdict(found))
  identical = not any(each.differs for each in found)
  if not identical and not (same and not elsewhere):
    console.say(dossier_page.ELSEWHERE.replace("`", ""))
  return identical


def _same_files(
  told: dossier_json.Dossier, config: ml_collections.ConfigDict
) -> bool:
  """Says which files are not those of the dossier; whether training can be.

  A file more than there was may be of no use: what comes of it is found out.
  """
  table = pathlib.Path(config.dataset.path)
  if told.table and not table.is_file():
    console.say(f"missing: {told.table}")
    return False
  there = input_files.find(config.dataset.source, config.dataset.path).hashes
  missing = sorted(told.files.keys() - there.keys())
  changed = sorted(
    name
    for name, sha256 in told.files.items()
    if name in there and there[name] != sha256
  )
  extra = sorted(there.keys() - told.files.keys())
  for what, names in (
    ("missing", missing),
    ("changed", changed),
    ("not in the dossier", extra),
  ):
    if names:
      count = wording.count(len(names), "file")
      console.say(f"{what}: {count}, {wording.listed(names, _SHOWN)}")
  if not (missing or changed):
    count = wording.count(len(told.files), "file")
    console.say(f"files: all {count} as in the dossier")
  return not (missing or changed)


def _same_program(told: dossier_json.Dossier) -> bool:
  """Says which versions differ; returns whether none does."""
  differ = _differences(told.versions, versions.locked())
  if told.source != versions.source():
    differ.append("the code of this program is another")
  console.say(f"versions: {'; '.join(differ) or 'the same'}")
  return not differ


def _other_machine(told: dossier_json.Dossier) -> bool:
  """Says how the machine differs; returns whether it does."""
  here = {"device": versions.device(), **machine.facts()}
  before = {"device": told.device, **told.machine}
  differ = _differences(before, here)
  console.say(f"machine: {'; '.join(differ) or 'the same'}")
  return bool(differ)


def _differences(
  before: Mapping[str, str], here: Mapping[str, str]
) -> list[str]:
  return [
    f"{name} {before.get(name) or 'none'}, here {here.get(name) or 'none'}"
    for name in dict.fromkeys([*before, *here])
    if before.get(name) != here.get(name)
  ]


def _trained_again(
  given: dossier.Opened, config: ml_collections.ConfigDict
) -> list[replay.Finding]:
  """Trains from the files alone, and compares."""
  begun = time.monotonic()
  told = given.told
  before = replay.read(
    given.folder, told.data_digest, told.weights, given.weights
  )
  with tempfile.TemporaryDirectory(
    prefix="eanet-", ignore_cleanup_errors=True
  ) as home:
    # What was built of the same files before proves nothing.
    config.dataset.data_dir = str(pathlib.Path(home) / "data")
    workdir = pathlib.Path(home) / "run"
    try:
      main_job.train_and_evaluate(config, workdir)
    except errors.Stopped:
      raise errors.UserError(
        "stopped: nothing is kept of the training"
      ) from None
    network = restore.restore(workdir, sharding.data_mesh())
    weights = dossier.arrays(network.variables)
    again = replay.read(
      workdir, network.meta.data_digest, dossier.hashes(weights), weights
    )
  console.say(f"trained again: {wording.duration(time.monotonic() - begun)}")
  return replay.compare(before, again)
