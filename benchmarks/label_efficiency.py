"""What pre-training without labels is worth where few micrographs have one.

  python benchmarks/label_efficiency.py --workdir runs/labels

On each fold of the drawn micrographs: pre-trains on all that is not tested on,
then trains on a tenth of the training micrographs, once from nothing and once
from the pre-trained weights at a lower learning rate, with each seed. Prints
the accuracy on the test specimens and the paired gain, with 95 % intervals over
folds and seeds. What is done is not done again.
"""

import argparse
import itertools
import pathlib
import sys
from typing import Any

import numpy as np

from eanet_jax.commands import set_fields
from eanet_jax.runtime import console


def config_of(name: str, arguments: argparse.Namespace, fold: int) -> Any:
  """Returns a recipe on one fold of the drawn micrographs."""
  from eanet_jax.configuration import command_line

  root = pathlib.Path(__file__).parents[1]
  config = command_line.load(str(root / "configs" / f"{name}.py")).unlock()
  config.dataset.image_px = 128
  config.split.folds, config.split.fold = arguments.folds, fold
  config.evaluation.bootstrap_resamples = 0
  return set_fields.apply(config, arguments.fields).unlock()


def finished(config: Any, workdir: pathlib.Path, label: str) -> Any:
  """Returns the results of a run, of now or of before."""
  from eanet_jax.commands import training_job

  results = training_job.finished(config, workdir)
  if results is None:
    console.say(label)
    data, objective = training_job.load(config)
    results = training_job.train_and_evaluate(config, workdir, data, objective)
  return results


def accuracies(arguments: argparse.Namespace) -> np.ndarray:
  """Returns float64 (folds, seeds, 2): from nothing, from pre-training."""
  seeds = range(arguments.seeds)
  found = np.empty((arguments.folds, arguments.seeds, 2))
  for fold in range(arguments.folds):
    pretrained = arguments.workdir / f"pretrained-{fold}"
    config = config_of("pretrain", arguments, fold)
    config.train.epochs = arguments.pretrain_epochs
    finished(config, pretrained, f"fold {fold + 1}: pre-training")
    for seed, start in itertools.product(seeds, (0, 1)):
      config = config_of("eanet_best", arguments, fold)
      config.split.train_fraction = arguments.fraction
      config.train.epochs, config.train.seed = arguments.epochs, seed
      if start:
        config.init_from = str(pretrained)
        config.optimizer.learning_rate = arguments.learning_rate
      name = ("nothing", "pretrained")[start]
      results = finished(
        config,
        arguments.workdir / f"from-{name}-{fold}-{seed}",
        f"fold {fold + 1}, seed {seed}: from {name}",
      )
      accuracy = results.test["micrograph"]["accuracy"]
      found[fold, seed, start] = accuracy
  return found


def with_interval(values: np.ndarray) -> str:
  """Returns the mean and its 95 % interval by Student's t."""
  from scipy import stats

  if values.size < 2:
    return f"{values.mean():.3f}"
  error = values.std(ddof=1) / np.sqrt(values.size)
  half = stats.t.ppf(0.975, values.size - 1) * error
  mean = values.mean()
  return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]"


def main(argv: list[str]) -> int:
  """Parses the command line, trains what is missing, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--fraction", type=float, default=0.1, help="[0.1]")
  parser.add_argument("--folds", type=int, default=3, help="[3]")
  parser.add_argument("--seeds", type=int, default=3, help="[3]")
  parser.add_argument("--epochs", type=int, default=300, help="[300]")
  parser.add_argument("--pretrain_epochs", type=int, default=300, help="[300]")
  parser.add_argument(
    "--learning_rate",
    type=float,
    default=4e-3,
    help="of training from pre-trained weights [4e-3]",
  )
  set_fields.add(
    parser, "any field of all runs, e.g. dataset.image_px=256 [128]"
  )
  arguments = parser.parse_args(argv[1:])
  found = accuracies(arguments).reshape(-1, 2)
  print(
    f"\n{arguments.fraction:.0%} of the labels, {len(found)} runs each\n\n"
    "| from nothing | pre-trained | gain |\n|---|---|---|\n"
    f"| {with_interval(found[:, 0])} | {with_interval(found[:, 1])}"
    f" | {with_interval(found[:, 1] - found[:, 0])} |"
  )
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
