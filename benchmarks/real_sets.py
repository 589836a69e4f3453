"""How good each system is on real sets, by the protocol of each set.

  python benchmarks/real_sets.py FOLDER_OF_SETS --workdir runs/real_sets

FOLDER_OF_SETS holds the sets as folders of class/specimen/image; a set that is
not there is passed over. Every system is trained and tested on the same splits,
beside baselines; answers are pooled over the splits of a set, and intervals of
differences are paired: a resample draws the same specimens (fields, images) for
every system. Nothing is chosen on what is tested on. A run that is finished is
not done again; tables and a plot are written to WORKDIR after each set.

  bainite_martensite  tiles of 256 px, each of 4 specimens left out in turn;
                      scored by tile
  neu_surface         by image, a fifth of each class; another for each seed
  uhcs600             five folds of fields of view
  kth_tips2b_grey     each of the samples a to d of every class left out in
                      turn; every third image
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from contestants import (
  frozen_linear,
  mean_of_folds,
  outcomes,
  real_set_tables,
)

from eanet_jax.commands import set_fields
from eanet_jax.runtime import console


@dataclasses.dataclass(frozen=True)
class Round:
  """One split of a set: its name, and the fields that say what it tests on."""

  name: str
  fields: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How a set is tested.

  Attributes:
    rounds: from a seed to the splits, which together test each image once.
    fields: of every run.
    level: whose answers are scored, "tile" or "micrograph".
    every: only every so many images of a specimen.
  """

  rounds: Callable[[int], list[Round]]
  fields: tuple[str, ...] = ()
  level: str = "micrograph"
  every: int = 1


def folds(number: int, *more: str) -> Callable[[int], list[Round]]:
  """Returns rounds that test on each of so many folds in turn."""
  return lambda seed: [
    Round(str(i), (f"split.folds={number}", f"split.fold={i}", *more))
    for i in range(number)
  ]


def letters(seed: int) -> list[Round]:
  """Returns rounds that leave out the samples of one letter."""
  del seed
  classes = ("aluminium_foil", "corduroy", "cork", "cotton", "linen", "wool")
  return [
    Round(
      letter,
      (
        "split.test_specimens="
        f"{tuple(f'{name}/{name}_{letter}' for name in classes)!r}",
      ),
    )
    for letter in "abcd"
  ]


PROTOCOLS = {
  "bainite_martensite": Protocol(
    folds(4, "split.leave_one_out=True"), ("dataset.view=tiles",), "tile"
  ),
  "neu_surface": Protocol(
    lambda seed: [Round("one", ("split.by=micrograph", f"split.seed={seed}"))]
  ),
  "uhcs600": Protocol(folds(5)),
  "kth_tips2b_grey": Protocol(letters, every=3),
}


def table_of(folder: pathlib.Path, every: int, workdir: pathlib.Path) -> str:
  """Returns the path of a table of every so many images of each specimen."""
  from eanet_jax.runtime import csv_files

  specimens: dict[pathlib.Path, list[pathlib.Path]] = {}
  for file in sorted(path for path in folder.rglob("*") if path.is_file()):
    specimens.setdefault(file.parent, []).append(file)
  rows = [
    {
      "file": str(file),
      "class": file.relative_to(folder).parts[0],
      "specimen": parent.name,
    }
    for parent, files in specimens.items()
    for file in files[::every]
  ]
  path = workdir / f"{folder.name}.csv"
  path.parent.mkdir(parents=True, exist_ok=True)
  csv_files.write(path, ("file", "class", "specimen"), rows)
  return str(path)


def config_of(
  recipe: str, source: tuple[str, ...], each: Round, seed: int, extra: list[str]
) -> Any:
  """Returns the configuration of a recipe for one round."""
  from eanet_jax.configuration import recipes

  config = recipes.load(recipe)
  fields = [
    *source,
    *each.fields,
    "split.cross_validate=False",
    f"train.seed={seed}",
  ]
  if config.split.validate_by == "specimen":
    # On equal terms: all specimens that are not tested on are trained on.
    fields.append("split.validate_by=micrograph")
  known = [f for f in extra if f.partition("=")[0] in flat(config)]
  return set_fields.apply(config, fields + known)


def flat(config: Any) -> dict[str, Any]:
  """Returns {"group.field": value} of a configuration."""
  from eanet_jax.configuration import config_tree

  return config_tree.flatten(config.to_dict())


