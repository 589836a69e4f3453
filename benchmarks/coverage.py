"""How often sets of classes hold the true one, and what verdicts are worth.

  python benchmarks/coverage.py FOLDER_OF_SETS --workdir runs/coverage

Classifiers are trained on some specimens as `eanet train` trains them, with
folds, calibration and sets, and asked about the others, which had no part in
anything. On drawings of many specimens, drawn for it, those to learn from are
chosen at random again and again; of kth_tips2b_grey, where it is there, each of
the four samples is left out in turn. Prints a Markdown table.
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Callable, Iterator

import novelty as novelty_benchmark
import numpy as np

from eanet_jax.commands import set_fields
from eanet_jax.data import view_store
from eanet_jax.evaluation import answers, calibration
from eanet_jax.inference import (
  confidence,
  forward_pass,
  novelty,
  prediction_sets,
)
from eanet_jax.models import transfer
from eanet_jax.runtime import console
from eanet_jax.training import discriminant

_ASKED = (80, 90, 95)
# Seeds of the drawings, and of each seed so many specimens of each class.
_DRAWN_SEEDS, _DRAWN_SPECIMENS = 10, 3
_DRAWN_IMAGES = 4  # of each specimen
_REAL = "kth_tips2b_grey"


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
  """Answers for micrographs of specimens that had no part in a training.

  Attributes:
    asked: the coverage in per cent.
    by_class: whether it was promised of each class by itself.
    covered, right, known, single: bool (m,), of each micrograph: its class is
      in its set, it is the answer, the verdict is "known", the set has one
      class.
  """

  asked: int
  by_class: bool
  covered: np.ndarray
  right: np.ndarray
  known: np.ndarray
  single: np.ndarray


def draw(folder: pathlib.Path) -> pathlib.Path:
  """Returns a folder of drawings of many specimens, made if need be."""
  from PIL import Image

  from eanet_jax.data import synthetic

  items = [
    (seed, label, f"{label}-{k + 1}", i)
    for seed in range(1, 1 + _DRAWN_SEEDS)
    for label in synthetic.CLASSES
    for k in range(_DRAWN_SPECIMENS)
    for i in range(_DRAWN_IMAGES)
  ]
  for seed, label, specimen, index in console.progress(
    items, desc="drawing", unit="image", leave=False
  ):
    path = folder / label / f"{specimen}-of-{seed}" / f"{index}.png"
    if not path.exists():
      path.parent.mkdir(parents=True, exist_ok=True)
      drawing = synthetic.draw(seed, label, specimen, index)
      Image.fromarray(drawing.image[: -drawing.bar_rows]).save(path)
  return folder


def trials(
  labels: np.ndarray, specimens: np.ndarray, of_class: int, count: int
) -> Iterator[np.ndarray]:
  """Yields bool (m,): which micrographs to learn from, chosen at random."""
  rng = np.random.default_rng(0)
  for _ in range(count):
    chosen = [
      rng.choice(np.unique(specimens[labels == label]), of_class, replace=False)
      for label in np.unique(labels)
    ]
    yield np.isin(specimens, np.concatenate(chosen))


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
  """What `eanet train` finds out with some micrographs.

  Attributes:
    logits: gives logits (k, l) of features (k, f), at the temperature.
    novelty: gives the novelty (k,) of features (k, f).
    sets: what may be promised.
  """

  logits: Callable[[np.ndarray], np.ndarray]
  novelty: Callable[[np.ndarray], np.ndarray]
  sets: prediction_sets.Sets


def train(seen: novelty_benchmark.Seen, own: np.ndarray) -> Trained:
  """Returns what is found out with the micrographs `own`, int (n,)."""
  labels, specimens = seen.labels[own], seen.specimens[own]
  classes = len(np.unique(seen.labels))

  def fitted(of: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    fit = discriminant.fit(
      seen.features[of],
      seen.labels[of],
      seen.specimens[of],
      of,
      seen.sizes,
      classes,
    )

    def logits(features: np.ndarray) -> np.ndarray:
      equalised = transfer.equalise(
        features, fit.mean, fit.std, np.float32(fit.power), seen.sizes
      )
      return np.asarray(equalised) @ fit.kernel + fit.bias

    return logits

  folds = discriminant.folds_by_specimen(labels, specimens)
  found = np.empty((len(own), classes))
  distances = np.empty(len(own))
  for fold in np.unique(folds):
    out, others = own[folds == fold], own[folds != fold]
    found[folds == fold] = fitted(others)(seen.features[out])
    familiar = novelty.fit(seen.features[others])
    distances[folds == fold] = familiar.distances(seen.features[out])
  calibrated = calibration.of_folds(_answers(seen, own, found), folds)
  t = calibrated["temperature"] if calibrated["applied"] else 1.0
  kept, everything = fitted(own), novelty.fit(seen.features[own])
  limit = novelty.threshold(distances)
  return Trained(
    logits=lambda features: kept(features) / t,
    novelty=lambda features: everything.distances(features) / limit,
    sets=prediction_sets.fit(
      forward_pass.probabilities(found / t), labels, specimens
    ),
  )


def _answers(
  seen: novelty_benchmark.Seen, own: np.ndarray, logits: np.ndarray
) -> answers.Answers:
  views = view_store.Views(
    images=np.empty((len(own), 0)),
    micrograph=np.arange(len(own)),
    labels=seen.labels[own],
    specimens=tuple(seen.specimens[own]),
    files=tuple(map(str, own)),
    class_names=tuple(map(str, range(logits.shape[1]))),
    skipped=(),
    unmatched=(),
    digest="",
  )
  return answers.Answers(views, np.arange(len(own)), logits)


def outcomes(seen: novelty_benchmark.Seen, own: np.ndarray) -> list[Outcome]:
  """Trains on some micrographs, bool (m,), and asks about the others."""
  trained = train(seen, np.flatnonzero(own))
  new = np.flatnonzero(~own)
  p = forward_pass.probabilities(trained.logits(seen.features[new]))
  far = trained.novelty(seen.features[new]).tolist()
  names = tuple(map(str, range(p.shape[1])))
  found = []
  for asked in _ASKED:
    if not trained.sets.promised(asked):
      continue
    of = confidence.Confidence(names, trained.sets, asked)
    sets = [of.set_of(each) for each in p]
    verdicts = [of.verdict(*each, None)[0] for each in zip(p, far, strict=True)]
    truth = seen.labels[new]
    found.append(
      Outcome(
        asked=asked,
        by_class=trained.sets.by_class(asked),
        covered=np.array(
          [names[i] in each for i, each in zip(truth, sets, strict=True)]
        ),
        right=p.argmax(1) == truth,
        known=np.array(verdicts) == confidence.KNOWN,
        single=np.array([len(each) == 1 for each in sets]),
      )
    )
  return found


def row(name: str, found: list[Outcome]) -> str:
  """Returns a row of the table, of the trials at one coverage."""
  covered = np.concatenate([each.covered for each in found])
  right = np.concatenate([each.right for each in found])
  known = np.concatenate([each.known for each in found])
  single = np.concatenate([each.single for each in found])
  means = np.array([each.covered.mean() for each in found])
  spread = means.std(ddof=1) if len(means) > 1 else float("nan")
  unsure = f"{right[~known].mean():.1%}" if (~known).any() else "none"
  whose = "each class" if found[0].by_class else "all together"
  cells = [
    name,
    whose,
    f"{found[0].asked} %",
    f"{covered.mean():.1%} ± {spread:.1%}",
    f"{single.mean():.0%}",
    f"{right.mean():.1%}",
    f"{known.mean():.0%}",
    f"{right[known].mean():.1%}",
    unsure,
  ]
  return "| " + " | ".join(cells) + " |"


def main(argv: list[str]) -> int:
  """Parses the command line, trains, asks, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("sets", type=pathlib.Path, metavar="FOLDER_OF_SETS")
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--trials", type=int, default=30)
  parser.add_argument(
    "--specimens",
    default="4,12",
    help="of each class of the drawings, to learn from [4,12]",
  )
  set_fields.add(parser, "any field of the recipe, e.g. dataset.image_px=256")
  arguments = parser.parse_args(argv[1:])
  lines = [
    "| learnt from | promised of | asked | covered | one class in the set"
    " | right | known | right of these | right of the others |",
    "|---|---|---|---|---|---|---|---|---|",
  ]

  def add(name: str, found: list[list[Outcome]]) -> None:
    by_asked: dict[int, list[Outcome]] = {}
    for each in found:
      for outcome in each:
        by_asked.setdefault(outcome.asked, []).append(outcome)
    for asked in sorted(by_asked):
      lines.append(row(name, by_asked[asked]))

  arguments.workdir.mkdir(parents=True, exist_ok=True)
  arguments.sets, real = (
    draw(arguments.workdir / "drawn").parent.resolve(),
    arguments.sets,
  )
  seen = novelty_benchmark.look("drawn", arguments)
  for number in map(int, arguments.specimens.split(",")):
    chosen = trials(seen.labels, seen.specimens, number, arguments.trials)
    found = [
      outcomes(seen, each)
      for each in console.progress(
        chosen, total=arguments.trials, unit="trial", leave=False
      )
    ]
    add(f"drawings of {number} specimens a class", found)
  if (real / _REAL).is_dir():
    arguments.sets = real
    seen = novelty_benchmark.look(_REAL, arguments)
    sample = np.array([name.rpartition("_")[-1] for name in seen.specimens])
    found = [outcomes(seen, sample != each) for each in np.unique(sample)]
    add(f"{_REAL}, three of four samples", found)
  else:
    console.say(f"{_REAL}: not in {real}")
  text = "\n".join(lines)
  (arguments.workdir / "coverage.md").write_text(text + "\n")
  console.say(f"\n{text}\n")
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
