"""README.md of a trained network: what it is for, how good it is, its limits.

Takes results, gives Markdown under the header that model hubs read. No figure
is made up: each is one of results.json.
"""

import json
import pathlib

from eanet_jax.reporting import console_tables, limits, markdown_text, verdicts
from eanet_jax.runtime import wording
from eanet_jax.workdir import results_json

_LIBRARY, _TASK = "eanet_jax", "image-classification"
_TAGS = ("microscopy", "materials-science", "metallography", "steel", "jax")
# The hubs' names of scores that they compare networks by.
_SCORES: tuple[tuple[str, results_json.Headline], ...] = (
  ("accuracy", "accuracy"),
  ("f1", "macro_f1"),
)
_CLASSES_SHOWN = 50
_BY = {
  "specimen": "by specimen: no specimen is in two parts",
  "user": "as folders or a table of the data set state it",
  "micrograph": "by micrograph: images of one specimen may be in two parts",
}
# Of a cross-validation, where it is not the networks that were tested.
_KEPT = {"discriminant": "The network that is kept was trained on all."}


def markdown(name: str, run: results_json.RunResults) -> str:
  """Returns the text of a card.

  Args:
    name: what the network is called.
    run: its results.
  """
  shown = wording.listed([*map(markdown_text.escaped, run.class_names)], 20)
  lines = [*_header(name, run), f"# {markdown_text.escaped(name)}", ""]
  lines += [
    f"{run.title}. It tells micrographs of {shown} apart.",
    "",
    *_use(name),
  ]
  for title, section in (
    ("Data", _data(run)),
    ("Split", _split(run)),
    ("Results", _results(run)),
    ("Classes", _classes(run)),
    ("Simple methods on the same micrographs", _baselines(run)),
    ("Calibration", _calibration(run)),
    ("Limits", _limits(run)),
    ("Training", _training(run)),
  ):
    lines += ["", f"## {title}", "", *section]
  return "\n".join(lines) + "\n"


def _header(name: str, run: results_json.RunResults) -> list[str]:
  """YAML; text is quoted as JSON has it, which YAML takes."""
  path = run.dataset["path"]
  of = pathlib.PurePath(path).name if path else run.dataset["source"]
  scores = run.test["micrograph"]
  lines = [
    "---",
    "# license: choose one, such as cc-by-4.0, and remove the mark before it",
    f"library_name: {_LIBRARY}",
    f"pipeline_tag: {_TASK}",
    "tags:",
    *(f"- {tag}" for tag in _TAGS),
    "metrics:",
    *(f"- {metric}" for metric, _ in _SCORES),
    "model-index:",
    f"- name: {_quoted(name)}",
    "  results:",
    "  - task:",
    f"      type: {_TASK}",
    "    dataset:",
    f"      name: {_quoted(of)}",
    "      type: private",
    "    metrics:",
  ]
  for metric, score in _SCORES:
    told = f"{score.replace('_', ' ')} on {_tested(run)}"
    if "interval_95" in scores and not _all_right(run):
      low, high = scores["interval_95"][score]
      told += f", 95 % interval {low:.3f} to {high:.3f}"
    lines += [
      f"    - type: {metric}",
      f"      value: {scores[score]!r}",
      f"      name: {_quoted(told)}",
    ]
  return [*lines, "---", ""]


def _quoted(text: str) -> str:
  return json.dumps(wording.printable(text))


def _all_right(run: results_json.RunResults) -> bool:
  return run.test["micrograph"]["accuracy"] == 1


def _tested(run: results_json.RunResults) -> str:
  """Of what the figures are; they are worth no more than that."""
  count = wording.count(run.test["micrograph"]["examples"], "micrograph")
  if limits.of_specimens(run) is None:
    return f"{count} of specimens that may have been trained on"
  specimens = wording.count(run.test["specimen"]["examples"], "specimen")
  return f"{count} of {specimens} that were not trained on"


def _use(name: str) -> list[str]:
  return [
    "**Use.** To sort micrographs of these classes, taken and prepared as those"
    " it was trained on, and to find those that a person should look at. Every"
    " answer has a probability, and a verdict where the network can tell"
    " (`known`, `unsure`, `foreign`, `other magnification`).",
    "",
    "**Not for** other steels: it has no other classes to call them, and only"
    " `foreign` warns. Not to release a part without a person.",
    "",
    "```",
    f"eanet predict {_plain(name)}.eanet.zip FOLDER",
    "```",
  ]


def _plain(name: str) -> str:
  """A name within a block of code, which it must not end."""
  return wording.printable(name).replace("`", "'").replace("\n", " ")


