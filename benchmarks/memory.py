"""Whether slots of a memory measure what micrographs were drawn with.

  python benchmarks/memory.py runs/eanet_best

Draws specimens of which one property varies and the others stay at their
middle, for each property in turn, and specimens of which all vary. Of each, the
slot whose share follows the property best on one half of the specimens is
judged on the other half, by Spearman's rank correlation. The same is done with
the mean weights of slots, with an untrained network of the same shape, with
single properties of texture and with the mean grey level. Chance is how often
as much comes out where the property is dealt out anew; of ten rows, what is
above 0.005 is no finding (Bonferroni).
"""

import argparse
import concurrent.futures
import functools
import multiprocessing
import pathlib
import sys
from typing import Any

import numpy as np

from eanet_jax import errors
from eanet_jax.runtime import console

# Of what was drawn in training, a little beyond on either side; see synthetic.
RANGES = {
  "lath width": (0.22, 0.52),
  "packet size": (3.3, 9.5),
  "carbide size": (0.12, 0.25),
  "carbides per area": (0.8, 3.6),
  "ferrite share": (0.004, 0.16),
}
SLOTS = "slots"
MEANS = "slots, mean weight"
_SEED = 1000  # no drawing of the data set has it
_PERMUTATIONS = 1000


def steels(varied: int | None, count: int) -> np.ndarray:
  """Returns float64 (count, 5): properties, log-uniform where they vary.

  Args:
    varied: which property varies; None is all of them.
    count: of specimens.
  """
  low, high = np.log(list(RANGES.values())).T
  series = len(RANGES) if varied is None else varied
  rng = np.random.default_rng((_SEED, series))
  levels = (np.arange(count) + 0.5) / count
  quantiles = np.stack([rng.permutation(levels) for _ in RANGES], -1)
  if varied is not None:
    fixed = np.arange(len(RANGES)) != varied
    quantiles[:, fixed] = 0.5
  return np.exp(low + quantiles * (high - low))


def draw(side: int, steel: np.ndarray, *key: int) -> np.ndarray:
  """Returns a micrograph of a steel as a network sees it, uint8 (side, side).

  Scale, detector, exposure and noise vary as in the data set.

  Args:
    side: px.
    steel: its properties, (5,).
    key: numbers of the series, of the specimen in it, and of its image.
  """
  from eanet_jax.data import drawn_surface, micrographs, synthetic

  lot = np.random.default_rng((_SEED, *key[:-1]))
  rng = np.random.default_rng((_SEED, *key[:-1], key[-1] + 1))
  um_per_px = 0.04 * lot.uniform(0.95, 1.05) * rng.choice([0.92, 1.0, 1.08])
  backscatter = rng.uniform(0.15, 0.75)
  signal, carbides = drawn_surface.draw(rng, steel, um_per_px, backscatter)
  grey = synthetic.expose(lot, rng, signal, carbides)
  return micrographs.views(grey, "whole", side, side)[0]


def draw_series(
  number: int, properties: np.ndarray, images: int, side: int
) -> np.ndarray:
  """Returns uint8 (g images, side, side), `images` of each specimen."""
  specimens = np.arange(len(properties)).repeat(images)
  columns = (
    properties[specimens],
    np.full(len(specimens), number),
    specimens,
    np.tile(np.arange(images), len(properties)),
  )
  spawn = multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(None, spawn) as pool:
    drawn = pool.map(functools.partial(draw, side), *columns, chunksize=8)
    return np.stack(
      list(console.progress(drawn, total=len(specimens), unit="image"))
    )


def ranks(values: np.ndarray) -> np.ndarray:
  """Returns ranks of values (g, f) down each column, of mean 0 and length 1."""
  from scipy import stats

  found = stats.rankdata(values, axis=0)
  found -= found.mean(0)
  length = np.sqrt((found**2).sum(0))
  return found / np.where(length > 0, length, np.inf)


def chosen_and_tested(
  values: np.ndarray, known: np.ndarray, half: np.ndarray
) -> tuple[float, float, int]:
  """Returns the rank correlation of the best column on the other half.

  Then how often chance does as well, and which column it is. The sign is that
  of the first half too: a correlation that turns round is below 0.

  Args:
    values: (g, f) of each specimen.
    known: (g,), what they were drawn with.
    half: bool (g,), those to choose by.
  """
  first, second = ranks(values[half]), ranks(values[~half])

  def tested(known: np.ndarray) -> tuple[float, int]:
    fit = ranks(known[half, None])[:, 0] @ first
    best = int(np.abs(fit).argmax())
    found = ranks(known[~half, None])[:, 0] @ second[:, best]
    return float(found * np.sign(fit[best])), best

  found, best = tested(known)
  rng = np.random.default_rng(0)
  chance = [tested(rng.permutation(known))[0] for _ in range(_PERMUTATIONS)]
  as_good = (1 + np.sum(np.array(chance) >= found)) / (1 + _PERMUTATIONS)
  return found, float(as_good), best


