"""DOSSIER.md: what a run shows, what it does not, and how to train it again."""

from collections.abc import Iterable

from eanet_jax.reporting import console_tables, limits, markdown_text, verdicts
from eanet_jax.runtime import wording
from eanet_jax.workdir import dossier_json, results_json

# What else is known stands in docs/sharing.md, with the commands.
ELSEWHERE = (
  "The same numbers bit for bit are known to come out on one type of processor"
  " with the same versions. On other processors and with other versions this"
  " has not been measured: there `eanet verify` says how far the probabilities"
  " are apart, and whether all labels are equal."
)


def markdown(told: dossier_json.Dossier, run: results_json.RunResults) -> str:
  """Returns the text of DOSSIER.md.

  Args:
    told: what the dossier holds besides.
    run: the results that it is of.
  """
  name = markdown_text.escaped(told.name)
  lines = [f"# Dossier of {name}", ""]
  lines += [f"{told.title}, trained to tell {_classes(run)}.", ""]
  lines += ["## What is shown", "", *_shown(run)]
  lines += ["", "## What is not shown", ""]
  said = [*limits.sentences(run), *run.warnings]
  lines += [f"- {markdown_text.escaped(line)}" for line in said]
  lines += ["", "## What to measure next", "", *_next(run)]
  lines += ["", "## What decides beside the weights", "", *_thresholds(told)]
  lines += ["", "## What it was made from", "", *_made_from(told)]
  lines += ["", "## Training it again", "", *_again(told)]
  return "\n".join(lines) + "\n"


def _classes(run: results_json.RunResults) -> str:
  return wording.listed([*map(markdown_text.escaped, run.class_names)], 20)


def _shown(run: results_json.RunResults) -> list[str]:
  head = verdicts.headline(run)
  known = limits.of_specimens(run)
  by = "specimen" if known is not None else "image"
  tested = (
    f"{head['right']} of {wording.count(head['total'], 'micrograph')} were told"
    f" right, each by a network that had not seen its {by}."
  )
  levels = console_tables.levels_of(run.test, known is not None)
  intervals = (
    "In brackets: 95 % intervals, by bootstrap over specimens. Of a score of 1"
    " they mean nothing: see below."
  )
  if "interval_95" not in run.test["micrograph"]:
    intervals = "There are too few specimens of each class for intervals."
  rows = console_tables.rows(run.test, levels)
  table = markdown_text.table(("", *levels), rows)
  return [tested, "", *table, "", intervals]


def _next(run: results_json.RunResults) -> list[str]:
  told = [markdown_text.escaped(limits.next_measurement(run))]
  classes = limits.of_specimens(run)
  if classes is None:
    return told
  rows = [
    (each.name, each.tested, each.right, f"{each.least:.2f}", each.more)
    for each in classes
  ]
  header = (
    "class",
    "specimens tested",
    "right",
    "accuracy above",
    f"more needed for {limits.CLAIM:.2f}",
  )
  note = (
    "`accuracy above`: with 95 % confidence, of new specimens. `more needed`:"
    " specimens, if all of them are told right."
  )
  return [*told, "", *markdown_text.table(header, rows), "", note]


def _thresholds(told: dossier_json.Dossier) -> list[str]:
  found = told.thresholds
  lines = []
  if found["temperature"] is not None:
    lines.append(f"- logits are divided by {found['temperature']:.6g}")
  if found["novelty"] is not None:
    lines.append(
      f"- a micrograph farther than {found['novelty']:.6g} from all that was"
      " trained on, among its features, is called foreign"
    )
  sets = found["sets"]
  if sets is None:
    lines.append("- nothing can be promised of sets of classes")
  else:
    least = ", ".join(
      f"{markdown_text.escaped(name)} {value:.6g}"
      for name, value in sets["least_probability"].items()
    )
    lines.append(
      f"- for {sets['percent']} % of micrographs of new {sets['unit']}s to have"
      f" their true class in the set, it holds classes of at least: {least}"
    )
  return lines


def _made_from(told: dossier_json.Dossier) -> list[str]:
  files = f"`dossier.json` has the SHA-256 of {len(told.files)} files"
  if not told.files:
    files = "the micrographs are drawn by the program"
  return [
    f"- {files}",
    f"- the weights have the SHA-256 `{told.weights_sha256}`",
    f"- the program's code has the SHA-256 `{told.source}`",
    f"- trained on {told.device}, with {_pairs(told.versions.items())}",
    f"- dossier written on {_pairs(told.machine.items())}",
    "- what the run chose by itself (`choice.json`) is taken as it stands: it"
    " is not chosen again",
  ]


def _pairs(items: Iterable[tuple[str, str]]) -> str:
  return ", ".join(
    f"{markdown_text.escaped(name)} {markdown_text.escaped(value)}"
    for name, value in items
    if value and value != "not installed"
  )


def _again(told: dossier_json.Dossier) -> list[str]:
  what = "the folder of the images"
  if told.table:
    what = f"the folder of {markdown_text.escaped(told.table)} and the images"
  elif not told.files:
    what = "nothing else, as the micrographs are drawn"
  folder = " FOLDER" if told.files else ""
  return [
    "```",
    f"eanet verify THIS_FILE{folder}",
    "```",
    "",
    f"with {what}, trains the network anew and says `identical`, or where the"
    " two part and how far. `requirements.txt` has the versions that took part"
    " here.",
    "",
    ELSEWHERE,
  ]
