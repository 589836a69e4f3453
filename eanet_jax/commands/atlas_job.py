"""The atlas of a network's memory: from a workdir to a folder of files.

Takes a workdir and perhaps files, writes index.html, slots.csv, specimens.csv
and names.csv.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from eanet_jax import errors
from eanet_jax.data import (
  dataset,
  file_limits,
  file_readers,
  micrographs,
  read_ahead,
)
from eanet_jax.explanation import memory_atlas, named_structure, slot_weights
from eanet_jax.inference import picture_views
from eanet_jax.models import networks
from eanet_jax.reporting import html_pages, memory_page
from eanet_jax.runtime import console, progress, sharding, wording
from eanet_jax.training import choosing
from eanet_jax.workdir import restore, slot_names_csv

PAGE = "index.html"


@dataclasses.dataclass(frozen=True, eq=False)
class Material:
  """The micrographs that an atlas is of.

  Attributes:
    images: uint8 (v, y, x, 1), views.
    micrographs: int (v,), of which each view is.
    specimens: int (m,), of which each micrograph is.
    classes: int (g,), of which each specimen is.
    specimen_names, class_names: g and l of them.
    told: what they are, for people.
  """

  images: np.ndarray
  micrographs: np.ndarray
  specimens: np.ndarray
  classes: np.ndarray
  specimen_names: tuple[str, ...]
  class_names: tuple[str, ...]
  told: str


def run(
  workdir: pathlib.Path,
  out: pathlib.Path,
  *,
  home: pathlib.Path,
  block: int | None,
  member: int | None,
  files: Sequence[pathlib.Path],
  folders: Sequence[pathlib.Path],
  limits: file_limits.Limits,
  told: micrographs.Told,
) -> int:
  """Writes the atlas and says what it holds; returns how many files failed.

  Args:
    workdir: of a run.
    out: folder to write to.
    home: the workdir as the user named it, for messages.
    block: of the network, from 1; None is the last that has a memory.
    member: of an ensemble, from 1; None is the first.
    files: of the micrographs; none are those of the run.
    folders: that the files were named by, <class>/<specimen>/ in them.
    limits, told: of each file.

  Raises:
    UserError: the network has no such memory, nothing can be read or written.
  """
  mesh = sharding.data_mesh()
  network = restore.restore(workdir, mesh)
  weights = named_structure.weights_of(network, workdir, mesh, block)
  shown = _shown(weights, member, workdir)
  named = named_structure.names(workdir, network, mesh)
  config = network.meta.config
  failed = 0
  if files:
    material, failed = _of_files(files, folders, config, limits, told)
  else:
    material = _of_run(config)
  seen = _see(weights, material)
  atlas = memory_atlas.make(
    seen[shown], material.micrographs, material.specimens, material.classes
  )
  agreement = memory_atlas.agreement([each.maps for each in seen])
  page = memory_page.Page(
    title=networks.title(config["model"]),
    slots=_slots(weights, shown),
    names=named,
    atlas=atlas,
    agreement=agreement,
    members=weights.members,
    tokens=seen[shown].maps.shape[1],
    images=material.images,
    specimen_names=material.specimen_names,
    class_names=material.class_names,
    classes=material.classes,
    micrographs=np.bincount(material.specimens),
    told=material.told,
  )
  _write(out, home, page, weights.memory(shown))
  return failed


def _shown(
  weights: slot_weights.SlotWeights, member: int | None, workdir: pathlib.Path
) -> int:
  """The member whose memory is shown, from 0."""
  if (member or 1) > max(1, weights.members):
    has = wording.count(max(1, weights.members), "network")
    raise errors.UserError(f"--member={member}: {workdir} keeps {has}")
  return (member or 1) - 1


def _slots(
  weights: slot_weights.SlotWeights, shown: int
) -> list[slot_names_csv.Slot]:
  """The slots of a member's memory, in the order of its atlas."""
  heads, slots = weights.shape
  member = shown + 1 if weights.members else 0
  return [
    slot_names_csv.Slot(member, weights.block, head + 1, slot + 1)
    for head in range(heads)
    for slot in range(slots)
  ]


