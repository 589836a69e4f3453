"""Tables and plots of systems on real sets."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from contestants import outcomes

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


def pooled_of(found: dict[str, dict[tuple[str, int], outcomes.Outcome]]) -> Any:
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
  found: dict[str, dict[tuple[str, int], outcomes.Outcome]],
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


def markdown(
  name: str,
  found: dict[str, dict[tuple[str, int], outcomes.Outcome]],
  pooled: Any,
  rounds: list[str],
) -> str:
  """Returns the table of a set."""
  rows = rows_of(found, pooled, rounds)
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
