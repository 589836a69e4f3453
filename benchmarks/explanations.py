"""Whether the places that `eanet explain` names are those that decide.

  python benchmarks/explanations.py runs/whole runs/eanet_best

Of each run, the test micrographs and the network that has not seen them (of a
cross-validation, that of the fold). A view is cut into squares. A tenth to nine
tenths of them, in the order of the map or in another, are replaced by a blur or
the mean grey (deletion), or alone left (insertion; Petsiuk et al. 2018). The
probability of the class named is followed, and its lead over the runner-up, the
difference of their logits. Then the weights are shuffled (Adebayo et al. 2018),
and the maps compared. All of one orientation.
"""

import argparse
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from eanet_jax.runtime import console

STEPS = np.arange(1, 10) / 10
_SQUARES = 24  # in a row, at most
_SHUFFLES = 3
_DRAWS = 2000
_MAP = "the map"
Find = Callable[[np.ndarray], np.ndarray]


def squares(maps: np.ndarray) -> np.ndarray:
  """Returns maps (..., y, x), y = x, summed to at most _SQUARES in a row."""
  side = maps.shape[-1]
  times = next(t for t in range(1, side + 1) if side <= t * _SQUARES)
  starts = np.arange(0, side, times)
  return np.add.reduceat(np.add.reduceat(maps, starts, -2), starts, -1)


def edge_density(image: np.ndarray, side: int) -> np.ndarray:
  """Returns (side, side): the mean slope of an image (y, x) in each square."""
  rows, columns = np.gradient(image.astype(np.float64))
  return by_square(np.hypot(rows, columns), side)


def by_square(values: np.ndarray, side: int) -> np.ndarray:
  """Returns (side, side): means of values (y, x), y = x, in each square."""
  if len(values) < side:  # a coarser grid
    places = np.arange(side) * len(values) // side
    return values[np.ix_(places, places)]
  places = np.arange(len(values)) * side // len(values)
  starts, counts = np.searchsorted(places, np.arange(side)), np.bincount(places)
  sums = np.add.reduceat(np.add.reduceat(values, starts, 0), starts, 1)
  return sums / counts[:, None] / counts


def centre_out(side: int) -> np.ndarray:
  """Returns (side, side), largest in the middle."""
  away = np.arange(side) - (side - 1) / 2
  return -np.hypot(away[:, None], away)


def filled(image: np.ndarray, fill: str) -> np.ndarray:
  """Returns an image (y, x) with nothing to see in it."""
  if fill == "grey":
    return np.full_like(image, round(float(image.mean())))
  from scipy import ndimage

  blurred = ndimage.gaussian_filter(image.astype(np.float64), len(image) / 24)
  return blurred.round().astype(np.uint8)


def curves(
  image: np.ndarray, nothing: np.ndarray, order: np.ndarray, find: Find
) -> np.ndarray:
  """Returns (2, STEPS, ...): what is found by deletion, and by insertion.

  Args:
    image, nothing: uint8 (y, x), y = x.
    order: (side, side), the largest first.
    find: (k, ...) of images uint8 (k, y, x, 1).
  """
  side = len(order)
  places = np.arange(len(image)) * side // len(image)
  rank = np.empty(order.size, int)
  rank[np.argsort(-order.ravel(), kind="stable")] = np.arange(order.size)
  rank = rank.reshape(order.shape)[np.ix_(places, places)]
  first = [rank < round(step * order.size) for step in STEPS]
  images = [np.where(chosen, nothing, image) for chosen in first]
  images += [np.where(chosen, image, nothing) for chosen in first]
  found = find(np.stack(images)[..., None])
  return found.reshape(2, len(STEPS), *found.shape[1:])


def shuffled(tree: Any, rng: np.random.Generator) -> Any:
  """Returns arrays with the numbers of each in another order."""
  import jax

  return jax.tree.map(
    lambda leaf: rng.permutation(np.asarray(leaf).ravel()).reshape(leaf.shape),
    tree,
  )


