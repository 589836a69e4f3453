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
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from eanet_jax.commands import set_fields
from eanet_jax.runtime import console

# Titles by recipe. The first one asked for is what others are compared to.
SYSTEMS = {
  "transfer": "recommended",
  "mean_of_folds": "recommended, mean of networks that each lack a fold",
  "eanet_best": "EANet, from nothing",
  "eanet": "EANet, the paper's",
  "vgg_attention": "VGG + attention",
  "vgg": "VGG",
  "vit": "ViT",
  "fine_tuned": "EfficientNet-Lite0, all of it fine-tuned in PyTorch",
}
BASELINES = {
  "texture": "GLCM + LBP, SVM",
  "frozen_middle": "frozen EfficientNet-Lite0, blocks 6 to 14, linear",
  "frozen_last": "frozen EfficientNet-Lite0, last map, linear",
}


def title_of(system: str) -> str:
  """Returns what a system or baseline is called in tables."""
  return {**SYSTEMS, **BASELINES}[system]


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


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What a system answered in one round, and what it cost.

  Attributes:
    predictions: of test tiles or micrographs.
    parameters: trained ones; None without a network.
    megabytes: of all the network's weights.
    seconds: of training and testing.
  """

  predictions: Any
  parameters: int | None = None
  megabytes: float | None = None
  seconds: float | None = None


def of_run(
  results: Any, workdir: pathlib.Path, level: str
) -> dict[str, Outcome]:
  """Returns the outcome of a run's network ("") and of its texture baseline."""
  from eanet_jax.workdir import predictions_csv

  found = {}
  for name, levels in (
    ("", results.test),
    ("texture", results.baselines["texture"]),
  ):
    if level == "tile":
      predictions = of_tiles(levels, results)
    else:
      predictions = predictions_csv.read_test(
        workdir, results.class_names, name
      )
    found[name] = Outcome(predictions)
  found[""] = dataclasses.replace(
    found[""],
    parameters=results.parameters,
    megabytes=megabytes_of(workdir),
    seconds=results.wall_time_s,
  )
  return found


def megabytes_of(workdir: pathlib.Path) -> float:
  """Returns 1e6 bytes of the weights of a run's network, of every kind."""
  import jax

  from eanet_jax.runtime import sharding
  from eanet_jax.workdir import restore

  variables = restore.restore(workdir, sharding.data_mesh()).variables
  return sum(leaf.nbytes for leaf in jax.tree.leaves(variables)) / 1e6


def of_mean_of_folds(
  round_config: Any, workdir: pathlib.Path, level: str, label: str
) -> Outcome:
  """Returns the mean of what a cross-validation's networks say of a test.

  They are trained on folds of a table of the round's training part, as a user
  would give it.

  Args:
    round_config: of one network on this round.
    workdir: for the cross-validation.
    level: whose answers are scored.
    label: for the console.
  """
  from eanet_jax.commands import main_job, training_job
  from eanet_jax.inference import classify, forward_pass
  from eanet_jax.runtime import csv_files
  from eanet_jax.workdir import predictions_csv

  data, _ = training_job.load(round_config)
  views, source = data.views, pathlib.Path(round_config.dataset.path)
  root = source.parent if round_config.dataset.source == "table" else source
  files = [str(root / file) for file in views.files]
  workdir.mkdir(parents=True, exist_ok=True)
  table = workdir.parent / f"{workdir.name}.csv"
  csv_files.write(
    table,
    ("file", "class", "specimen"),
    (
      {
        "file": files[i],
        "class": views.class_names[views.labels[i]],
        "specimen": views.specimens[i],
      }
      for i in data.split.train
    ),
  )
  config = round_config.copy_and_resolve_references()
  config.dataset.update(source="table", path=str(table.resolve()))
  by = "micrograph" if data.split.by == "micrograph" else "specimen"
  config.split.update(
    cross_validate=True,
    by=by,
    folds=0,
    fold=0,
    test_specimens=(),
    leave_one_out=False,
  )
  begun = time.monotonic()
  console.say(label)
  main_job.run(config, workdir)
  test = data.split.test
  labels, specimens = views.labels[test], np.asarray(views.specimens)[test]
  names, sums = np.asarray(views.files)[test], 0
  folds = sorted((workdir / "folds").iterdir())
  for folder in folds:
    classifier = classify.Classifier.restore(folder)
    place = [classifier.class_names.index(name) for name in views.class_names]
    answered = classifier([files[i] for i in test])
    p = [each.probabilities[None, place] for each in answered]
    if level == "tile":
      p = [
        forward_pass.probabilities(each.logits)[:, place] for each in answered
      ]
    sums = sums + np.concatenate(p)
  if level == "tile":
    counts = [len(each) for each in p]
    labels, specimens = labels.repeat(counts), specimens.repeat(counts)
    names = np.array([f"{specimens[0]}:{i}" for i in range(len(labels))])
  return Outcome(
    predictions_csv.Predictions(names, specimens, labels, sums / len(folds)),
    seconds=time.monotonic() - begun,
  )