def _data(run: results_json.RunResults) -> list[str]:
  dataset = run.dataset
  view = (
    "whole micrographs, resized to"
    if dataset["view"] == "whole"
    else ("tiles of micrographs, resized to")
  )
  side = dataset["image_px"]
  lines = [f"The network sees {view} {side} x {side} px, as grey levels."]
  facts = dataset.get("facts")
  if facts is None:
    return lines
  rows = [
    (
      each["class"],
      each["specimens"] if facts["specimens_known"] else "not known",
      each["micrographs"],
      " to ".join(f"{um:.3g}" for um in each["um_per_px"]) or "not known",
    )
    for each in facts["classes"][:_CLASSES_SHOWN]
  ]
  header = ("class", "specimens", "micrographs", "micrometres per pixel")
  lines += ["", *markdown_text.table(header, rows)]
  more = len(facts["classes"]) - _CLASSES_SHOWN
  if more > 0:
    lines += ["", f"and {wording.count(more, 'more class')}"]
  if run.skipped:
    count = wording.count(len(run.skipped), "file")
    lines += ["", f"{count} could not be used."]
  return lines


def _split(run: results_json.RunResults) -> list[str]:
  split = run.split
  lines = [f"Split {_BY[split['by']]}."]
  if "networks" in split:
    lines.append(
      f"Cross-validation: each of {split['test']} micrographs was answered for"
      f" by one of {split['networks']} networks that had not seen its"
      f" {'image' if split['by'] == 'micrograph' else 'specimen'}."
      f" {_KEPT.get(run.objective, 'The mean of them is kept.')}"
    )
  else:
    lines.append(
      f"{split['train']} micrographs were trained on, {split['validation']}"
      f" chose the best epoch, {split['test']} were tested on."
    )
  return lines


def _results(run: results_json.RunResults) -> list[str]:
  known = limits.of_specimens(run) is not None
  levels = console_tables.levels_of(run.test, known)
  rows = console_tables.rows(run.test, levels)
  lines = markdown_text.table(("", *levels), rows)
  if "interval_95" not in run.test["micrograph"]:
    told = "There are too few specimens of each class for intervals."
  elif _all_right(run):
    told = (
      "No answer is wrong, so that these intervals mean nothing: see Limits."
    )
  else:
    over = "specimens" if verdicts.specimens_known(run) else "micrographs"
    told = f"In brackets: 95 % intervals, by bootstrap over {over}."
  return [f"Of {_tested(run)}:", "", *lines, "", told]


def _classes(run: results_json.RunResults) -> list[str]:
  scores = run.test["micrograph"]["per_class"]
  shown = run.class_names
  lines = []
  if len(shown) > _CLASSES_SHOWN:
    shown = sorted(shown, key=lambda name: scores[name]["f1"])[:_CLASSES_SHOWN]
    lines = [f"The {_CLASSES_SHOWN} with the lowest F1:", ""]
  rows = [
    (
      name,
      f"{scores[name]['precision']:.3f}",
      f"{scores[name]['recall']:.3f}",
      f"{scores[name]['f1']:.3f}",
      scores[name]["support"],
    )
    for name in shown
  ]
  header = ("class", "precision", "recall", "F1", "micrographs tested")
  return [*lines, *markdown_text.table(header, rows)]


def _baselines(run: results_json.RunResults) -> list[str]:
  titles = results_json.baseline_titles(len(run.class_names))
  rows = [
    (
      title,
      *(
        console_tables.with_interval(run.baselines[name]["micrograph"], score)
        for _, score in _SCORES
      ),
    )
    for name, title in titles.items()
  ]
  lines = markdown_text.table(("", "accuracy", "macro F1"), rows)
  ahead = console_tables.baseline_is_better(run).removeprefix("note: ")
  return [*lines, *(["", f"{ahead[:1].upper()}{ahead[1:]}."] if ahead else [])]


def _calibration(run: results_json.RunResults) -> list[str]:
  found = run.calibration
  before, after = found["before"]["ece"], found["after"]["ece"]
  told = f"Expected calibration error {before:.3f} as the network answers"
  if found.get("applied", True):
    return [
      f"{told}, {after:.3f} with logits divided by a temperature of"
      f" {found['temperature']:.3g}, as they are in use."
    ]
  why = markdown_text.escaped(found.get("reason", "it would not help"))
  return [f"{told}. No temperature is applied: {why}."]


def _limits(run: results_json.RunResults) -> list[str]:
  told = [
    *limits.sentences(run),
    *run.warnings,
    limits.next_measurement(run),
  ]
  return [f"- {markdown_text.escaped(line)}" for line in told]


def _training(run: results_json.RunResults) -> list[str]:
  versions = ", ".join(
    f"{package} {version}"
    for package, version in run.versions.items()
    if version != "not installed"
  )
  solved = run.objective == "discriminant"
  how = "solved in one go" if solved else wording.count(run.epochs, "epoch")
  cost = ""
  if run.gflop_per_image is not None:
    cost = f", {run.gflop_per_image:.3g} GFLOP for an image"
  on = markdown_text.escaped(f"{run.device} with {versions}")
  return [
    f"{run.parameters:,} parameters{cost}; {how},"
    f" {wording.duration(run.wall_time_s)} on {on}."
  ]
