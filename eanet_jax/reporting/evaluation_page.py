"""What `eanet evaluate` finds, for people: evaluation.md and the console."""

from collections.abc import Sequence

from eanet_jax.reporting import confusions, console_tables, markdown_text
from eanet_jax.runtime import wording
from eanet_jax.workdir import evaluation_json, results_json

FILE = "evaluation.md"
# Of more classes the most frequent mistakes are shown, not a matrix.
_MATRIX_CLASSES = 20
_SHOWN = 20  # files that could not be used


def markdown(found: evaluation_json.Evaluation) -> str:
  """Returns the text of evaluation.md."""
  lines = [f"# {found.workdir} tested on {found.source}", ""]
  lines += [f"- {warning}" for warning in found.warnings]
  for title, levels in (
    ("Scores", found.test),
    ("Scores of what was trained on", found.trained_on),
  ):
    if levels:
      lines += ["", f"## {title}", "", *_scores(levels)]
  if scored := found.test or found.trained_on:
    confusion = scored["micrograph"]["confusion"]
    lines += ["", "## Confusions", "", *_confused(confusion, found.class_names)]
  if found.per_specimen:
    rows = [
      (e["specimen"], e["class"], e["micrographs"], f"{e['accuracy']:.3f}")
      for e in found.per_specimen
    ]
    header = ("specimen", "class", "micrographs", "accuracy")
    lines += ["", "## Specimens", "", *markdown_text.table(header, rows)]
  lines += _unlike(found)
  if found.skipped:
    lines += ["", "## Files that could not be used", ""]
    lines += [f"- {file}: {why}" for file, why in found.skipped[:_SHOWN]]
    if len(found.skipped) > _SHOWN:
      lines.append(f"- and {len(found.skipped) - _SHOWN} more")
  return "\n".join(map(wording.printable, lines)) + "\n"


def _unlike(found: evaluation_json.Evaluation) -> list[str]:
  """What the network does not know, and what changed."""
  lines = []
  if found.unknown_classes:
    of_classes = [
      (e["class"], e["micrographs"], "–" if foreign is None else foreign)
      for e in found.unknown_classes
      for foreign in [e["foreign"]]
    ]
    header = ("unknown class", "micrographs", "of them called foreign")
    lines += ["", "## Classes that the network does not know", ""]
    lines += markdown_text.table(header, of_classes)
  if found.novelty or found.drift:
    lines += ["", "## Drift", ""]
  if found.novelty:
    of = found.novelty
    share = of["foreign"] / of["micrographs"]
    lines += [
      f"Of {of['micrographs']} micrographs of known classes {of['foreign']}"
      f" ({share:.0%}) are called foreign; of images like those trained on"
      f" {of['expected']:.0%} are. Novelty: median {of['median']:.2f}, highest"
      f" {of['highest']:.2f}.",
      "",
    ]
  if found.drift:
    rows = [
      (
        each["name"],
        f"{each['median']:.3g}",
        f"{each['trained_median']:.3g}",
        f"{each['trained_low']:.3g} to {each['trained_high']:.3g}",
        f"{each['beyond']:.0%}",
      )
      for each in found.drift
    ]
    columns = ("", "median", "trained on", "90 % of those", "files outside")
    lines += markdown_text.table(columns, rows)
  return lines


def _scores(levels: results_json.Levels) -> list[str]:
  shown = console_tables.levels_of(levels)
  rows = console_tables.rows(levels, shown)
  return markdown_text.table(("", *shown), rows)


def _confused(
  confusion: results_json.Confusion, class_names: Sequence[str]
) -> list[str]:
  if len(class_names) <= _MATRIX_CLASSES:
    matrix = confusions.matrix(confusion, class_names)
    rows = [(name, *row) for name, row in zip(class_names, matrix, strict=True)]
    return markdown_text.table(("true, called", *class_names), rows)
  pairs = confusions.pairs(confusion)[:_MATRIX_CLASSES]
  rows = [
    (pair.true, pair.called, pair.examples, f"{pair.share:.0%}")
    for pair in pairs
  ]
  return markdown_text.table(
    ("true", "called", "micrographs", "of the class"), rows
  )


def console(found: evaluation_json.Evaluation) -> str:
  """Returns what the terminal shows."""
  lines = []
  if found.test:
    lines.append(console_tables.table(found.test, found.class_names))
  elif found.trained_on:
    lines.append("all of it was trained on:")
    lines.append(console_tables.table(found.trained_on, found.class_names))
  else:
    lines.append("no file of a class that the network knows could be used")
  if found.test and found.trained_on:
    own = found.trained_on["micrograph"]
    lines.append(
      f"\n{wording.count(own['examples'], 'micrograph')} of what was trained"
      f" on, not counted above: accuracy {own['accuracy']:.3f}"
    )
  for each in found.unknown_classes:
    told = ""
    if each["foreign"] is not None:
      told = f", {each['foreign']} of them called foreign"
    count = wording.count(each["micrographs"], "micrograph")
    lines.append(f"unknown class {each['class']}: {count}{told}, not scored")
  if found.novelty:
    of = found.novelty
    lines.append(
      f"foreign: {of['foreign']} of {of['micrographs']} micrographs of known"
      f" classes, {of['expected']:.0%} are expected"
    )
  lines += [f"note: {warning}" for warning in found.warnings]
  return wording.printable("\n".join(lines))