def of_tiles(levels: Any, results: Any) -> Any:
  """Returns the tiles of a round's one specimen as `Predictions`."""
  from eanet_jax.reporting import confusions
  from eanet_jax.workdir import predictions_csv

  (specimen,) = results.split["test_specimens"]
  confusion = confusions.matrix(
    levels["tile"]["confusion"], results.class_names
  )
  labels = np.repeat(np.arange(len(confusion)), confusion.sum(1))
  predicted = np.concatenate(
    [np.repeat(np.arange(len(row)), row) for row in confusion]
  )
  return predictions_csv.Predictions(
    files=np.array([f"{specimen}:{i}" for i in range(len(labels))]),
    specimens=np.full(len(labels), specimen),
    labels=labels,
    probabilities=np.eye(len(confusion))[predicted],
  )


def of_frozen(config: Any, level: str) -> dict[str, Outcome]:
  """Returns the outcomes of linear classifiers on the frozen trunk's maps."""
  from sklearn import linear_model, pipeline, preprocessing

  from eanet_jax.commands import training_job

  begun = time.monotonic()
  data, _ = training_job.load(config)
  views, found = data.views, {}
  train, test = (views.of(part) for part in (data.split.train, data.split.test))
  for name, features in frozen_features(views.images).items():
    model = pipeline.make_pipeline(
      preprocessing.StandardScaler(),
      linear_model.LogisticRegression(max_iter=1000),
    ).fit(features[train], data.view_labels[train])
    p = np.zeros((len(test), len(views.class_names)))
    p[:, model.classes_] = model.predict_proba(features[test])
    predictions = predictions_of(views, test, p, level)
    found[name] = Outcome(predictions, seconds=time.monotonic() - begun)
  return found


def predictions_of(
  views: Any, test: np.ndarray, probabilities: np.ndarray, level: str
) -> Any:
  """Returns `Predictions` of tiles or files, of those of views (t, l)."""
  from eanet_jax.evaluation import answers
  from eanet_jax.workdir import predictions_csv

  logits = np.log(np.maximum(probabilities, 1e-30))
  answered = answers.Answers(views, test, logits)
  if level == "tile":
    return predictions_csv.Predictions(
      np.array([f"{answered.specimens[0]}:{i}" for i in range(len(test))]),
      answered.specimens[answered.groups],
      answered.labels[answered.groups],
      answered.tile_probabilities,
    )
  return predictions_csv.Predictions(
    answered.files,
    answered.specimens,
    answered.labels,
    answered.probabilities,
  )