def finished(config: Any, workdir: pathlib.Path, label: str) -> Any:
  """Returns the results of a run, of now or of before."""
  import jax

  from eanet_jax.commands import training_job

  results = training_job.finished(config, workdir)
  if results is None:
    console.say(label)
    data, objective = training_job.load(config)
    results = training_job.train_and_evaluate(config, workdir, data, objective)
    jax.clear_caches()
  return results


def outcomes_of(
  name: str, arguments: argparse.Namespace
) -> dict[str, dict[tuple[str, int], outcomes.Outcome]]:
  """Returns {system: {(round, seed): outcome}} of one set."""
  from eanet_jax.commands import training_job

  protocol = PROTOCOLS[name]
  folder = (arguments.sets / name).resolve()
  source: tuple[str, ...] = (
    "dataset.source=folder",
    f"dataset.path={folder}",
  )
  if protocol.every > 1:
    table = table_of(folder, protocol.every, arguments.workdir)
    source = ("dataset.source=table", f"dataset.path={table}")
  source += protocol.fields
  found: dict[str, dict[tuple[str, int], outcomes.Outcome]] = {}
  for seed in arguments.seeds:
    for each in protocol.rounds(seed):
      key = each.name, seed
      for system in arguments.systems:
        others = {"mean_of_folds": "transfer", "fine_tuned": "transfer"}
        recipe = others.get(system, system)
        config = config_of(recipe, source, each, seed, arguments.fields)
        run = arguments.workdir / name / system / f"{each.name}-{seed}"
        title = real_set_tables.SYSTEMS[system]
        label = f"{name}, round {each.name}, seed {seed}: {title}"
        config = training_job.settled(config, run)
        if system == "mean_of_folds":
          own = mean_of_folds.outcome(
            config, run / "all", protocol.level, label
          )
        elif system == "fine_tuned":
          from contestants import fine_tuning  # which needs torch

          own = fine_tuning.outcome(config, run, protocol.level, label)
        else:
          results = finished(config, run, label)
          of_system = outcomes.of_run(results, run, protocol.level)
          own = of_system[""]
          found.setdefault("texture", {})[key] = of_system["texture"]
        found.setdefault(system, {})[key] = own
        told = own.predictions
        mean = (told.probabilities.argmax(-1) == told.labels).mean()
        console.say(f"{label}: {100 * mean:.1f} %, {own.seconds:.0f} s")
      for baseline, outcome in frozen_linear.outcomes_of(
        config, protocol.level
      ).items():
        found.setdefault(baseline, {})[key] = outcome
  return found


def main(argv: list[str]) -> int:
  """Parses the command line, trains what is missing, prints the tables."""
  parser = argparse.ArgumentParser(
    description=__doc__.splitlines()[0],
    epilog=__doc__[__doc__.index("FOLDER_OF_SETS holds") :],
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument("sets", type=pathlib.Path, metavar="FOLDER_OF_SETS")
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument(
    "--systems",
    type=lambda text: text.split(","),
    default=list(real_set_tables.SYSTEMS)[:3],
    help=f"of {', '.join(real_set_tables.SYSTEMS)} [the first three]",
  )
  parser.add_argument(
    "--only",
    type=lambda text: text.split(","),
    default=list(PROTOCOLS),
    help="names of sets [all]",
  )
  parser.add_argument(
    "--seeds",
    type=lambda text: [int(each) for each in text.split(",")],
    default=[0, 1, 2],
    help="[0,1,2]",
  )
  set_fields.add(
    parser,
    "any field of all runs whose recipe has it, e.g. dataset.image_px=256",
  )
  arguments = parser.parse_args(argv[1:])
  for kind, asked, known in (
    ("system", arguments.systems, real_set_tables.SYSTEMS),
    ("set", arguments.only, PROTOCOLS),
  ):
    for each in asked:
      if each not in known:
        parser.error(f"{each!r} is no {kind}: there are {', '.join(known)}")
  tables = []
  for name in arguments.only:
    if not (arguments.sets / name).is_dir():
      console.say(f"{name}: not in {arguments.sets}")
      continue
    found = outcomes_of(name, arguments)
    pooled, rounds = real_set_tables.pooled_of(found)
    real_set_tables.draw(pooled, arguments.workdir / f"{name}.svg")
    tables.append(real_set_tables.markdown(name, found, pooled, rounds))
    (arguments.workdir / "real_sets.md").write_text("\n\n".join(tables) + "\n")
    console.say(f"\n{tables[-1]}\n")
  return 0 if tables else 2


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
