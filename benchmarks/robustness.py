"""How far a trained network's answers depend on how a micrograph was taken.

  python benchmarks/robustness.py runs/eanet runs/eanet_best
  python benchmarks/robustness.py --pool runs/compare/runs/*/eanet_best-seed0

Changes the test micrographs of each run as microscopes and their users may,
and prints the share that is classified right, and of how many the class is no
longer that of the unchanged micrograph. Folds of one system can be pooled.
"""

import argparse
import pathlib
import sys
from collections.abc import Callable

import numpy as np

from eanet_jax.runtime import console

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def levels(factor: float, shift: float) -> Change:
  """Contrast about the middle grey, and brightness."""
  return lambda image, _: (image - 127.5) * factor + 127.5 + shift


def blur(sigma_px: float) -> Change:
  """Out of focus."""
  from scipy import ndimage

  return lambda image, _: ndimage.gaussian_filter(image, sigma_px)


def noise(std: float) -> Change:
  """A faster scan; `std` in grey levels."""
  return lambda image, rng: image + rng.normal(0, std, image.shape)


def rescale(factor: float) -> Change:
  """Another magnification; what comes from beyond an edge is mirrored."""
  from scipy import ndimage

  def change(image, _):
    middle = (np.array(image.shape) - 1) / 2
    return ndimage.affine_transform(
      image,
      np.full(2, 1 / factor),
      middle - middle / factor,
      order=1,
      mode="mirror",
    )

  return change


def data_bar(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
  """A dark panel with white writing over the lowest twelfth."""
  rows = len(image) // 12
  image = image.copy()
  image[-rows:] = 16
  writing = image[-rows * 3 // 4 : -rows // 4]
  writing[:, :: max(2, rows // 8)] = 255
  return image


def changes() -> dict[str, Change]:
  """Returns what is done to each image, float64 (y, x), by its name."""
  return {
    "none": lambda image, _: image,
    "turned by 90 degrees": lambda image, _: np.rot90(image),
    "mirrored": lambda image, _: image[:, ::-1],
    "brighter by 40 levels": levels(1, 40),
    "darker by 40 levels": levels(1, -40),
    "contrast x 0.6": levels(0.6, 0),
    "contrast x 1.4": levels(1.4, 0),
    "blurred, 1 px": blur(1),
    "blurred, 2 px": blur(2),
    "noise of 10 levels": noise(10),
    "noise of 25 levels": noise(25),
    "scale x 0.8": rescale(0.8),
    "scale x 1.25": rescale(1.25),
    "data bar left in": data_bar,
  }


def classes(workdir: pathlib.Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
  """Returns the true and the predicted class of each test micrograph, (m,)."""
  import ml_collections

  from eanet_jax.data import dataset
  from eanet_jax.evaluation import answers
  from eanet_jax.inference import forward_pass
  from eanet_jax.runtime import sharding
  from eanet_jax.workdir import restore

  mesh = sharding.data_mesh()
  model, variables, meta = restore.restore(workdir, mesh)
  config = meta.config
  data = dataset.load(ml_collections.ConfigDict(config))
  forward = forward_pass.ForwardPass(model, meta.mean, meta.std, 16, mesh)
  chosen = data.views.of(data.split.test)
  images = data.views.images[chosen]
  found = {}
  for name, change in changes().items():
    rng = np.random.default_rng(0)
    changed = np.stack(
      [change(image[..., 0].astype(np.float64), rng) for image in images]
    )
    changed = np.clip(np.rint(changed), 0, 255).astype(np.uint8)[..., None]
    logits = forward(
      variables,
      changed,
      np.arange(len(changed)),
      config["evaluation"]["orientations"],
    )
    answered = answers.Answers(data.views, chosen, logits)
    found[name] = answered.labels, answered.predicted
  return found


def of_run(workdir: pathlib.Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
  """Returns `classes`; of a cross-validation, of each fold's own network."""
  folds = sorted((workdir / "folds").glob("*/"))
  if folds:
    return pooled([classes(fold) for fold in folds])
  return classes(workdir)


def pooled(
  runs: list[dict[str, tuple[np.ndarray, np.ndarray]]],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
  """Returns the answers of several runs, one after the other."""
  return {
    name: tuple(
      np.concatenate(each)
      for each in zip(*(found[name] for found in runs), strict=True)
    )
    for name in runs[0]
  }


def main(argv: list[str]) -> int:
  """Parses the command line, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "workdirs", nargs="+", type=pathlib.Path, help="of finished runs"
  )
  parser.add_argument(
    "--pool", action="store_true", help="the runs into one column, as folds"
  )
  arguments = parser.parse_args(argv[1:])
  columns = {str(path): of_run(path) for path in arguments.workdirs}
  if arguments.pool:
    columns = {f"{len(columns)} runs": pooled(list(columns.values()))}
  print("| |" + "".join(f" {name} | changed |" for name in columns))
  print("|---" * (1 + 2 * len(columns)) + "|")
  for name in changes():
    line = f"| {name} |"
    for found in columns.values():
      true, predicted = found[name]
      moved = (predicted != found["none"][1]).mean()
      line += f" {(true == predicted).mean():.3f} | {moved:.3f} |"
    print(line)
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