def _of_run(config: Mapping[str, Any]) -> Material:
  """The micrographs that a run was trained and tested on."""
  asked = ml_collections.ConfigDict(config)
  if asked.split.fold < 0:  # all folds have all of them
    asked = choosing.of_fold(asked, 0)
  views = dataset.load(asked).views
  names, first, specimens = np.unique(
    views.specimens, return_index=True, return_inverse=True
  )
  return Material(
    images=views.images,
    micrographs=views.micrograph,
    specimens=specimens,
    classes=_from_nought(views.labels[first]),
    specimen_names=tuple(names.tolist()),
    class_names=tuple(
      views.class_names[i] for i in np.unique(views.labels[first])
    ),
    told="all micrographs of the run, those it was tested on among them",
  )


def _from_nought(labels: np.ndarray) -> np.ndarray:
  return np.unique(labels, return_inverse=True)[1]


def _of_files(
  files: Sequence[pathlib.Path],
  folders: Sequence[pathlib.Path],
  config: Mapping[str, Any],
  limits: file_limits.Limits,
  told: micrographs.Told,
) -> tuple[Material, int]:
  """Files as the network sees them, and how many cannot be used.

  Raises:
    UserError: none can.
  """
  like = config["dataset"]
  told = picture_views.as_trained(told, like)
  parts, used = [], []
  with file_readers.Readers(limits, len(files)) as readers:

    def views(path: pathlib.Path) -> np.ndarray | str:
      try:
        image = readers.read(path, told).image
        return micrographs.views(
          image, like["view"], like["image_px"], like["tile_px"]
        )
      except micrographs.MicrographError as error:
        return str(error)

    for path, found in console.progress(
      read_ahead.in_order(views, files), total=len(files), unit="file"
    ):
      if isinstance(found, str):
        line = wording.printable(f"{path}: {found}")
        print(line, file=sys.stderr)
      else:
        used.append(path)
        parts.append(found)
  if not used:
    raise errors.UserError("none of the files can be used")
  belongs = [_belongs(path, folders) for path in used]
  pairs = sorted(set(belongs))
  class_names = sorted({label for label, _ in pairs})
  material = Material(
    images=np.concatenate(parts)[..., None],
    micrographs=np.arange(len(used)).repeat([len(part) for part in parts]),
    specimens=np.array([pairs.index(each) for each in belongs]),
    classes=np.array([class_names.index(label) for label, _ in pairs]),
    specimen_names=tuple(specimen for _, specimen in pairs),
    class_names=tuple(class_names),
    told="the files that were named",
  )
  return material, len(files) - len(used)


def _belongs(
  path: pathlib.Path, folders: Sequence[pathlib.Path]
) -> tuple[str, str]:
  """Class and specimen of a file, as the folders below the one named say."""
  for folder in folders:
    if path.is_relative_to(folder):
      inside = path.relative_to(folder).parts[:-1]
      if inside:
        return inside[0], "/".join(inside[:2])
      break
  name = path.absolute().parent.name
  return name, name


def _see(
  weights: slot_weights.SlotWeights, material: Material
) -> list[memory_atlas.Seen]:
  """What the memory of each member took from the views."""
  specimens = material.specimens[material.micrographs]
  compared = memory_atlas.compared_views(specimens)
  members = range(weights.members or 1)
  total = len(members) * len(material.images)
  shown: progress.Progress[None] = console.progress(
    total=total, unit="image", leave=False
  )
  with shown as bar:
    return [
      memory_atlas.see(weights(material.images, member), compared, bar.update)
      for member in members
    ]


def _write(
  out: pathlib.Path,
  home: pathlib.Path,
  page: memory_page.Page,
  memory: str,
) -> None:
  """Writes the files, and says what is in them."""
  names = out / slot_names_csv.FILE
  try:
    out.mkdir(parents=True, exist_ok=True)
    memory_page.write_tables(out, page)
    html_pages.write_atlas(out / PAGE, memory_page.contents(page))
    new = not names.exists()  # else somebody may be at work on it
    if new:
      slot_names_csv.write(
        names,
        ((slot, page.names.get(slot, ""), memory) for slot in page.slots),
      )
  except OSError as error:
    raise errors.UserError(
      f"cannot write to --out={out}: {errors.reason(error)}"
    ) from None
  for line in page.told_in_short():
    console.say(line)
  kept = "" if new else ", which was there and was not changed"
  console.say(
    f"names for slots go into {names}{kept}; as {home / slot_names_csv.FILE}"
    " they are shown by this command and by eanet predict"
  )
  console.say(str(out / PAGE))
