"""How well what is foreign is found out, on real sets.

  python benchmarks/novelty.py FOLDER_OF_SETS --workdir runs/novelty

Of each set that is there, specimens are left out as `eanet train` leaves them
out. What their novelty is stands against that of pictures of no material,
of the other sets, of the same micrographs changed, and of a class that was not
trained on. Prints AUROC, and the share found out where 5 % of the set's own
left-out micrographs are taken for foreign. Whatever is like a left-out specimen
is judged by the directions that were fitted without that specimen.
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from eanet_jax.commands import set_fields
from eanet_jax.runtime import console

SETS = ("bainite_martensite", "kth_tips2b_grey", "neu_surface", "uhcs600")
_MOST = 600  # micrographs of a set
_CHANGED = 60  # of these, and of another set


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
  """A set as the frozen trunk sees it.

  Attributes:
    images: uint8 (m, y, x).
    features: float32 (m, f).
    labels: int (m,).
    specimens: str (m,).
    sizes: of the blocks of features.
    folds: int (m,), which fold leaves it out.
    find: features of other images.
  """

  images: np.ndarray
  features: np.ndarray
  labels: np.ndarray
  specimens: np.ndarray
  sizes: tuple[int, ...]
  folds: np.ndarray
  find: Callable[[np.ndarray], np.ndarray]


def look(name: str, arguments: argparse.Namespace) -> Seen:
  """Returns a set, of which whole micrographs are looked at."""
  import real_sets

  from eanet_jax.commands import training_job
  from eanet_jax.configuration import recipes
  from eanet_jax.inference import forward_pass, view_features
  from eanet_jax.runtime import sharding
  from eanet_jax.training import choosing, initial_state

  folder = (arguments.sets / name).resolve()
  files = sum(1 for path in folder.rglob("*") if path.is_file())
  table = real_sets.table_of(folder, -(-files // _MOST), arguments.workdir)
  config = set_fields.apply(
    recipes.load("transfer"),
    [
      "dataset.source=table",
      f"dataset.path={table}",
      "dataset.view=whole",
      *arguments.fields,
    ],
  )
  config = choosing.apply(config, choosing.choose(config))
  mesh, folds = sharding.data_mesh(), None
  for fold in range(config.split.folds):
    data, objective = training_job.load(choosing.of_fold(config, fold))
    if folds is None:
      folds = np.full(len(data.views.labels), -1)
    folds[data.split.test] = fold
  model, state, _ = initial_state.create(config, data, objective, 1, mesh)
  forward = forward_pass.ForwardPass(
    model, data.mean, data.std, config.evaluation.batch_size, mesh
  )
  orientations = config.evaluation.orientations

  def find(images: np.ndarray) -> np.ndarray:
    return forward.features(
      state.variables, images[..., None], np.arange(len(images)), orientations
    )

  features = view_features.inputs(
    forward, state.variables, data.views.images, orientations
  )
  images = data.views.images[..., 0]
  return Seen(
    images=images,
    features=features,
    labels=data.views.labels,
    specimens=np.asarray(data.views.specimens),
    sizes=model.sizes,
    folds=folds,
    find=find,
  )


def pictures(side: int) -> np.ndarray:
  """Returns uint8 (k, side, side): text, screens, waves, noise, emptiness."""
  from PIL import Image, ImageDraw

  rng = np.random.default_rng(0)
  rows, columns = np.mgrid[:side, :side]
  found = []
  for i in range(8):
    page = Image.new("L", (side, side), 255)
    draw = ImageDraw.Draw(page)
    for y in range(8, side - 8, 13 + i):
      letters = rng.integers(97, 123, 60)
      words = "".join(chr(c) if rng.uniform() > 0.15 else " " for c in letters)
      draw.text((8, y), words, fill=0)
    found.append(np.asarray(page))
    screen = np.full((side, side), 235)
    for _ in range(20):
      y, x = rng.integers(0, side - 20, 2)
      h, w = rng.integers(10, side // 3, 2)
      screen[y : y + h, x : x + w] = rng.integers(0, 255)
    found.append(screen)
    waves = np.sin(columns / (3 + 4 * i) + rows / (9 + i))
    found.append(128 + 100 * waves)
    found.append(rng.normal(128, 10 + 8 * i, (side, side)))
    slope = 100 + 8 * i + 0.1 * columns
    found.append(slope + rng.normal(0, 1.5, (side, side)))
  return np.clip(np.stack(found), 0, 255).astype(np.uint8)


def changes() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
  """Returns what may happen to a micrograph (y, x), by its name."""
  from scipy import ndimage

  from eanet_jax.data import micrographs

  rng = np.random.default_rng(0)

  def halved(image: np.ndarray) -> np.ndarray:
    side = len(image) // 2
    small = micrographs.resize(image, side, side)
    right = np.concatenate([small, small[:, ::-1]], axis=1)
    return np.concatenate([right, right[::-1]])

  def doubled(image: np.ndarray) -> np.ndarray:
    quarter = len(image) // 4
    middle = image[quarter : 3 * quarter, quarter : 3 * quarter]
    return micrographs.resize(middle, *image.shape)

  def barred(image: np.ndarray) -> np.ndarray:
    image = image.copy()
    rows = len(image) // 10
    image[-rows:] = 0
    image[-rows // 2 :, 10:90] = 255
    return image

  return {
    "half the magnification": halved,
    "twice the magnification": doubled,
    "blurred, 3 px": lambda image: ndimage.gaussian_filter(image, 3.0),
    "noise of 40 levels": lambda image: np.clip(
      image + rng.normal(0, 40, image.shape), 0, 255
    ).astype(np.uint8),
    "data bar left in": barred,
  }


def against(
  own: np.ndarray, other: np.ndarray, limit: float
) -> tuple[float, float]:
  """Returns the AUROC of two sets of distances, and the share over a limit."""
  from sklearn import metrics

  truth = np.repeat([0, 1], [len(own), len(other)])
  area = metrics.roc_auc_score(truth, np.concatenate([own, other]))
  return float(area), float((other > limit).mean())


def measure(
  name: str, seen: dict[str, Seen], foreign: np.ndarray
) -> dict[str, tuple[float, float]]:
  """Returns {what is foreign: (AUROC, share found out)} for one set."""
  from eanet_jax.inference import novelty

  mine = seen[name]
  folds = np.unique(mine.folds[mine.folds >= 0])
  familiar = {
    fold: novelty.fit(mine.features[mine.folds != fold]) for fold in folds
  }

  def left_out(features: np.ndarray, of: np.ndarray) -> np.ndarray:
    found = np.empty(len(features))
    for fold in folds:
      chosen = mine.folds[of] == fold
      found[chosen] = familiar[fold].distances(features[chosen])
    return found

  everyone = np.flatnonzero(mine.folds >= 0)
  own = left_out(mine.features[everyone], everyone)
  limit = novelty.threshold(own)
  everything = novelty.fit(mine.features)
  found = {"pictures of no material": everything.distances(foreign)}
  for other, each in seen.items():
    if other != name:
      found[other] = everything.distances(each.features)
  rng = np.random.default_rng(0)
  some = rng.choice(everyone, min(_CHANGED, len(everyone)), replace=False)
  for change, function in changes().items():
    changed = np.stack([function(mine.images[i]) for i in some])
    found[change] = left_out(mine.find(changed), some)
  scores = {what: against(own, other, limit) for what, other in found.items()}
  new = [
    _class_left_out(mine, label)
    for label in np.unique(mine.labels)
    if len(np.unique(mine.labels)) > 2
  ]
  if new:
    scores["a class not trained on"] = tuple(np.mean(new, axis=0).tolist())
  return scores


def _class_left_out(mine: Seen, label: int) -> tuple[float, float]:
  """How well a class is found out by what the others have in common."""
  from eanet_jax.inference import novelty

  others = mine.labels != label
  own = [
    novelty.fit(mine.features[others & (mine.folds != fold)]).distances(
      mine.features[others & (mine.folds == fold)]
    )
    for fold in np.unique(mine.folds[others])
  ]
  distances = np.concatenate(own)
  new = novelty.fit(mine.features[others]).distances(mine.features[~others])
  return against(distances, new, novelty.threshold(distances))


def table(scores: dict[str, dict[str, tuple[float, float]]]) -> str:
  """Returns a Markdown table: a column for each set."""
  names = list(scores)
  kinds = dict.fromkeys(kind for own in scores.values() for kind in own)
  lines = ["| AUROC; found out | " + " | ".join(names) + " |"]
  lines.append("|---" * (1 + len(names)) + "|")
  for kind in kinds:
    cells = [
      f"{own[kind][0]:.3f}; {own[kind][1]:.0%}" if kind in own else ""
      for own in scores.values()
    ]
    lines.append(f"| {kind} | " + " | ".join(cells) + " |")
  return "\n".join(lines)


def main(argv: list[str]) -> int:
  """Parses the command line, looks at the sets, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("sets", type=pathlib.Path, metavar="FOLDER_OF_SETS")
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  set_fields.add(parser, "any field of the recipe, e.g. dataset.image_px=256")
  arguments = parser.parse_args(argv[1:])
  sys.path.insert(0, str(pathlib.Path(__file__).parent))
  seen: dict[str, Any] = {}
  for name in SETS:
    if (arguments.sets / name).is_dir():
      console.say(name)
      seen[name] = look(name, arguments)
    else:
      console.say(f"{name}: not in {arguments.sets}")
  if not seen:
    return 2
  first = next(iter(seen.values()))
  foreign = first.find(pictures(first.images.shape[1]))
  scores = {name: measure(name, seen, foreign) for name in seen}
  text = table(scores)
  (arguments.workdir / "novelty.md").write_text(text + "\n")
  console.say(f"\n{text}\n")
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