class Network:
  """A network's slots, those of all heads of its last block."""

  def __init__(self, workdir: pathlib.Path):
    """Takes the workdir of a run."""
    import jax

    from eanet_jax.explanation import slot_weights
    from eanet_jax.models import ensemble
    from eanet_jax.runtime import sharding
    from eanet_jax.workdir import restore

    mesh = sharding.data_mesh()
    model, variables, meta = restore.restore(workdir, mesh)
    if isinstance(model, ensemble.Ensemble):
      raise errors.UserError(
        f"{workdir} keeps several networks: name one, {workdir}/folds/0"
      )
    self.side = meta.config["dataset"]["image_px"]
    levels = meta.mean, meta.std
    blank = np.zeros((1, self.side, self.side, 1), np.float32)
    init = jax.jit(model.init, static_argnames="deterministic")
    untrained = init(jax.random.key(0), blank, deterministic=True)
    self._trained = slot_weights.SlotWeights(model, variables, *levels, mesh)
    self._untrained = slot_weights.SlotWeights(
      model,
      jax.device_put(untrained, sharding.replicated(mesh)),
      *levels,
      mesh,
    )

  def slot(self, column: int) -> str:
    """Returns the slot of a column of `measure`, as names.csv has it."""
    from eanet_jax.workdir import slot_names_csv

    head, slot = divmod(column, self._trained.shape[1])
    block = self._trained.block
    return str(slot_names_csv.Slot(0, block, head + 1, slot + 1))

  def measure(self, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns of each slot in images (v, y, x) float64 (v, S), by name."""
    from eanet_jax.explanation import memory_atlas

    found: dict[str, list[np.ndarray]] = {}
    for name, weights in (
      (SLOTS, self._trained),
      ("slots, untrained", self._untrained),
    ):
      for batch in weights(images[..., None]):
        shares = memory_atlas.strongest_shares(batch)
        found.setdefault(name, []).append(shares)
        if name == SLOTS:
          found.setdefault(MEANS, []).append(batch.mean(1, dtype=np.float64))
    return {
      name: np.concatenate(each).reshape(len(images), -1)
      for name, each in found.items()
    }


def spread(values: np.ndarray) -> float:
  """Returns how often a slot's largest value (g, S) holds its smallest.

  The median over slots; of values below 0.001 it is as of that.
  """
  return float(np.median(values.max(0) / np.maximum(values.min(0), 1e-3)))


def measured(network: Network, images: np.ndarray) -> dict[str, np.ndarray]:
  """Returns float64 (v, f) of images by what they are measured with."""
  from eanet_jax.evaluation import baselines

  return {
    **network.measure(images),
    "texture": baselines.texture_features(images),
    "mean grey": images.mean((1, 2))[:, None],
  }


def table(found: dict[str, dict[str, tuple[float, float, int]]]) -> str:
  """Returns a Markdown table: a row for each property."""
  names = list(next(iter(found.values())))
  lines = ["| rank correlation (chance) | " + " | ".join(names) + " |"]
  lines.append("|---" * (1 + len(names)) + "|")
  for title, scores in found.items():
    cells = [f"{r:+.2f} ({p:.3f})" for r, p, _ in scores.values()]
    lines.append(f"| {title} | " + " | ".join(cells) + " |")
  return "\n".join(lines)


def main(argv: list[str]) -> int:
  """Parses the command line, draws, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "workdir", type=pathlib.Path, help="run of configs/eanet_best.py"
  )
  parser.add_argument("--specimens", type=int, default=200, metavar="N")
  parser.add_argument("--images", type=int, default=3, help="of a specimen")
  arguments = parser.parse_args(argv[1:])
  network = Network(arguments.workdir)
  found: dict[str, Any] = {}
  names = list(RANGES)
  count = arguments.specimens
  half = np.random.default_rng(_SEED).permutation(count) < count // 2
  for varied in (*range(len(names)), None):
    number = len(names) if varied is None else varied
    properties = steels(varied, count)
    images = draw_series(number, properties, arguments.images, network.side)
    values = {
      name: each.reshape(count, arguments.images, -1).mean(1)
      for name, each in measured(network, images).items()
    }
    for i in range(len(names)) if varied is None else [varied]:
      title = f"{names[i]}, {'all vary' if varied is None else 'alone'}"
      found[title] = {
        name: chosen_and_tested(each, properties[:, i], half)
        for name, each in values.items()
      }
  console.say(f"\n{table(found)}\n")
  for title, scores in found.items():
    console.say(f"{title}: {network.slot(scores[SLOTS][2])}")
  # Those of which all properties vary.
  console.say(
    "between specimens the median slot varies by a factor of"
    f" {spread(values[SLOTS]):.2f} in its share, of"
    f" {spread(values[MEANS]):.2f} in its mean weight"
  )
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