def of_fine_tuned(
  config: Any, run: pathlib.Path, level: str, label: str
) -> Outcome:
  """Returns the outcome of a fine-tuned EfficientNet, of now or of before."""
  from contestants import fine_tuning

  from eanet_jax.commands import training_job
  from eanet_jax.runtime import atomic_files

  data, _ = training_job.load(config)
  views, test = data.views, data.views.of(data.split.test)
  kept = run / "fine_tuned.npz"
  if not kept.exists():
    console.say(label)
    begun, train = time.monotonic(), views.of(data.split.train)
    p = fine_tuning.probabilities(
      views.images,
      train,
      data.view_labels[train],
      test,
      len(views.class_names),
      config.train.seed,
    )
    run.mkdir(parents=True, exist_ok=True)
    seconds = np.array(time.monotonic() - begun)
    atomic_files.write_arrays(kept, {"probabilities": p, "seconds": seconds})
  with np.load(kept) as found:
    predictions = predictions_of(views, test, found["probabilities"], level)
    return Outcome(predictions, seconds=float(found["seconds"]))


def frozen_features(images: np.ndarray) -> dict[str, np.ndarray]:
  """Returns float32 (v, f) by baseline: of the views as they stand."""
  import flax.linen as nn
  import jax

  from eanet_jax.data import view_facts
  from eanet_jax.inference import forward_pass
  from eanet_jax.models import efficientnet_lite
  from eanet_jax.models.pretrained import efficientnet_lite0
  from eanet_jax.runtime import sharding

  channels = [block.channels_out for block in efficientnet_lite.BLOCKS]
  middle = 2 * sum(channels[6:15])

  class Statistics(nn.Module):
    """The last map's means; means and spreads of the middle ones."""

    trunk: nn.Module

    def __call__(self, images: jax.Array, *, deterministic: bool) -> jax.Array:
      maps = self.trunk(images)[1:]
      parts = [maps[-1].mean((1, 2))]
      for each in maps[6:15]:
        parts += [each.mean((1, 2)), each.std((1, 2))]
      return jax.numpy.concatenate(parts, axis=-1)

  def find() -> np.ndarray:
    mesh = sharding.data_mesh()
    forward = forward_pass.ForwardPass(
      Statistics(efficientnet_lite.Trunk()), None, None, 16, mesh
    )
    variables = {"frozen": {"trunk": efficientnet_lite0.load()}}
    return forward(variables, images, np.arange(len(images)))

  width = channels[-1] + middle
  found = view_facts.kept(images, "frozen-baselines-v1", width, find)
  return {
    "frozen_middle": found[:, channels[-1] :],
    "frozen_last": found[:, : channels[-1]],
  }


def outcomes(
  name: str, arguments: argparse.Namespace
) -> dict[str, dict[tuple[str, int], Outcome]]:
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
  found: dict[str, dict[tuple[str, int], Outcome]] = {}
  for seed in arguments.seeds:
    for each in protocol.rounds(seed):
      key = each.name, seed
      for system in arguments.systems:
        others = {"mean_of_folds": "transfer", "fine_tuned": "transfer"}
        recipe = others.get(system, system)
        config = config_of(recipe, source, each, seed, arguments.fields)
        run = arguments.workdir / name / system / f"{each.name}-{seed}"
        label = f"{name}, round {each.name}, seed {seed}: {SYSTEMS[system]}"
        config = training_job.settled(config, run)
        if system == "mean_of_folds":
          own = of_mean_of_folds(config, run / "all", protocol.level, label)
        elif system == "fine_tuned":
          own = of_fine_tuned(config, run, protocol.level, label)
        else:
          results = finished(config, run, label)
          of_system = of_run(results, run, protocol.level)
          own = of_system[""]
          found.setdefault("texture", {})[key] = of_system["texture"]
        found.setdefault(system, {})[key] = own
        told = own.predictions
        mean = (told.probabilities.argmax(-1) == told.labels).mean()
        console.say(f"{label}: {100 * mean:.1f} %, {own.seconds:.0f} s")
      for baseline, outcome in of_frozen(config, protocol.level).items():
        found.setdefault(baseline, {})[key] = outcome
  return found


