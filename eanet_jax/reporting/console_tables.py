"""Results as the console shows them: small tables of text."""

import pathlib
from collections.abc import Mapping, Sequence

from eanet_jax.evaluation import metrics
from eanet_jax.reporting import confusions, html_pages, verdicts
from eanet_jax.runtime import wording
from eanet_jax.workdir import results_json

# Of more classes the console shows the most frequent mistakes, not a matrix.
_MATRIX_CLASSES = 10


def table(
  test: results_json.Levels,
  class_names: Sequence[str],
  specimens_known: bool = True,
) -> str:
  """Returns the scores of the test split as lines of text.

  Args:
    test: level -> scores, as `scoring.score` returns them.
    class_names: in the order of the network's outputs.
    specimens_known: whether scores of specimens are of specimens.
  """
  levels = levels_of(test, specimens_known)
  lines = _aligned([("", *levels), *rows(test, levels)], 19)
  confusion = test["micrograph"]["confusion"]
  return "\n".join([*lines, "", *_confused(confusion, class_names)])


def _confused(
  confusion: results_json.Confusion, class_names: Sequence[str]
) -> list[str]:
  """Lines of which classes are taken for which."""
  if len(class_names) > _MATRIX_CLASSES:
    pairs = confusions.pairs(confusion)
    shown = pairs[:_MATRIX_CLASSES]
    lines = [
      f"the most frequent mistakes, {len(shown)} of"
      f" {wording.count(len(pairs), 'pair')} of classes that were confused"
    ]
    for pair in shown:
      count = wording.count(pair.examples, "micrograph")
      lines.append(
        f"  {pair.true} called {pair.called}: {count}, {pair.share:.0%} of the"
        " class"
      )
    return lines
  width = max(6, *(len(name) + 2 for name in class_names))
  lines = ["micrographs: true class (row), predicted class (column)"]
  lines.append(" " * width + "".join(f"{n:>{width}}" for n in class_names))
  matrix = confusions.matrix(confusion, class_names)
  for name, row in zip(class_names, matrix, strict=True):
    lines.append(f"{name:<{width}}" + "".join(f"{n:>{width}}" for n in row))
  return lines


def baseline_table(
  baselines: Mapping[str, results_json.Levels], num_classes: int
) -> str:
  """Returns the scores of `baselines.logits` on the same micrographs."""
  shown: tuple[results_json.Headline, ...] = ("accuracy", "macro_f1", "kappa")
  titles = results_json.baseline_titles(num_classes)
  found = [("baselines", *(name.replace("_", " ") for name in shown))]
  for name, title in titles.items():
    scores = baselines[name]["micrograph"]
    found.append((title, *(with_interval(scores, each) for each in shown)))
  return "\n".join(_aligned(found, max(map(len, titles.values())) + 1))


def _aligned(found: Sequence[Sequence[str]], first: int) -> list[str]:
  """Lines of rows: the first cell to the left, the others to the right.

  Two spaces stand before each of the others, also where all its numbers are
  negative: such a score and its interval are three characters longer.
  """
  width = max(23, *(len(cell) + 2 for row in found for cell in row[1:]))
  return [
    f"{name:{first}}" + "".join(f"{cell:>{width}}" for cell in cells)
    for name, *cells in found
  ]


def levels_of(
  test: results_json.Levels, specimens_known: bool = True
) -> list[results_json.Level]:
  """Returns the levels that are shown; see `table`."""
  return [
    level
    for level in results_json.LEVELS
    if level in test and (specimens_known or level != "specimen")
  ]


def rows(
  test: results_json.Levels, levels: Sequence[results_json.Level]
) -> list[tuple[str, ...]]:
  """Returns a row for each score, and how many examples: name, each level."""
  found = [
    (
      score.replace("_", " "),
      *(with_interval(test[level], score) for level in levels),
    )
    for score in metrics.HEADLINE
  ]
  return [*found, ("examples", *(str(test[e]["examples"]) for e in levels))]


def with_interval(
  scores: results_json.Scores, name: results_json.Headline
) -> str:
  """Returns a score with its interval, where it has one."""
  text = f"{scores[name]:.3f}"
  if "interval_95" in scores:
    low, high = scores["interval_95"][name]
    text += f" [{low:.3f}, {high:.3f}]"
  return text


def summary(results: results_json.Results, workdir: pathlib.Path) -> str:
  """Returns what the console shows at the end of a run."""
  if isinstance(results, results_json.PretrainingResults):
    told = "nothing was trained"
    if results.pair_accuracy is not None:
      told = (
        f"{results.pair_accuracy:.3f} of the last epoch's views were paired"
        " with the other view of their image, out of"
        f" {results.views_in_a_batch}"
      )
    return (
      f"\npre-trained: {told}\nstart from it with launch.py"
      f" --config.init_from={workdir} or eanet train --set init_from={workdir}"
    )
  split = results.split
  known = verdicts.specimens_known(results)
  of_specimens = " (specimens not known)"
  if known:
    count = wording.count(len(split["test_specimens"]), "specimen")
    of_specimens = f" of {count}"
  intervals = "too few specimens of each class: no intervals"
  if "interval_95" in results.test["micrograph"]:
    by_specimen = known and "interval_95" in results.test["specimen"]
    over = "specimens" if by_specimen else "micrographs"
    intervals = f"95 % intervals: bootstrap over {over}"
  trained = f"best checkpoint: epoch {results.best_epoch} of {results.epochs}"
  if "networks" in split:
    trained = (
      f"each answered for by one of {split['networks']} networks that had not"
      f" seen {'it' if split['by'] == 'micrograph' else 'its specimen'}"
    )
  elif results.validation and results.objective == "discriminant":
    left_out = results.validation["micrograph"]["accuracy"]
    trained = f"training specimens, left out in turn: accuracy {left_out:.3f}"
  opening = baseline_is_better(results)
  lines = [
    *(["", opening] if opening else []),
    "",
    f"test split by {split['by']}: {split['test']} micrographs{of_specimens},"
    f" {trained} ({intervals})",
    "",
    table(results.test, results.class_names, known),
    "",
    baseline_table(results.baselines, len(results.class_names)),
    "",
  ]
  accuracy = results.test["micrograph"]["accuracy"]
  if accuracy == 1 and known:
    tested = len(results.per_specimen)
    least = metrics.least_if_all_right(tested)
    lines.append(
      f"note: no answer is wrong, so that intervals of 1 mean nothing:"
      f" {wording.count(tested, 'specimen')} told right show that at least"
      f" {least:.0%} of new ones will be (95 % confidence)"
    )
  lines += [f"note: {warning}" for warning in results.warnings]
  lines += [
    "",
    f"results: {workdir / results_json.FILE}",
    f"report: {workdir / html_pages.FILE}",
  ]
  return "\n".join(lines)


def baseline_is_better(results: results_json.RunResults) -> str:
  """Returns a line where a baseline does better than the network, else ""."""
  own = results.test["micrograph"]["accuracy"]
  titles = results_json.baseline_titles(len(results.class_names))
  best = max(
    titles, key=lambda name: results.baselines[name]["micrograph"]["accuracy"]
  )
  accuracy = results.baselines[best]["micrograph"]["accuracy"]
  if accuracy <= own:
    return ""
  return (
    f"note: {titles[best]} tells more of the same micrographs right"
    f" ({accuracy:.3f}) than the network ({own:.3f}): the network adds nothing"
    " here"
  )