def random_weights(
  variables: Any, what: str, rng: np.random.Generator
) -> dict[str, Any]:
  """Returns variables whose last layer, or all before it, is shuffled."""
  params = dict(variables["params"])
  if what == "last layer":
    params["head"] = {**params["head"]}
    params["head"]["kernel"] = shuffled(params["head"]["kernel"], rng)
    return {**variables, "params": params}
  if "frozen" in variables:
    return {**variables, "frozen": shuffled(variables["frozen"], rng)}
  before = {k: v for k, v in params.items() if k != "head"}
  return {
    **variables,
    "params": {**shuffled(before, rng), "head": params["head"]},
  }


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
  """Returns Spearman's, of two maps."""
  from scipy import stats

  return float(stats.spearmanr(one.ravel(), other.ravel()).statistic)


class Run:
  """A network and the test micrographs that it has not seen."""

  def __init__(self, workdir: pathlib.Path, most: int):
    """Restores the network and reads the data set; takes `most` of its test."""
    import ml_collections

    from eanet_jax.data import dataset
    from eanet_jax.inference import forward_pass
    from eanet_jax.runtime import sharding
    from eanet_jax.workdir import restore

    self.mesh = sharding.data_mesh()
    self.model, self.variables, meta = restore.restore(workdir, self.mesh)
    self.levels = meta.mean, meta.std
    data = dataset.load(ml_collections.ConfigDict(meta.config))
    self._forward = forward_pass.ForwardPass(
      self.model, *self.levels, 64, self.mesh
    )
    chosen = np.asarray(data.views.of(data.split.test))
    chosen = chosen[:: -(-len(chosen) // most)]
    self.images = np.asarray(data.views.images[chosen])
    micrographs = data.views.micrograph[chosen]
    self.specimens = [str(data.views.specimens[i]) for i in micrographs]

  def logits(self, images: np.ndarray) -> np.ndarray:
    """Returns (k, l), of uint8 (k, y, x, 1)."""
    return self._forward(self.variables, images, np.arange(len(images)), 1)

  def followed(self, images: np.ndarray, first: int, second: int) -> np.ndarray:
    """Returns (k, 2): probability of a class, and its lead over another."""
    from eanet_jax.inference import forward_pass

    logits = self.logits(images)
    p = forward_pass.probabilities(logits)[:, first]
    return np.stack([p, logits[:, first] - logits[:, second]], axis=1)

  def leads(
    self, variables: Any, first: np.ndarray, second: np.ndarray
  ) -> np.ndarray:
    """Returns maps (k, y, x) of a class against another, of all images."""
    from eanet_jax.explanation import contributions

    maps, _ = contributions.contributions(
      self.model, variables, self.images, *self.levels, 1, self.mesh
    )
    rows = np.arange(len(maps))
    return squares(maps[rows, first] - maps[rows, second])

  def attention(self) -> np.ndarray | None:
    """Returns the attention map (k, y, x) that differs most over images."""
    from eanet_jax.explanation import attention_maps

    found = attention_maps.attention_maps(
      self.model, self.variables, self.images, *self.levels, self.mesh
    )
    return None if found is None else found[0][:, 0]


def measure(run: Run, fill: str, seed: int) -> dict[str, list[Any]]:
  """Returns what is found of each image of a run, by the name of a figure.

  Areas are means over STEPS. The map backwards is not among the orders: what it
  deletes first is what the map inserts last.
  """
  rng = np.random.default_rng(seed)
  first, second = np.argsort(-run.logits(run.images), axis=1).T[:2]
  maps = run.leads(run.variables, first, second)
  attention = run.attention()
  side = maps.shape[-1]
  found: dict[str, list[Any]] = {"specimen": run.specimens}

  def note(name: str, value: float) -> None:
    found.setdefault(name, []).append(value)

  for i, image in enumerate(run.images[..., 0]):
    edges = edge_density(image, side)
    orders = {
      _MAP: maps[i],
      "random": rng.uniform(size=maps[i].shape),
      "centre first": centre_out(side),
      "most edges first": edges,
    }
    if attention is not None:
      orders["attention"] = by_square(attention[i], side)
    nothing = filled(image, fill)
    for name, order in orders.items():
      areas = curves(
        image,
        nothing,
        order,
        lambda images, i=i: run.followed(images, first[i], second[i]),
      ).mean(axis=1)
      for kind, (probability, lead) in zip(
        ("deletion", "insertion"), areas, strict=True
      ):
        note(f"{kind}, p, {name}", probability)
        note(f"{kind}, lead, {name}", lead)
    note("rank, edges", rank_correlation(maps[i], edges))
  for what in ("last layer", "all before it"):
    alike = []
    for _ in range(_SHUFFLES):
      others = run.leads(
        random_weights(run.variables, what, rng), first, second
      )
      pairs = zip(maps, others, strict=True)
      alike.append([rank_correlation(a, b) for a, b in pairs])
    found[f"rank, {what}"] = list(np.mean(alike, axis=0))
    found[f"size, {what}"] = list(np.abs(alike).mean(axis=0))
  return found


def of_run(workdir: pathlib.Path, fill: str, most: int) -> dict[str, list[Any]]:
  """Returns `measure`; of a cross-validation, of all folds' networks."""
  folds = sorted((workdir / "folds").glob("*/")) or [workdir]
  total: dict[str, list[Any]] = {}
  for seed, fold in enumerate(folds):
    run = Run(fold, -(-most // len(folds)))
    for name, values in measure(run, fill, seed).items():
      total.setdefault(name, []).extend(values)
  return total


def interval(values: np.ndarray, specimens: list[str]) -> str:
  """Returns the mean and its 95 % interval by bootstrap over specimens."""
  rng = np.random.default_rng(0)
  _, groups = np.unique(specimens, return_inverse=True)
  sums, counts = np.bincount(groups, values), np.bincount(groups)
  draws = rng.integers(0, len(sums), (_DRAWS, len(sums)))
  means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
  low, high = np.percentile(means, [2.5, 97.5])
  return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def table(found: dict[str, dict[str, list[Any]]]) -> str:
  """Returns a Markdown table: a column for each run."""
  lines = ["| | " + " | ".join(found) + " |", "|---" * (1 + len(found)) + "|"]
  counts = [
    f"{len(own['specimen'])} of {len(set(own['specimen']))}"
    for own in found.values()
  ]
  lines.append("| views of specimens | " + " | ".join(counts) + " |")
  names = dict.fromkeys(name for own in found.values() for name in own)
  # Stable: what is followed in the same way stands together.
  for name in sorted(names, key=lambda name: name.split(", ")[:-1]):
    if name == "specimen":
      continue
    cells = []
    for own in found.values():
      if name not in own:
        cells.append("")
        continue
      values = np.asarray(own[name], float)
      cell = interval(values, own["specimen"])
      reference = f"{name.rpartition(', ')[0]}, {_MAP}"
      if reference in own and reference != name:
        less = values - np.asarray(own[reference], float)
        cell += f"; {interval(less, own['specimen'])}"
      cells.append(cell)
    lines.append(f"| {name} | " + " | ".join(cells) + " |")
  return "\n".join(lines)


def main(argv: list[str]) -> int:
  """Parses the command line, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "workdirs", nargs="+", type=pathlib.Path, help="of finished runs"
  )
  parser.add_argument(
    "--pool", action="store_true", help="the runs into one column, as folds"
  )
  parser.add_argument(
    "--fill", choices=("blur", "grey"), default="blur", help="[blur]"
  )
  parser.add_argument(
    "--views", type=int, default=24, help="at most, of a run [24]"
  )
  arguments = parser.parse_args(argv[1:])
  found: dict[str, dict[str, list[Any]]] = {}
  for workdir in arguments.workdirs:
    console.say(str(workdir))
    column = "all runs" if arguments.pool else str(workdir)
    own = of_run(workdir, arguments.fill, arguments.views)
    for name, values in own.items():
      found.setdefault(column, {}).setdefault(name, []).extend(values)
  console.say(f"\n{table(found)}\n")
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