def pooled_of(found: dict[str, dict[tuple[str, int], Outcome]]) -> Any:
  """Returns {system: `pooled_scores.Pooled`}, and the names of the rounds."""
  from eanet_jax.evaluation import pooled_scores

  rounds = sorted({name for name, _ in next(iter(found.values()))})
  pooled = {}
  for system, runs in found.items():
    num_classes = next(iter(runs.values())).predictions.probabilities.shape[1]
    pooled[system] = pooled_scores.pool(
      {
        (rounds.index(name), seed): outcome.predictions
        for (name, seed), outcome in runs.items()
      },
      num_classes,
      resamples=2000,
    )
  return pooled, rounds


def draw(pooled: Any, path: pathlib.Path) -> None:
  """Writes a plot of the accuracies with their intervals, as SVG."""
  import base64

  from eanet_jax.reporting import plots

  rows: list[plots.IntervalRow] = []
  for system, scores in pooled.items():
    own = scores.as_json()["accuracy"]
    rows.append(
      {
        "title": title_of(system),
        "value": own["mean"],
        "interval": own["interval_95"],
        "strong": not rows,
      }
    )
  uri = plots.intervals(rows, "accuracy")
  path.write_bytes(base64.b64decode(uri.partition(",")[2]))


def rows_of(
  found: dict[str, dict[tuple[str, int], Outcome]],
  pooled: Any,
  rounds: list[str],
) -> Iterator[list[str]]:
  """Yields the table's row of each system of a set."""
  reference = next(iter(pooled))
  for system, runs in found.items():
    own = pooled[system].as_json()["accuracy"]
    difference = ""
    if system != reference:
      paired = pooled[system].minus(pooled[reference])["accuracy"]
      difference = percent(paired, "+")
    each = [
      np.mean(
        [
          (
            o.predictions.probabilities.argmax(-1) == o.predictions.labels
          ).mean()
          for (name, _), o in runs.items()
          if name == wanted
        ]
      )
      for wanted in rounds
    ]
    outcome = next(iter(runs.values()))
    parameters, megabytes = outcome.parameters, outcome.megabytes
    seconds = [o.seconds for o in runs.values() if o.seconds is not None]
    yield [
      title_of(system),
      percent(own),
      " / ".join(f"{100 * share:.1f}" for share in each),
      difference,
      f"{parameters:,}" if parameters else "",
      f"{megabytes:.1f}" if megabytes else "",
      f"{np.mean(seconds) / 60:.1f}" if seconds else "",
    ]


def percent(estimate: Any, sign: str = "") -> str:
  """Returns "97.1 [95.0, 98.6]" of an estimate between 0 and 1."""
  text = f"{100 * estimate['mean']:{sign}.1f}"
  if estimate["interval_95"]:
    low, high = (f"{100 * x:{sign}.1f}" for x in estimate["interval_95"])
    text += f" [{low}, {high}]"
  return text


def markdown(name: str, rows: list[list[str]]) -> str:
  """Returns the table of a set."""
  header = (
    "accuracy, %",
    "by round",
    "to the first",
    "trained parameters",
    "MB",
    "minutes a round",
  )
  lines = [f"| {name} | " + " | ".join(header) + " |"]
  lines.append("|---" * (1 + len(header)) + "|")
  lines += ["| " + " | ".join(row) + " |" for row in rows]
  return "\n".join(lines)


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
    default=list(SYSTEMS)[:3],
    help=f"of {', '.join(SYSTEMS)} [the first three]",
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
    ("system", arguments.systems, SYSTEMS),
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
    found = outcomes(name, arguments)
    pooled, rounds = pooled_of(found)
    draw(pooled, arguments.workdir / f"{name}.svg")
    tables.append(markdown(name, list(rows_of(found, pooled, rounds))))
    (arguments.workdir / "real_sets.md").write_text("\n\n".join(tables) + "\n")
    console.say(f"\n{tables[-1]}\n")
  return 0 if tables else 2


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
