"""What a run's test does not show, in words, and what to measure next.

Takes results, gives counts and sentences: for model cards and dossiers.
"""

import dataclasses

from eanet_jax.evaluation import exact_bounds
from eanet_jax.reporting import verdicts
from eanet_jax.runtime import wording
from eanet_jax.workdir import results_json

CLAIM = 0.9  # the share of new specimens told right that people want to claim


@dataclasses.dataclass(frozen=True)
class OfClass:
  """Specimens of a class, or of all, that were tested.

  Attributes:
    name: of the class; "" of all together.
    tested: how many.
    right: of how many of these the class was told; the mean over the
      probabilities of its micrographs decides.
  """

  name: str
  tested: int
  right: int

  @property
  def least(self) -> float:
    """The share of new specimens that will at least be told right."""
    return exact_bounds.least(self.right, self.tested)

  @property
  def more(self) -> int:
    """How many more, all told right, are needed to claim CLAIM."""
    wrong = self.tested - self.right
    return max(0, exact_bounds.needed(CLAIM, wrong) - self.tested)


def of_specimens(run: results_json.RunResults) -> list[OfClass] | None:
  """Returns the classes, the one to measure next first; None if unknown.

  That is the one of which least is known of new specimens: it has few that were
  tested, or errors among them. Nothing is known where specimens are not, or
  where images of one were on both sides.
  """
  by_specimen = run.split["by"] in ("specimen", "user")
  if not (by_specimen and verdicts.specimens_known(run)):
    return None
  scores = run.test["specimen"]
  found = [
    OfClass(
      name,
      scores["per_class"][name]["support"],
      scores["confusion"].get(name, {}).get(name, 0),
    )
    for name in run.class_names
  ]
  return sorted(found, key=lambda each: (each.least, each.name))


def together(classes: list[OfClass]) -> OfClass:
  """Returns the specimens of all classes."""
  return OfClass(
    "",
    sum(each.tested for each in classes),
    sum(each.right for each in classes),
  )


def sentences(run: results_json.RunResults) -> list[str]:
  """Returns what the test does not show, a sentence or two each."""
  classes = of_specimens(run)
  if classes is None:
    return [
      "Images of one specimen may be both among those trained on and among"
      " those tested, and they are near-copies: nothing here says how often a"
      " new specimen is told right."
    ]
  found = together(classes)
  count = wording.count(found.tested, "specimen")
  wrong = found.tested - found.right
  shown = f"{count}, {f'{found.right} of them' if wrong else 'all'} right,"
  if not found.more:
    need = "that is enough"
  elif wrong:
    need = (
      f"with {wording.count(wrong, 'error')}, {found.tested + found.more} are"
      " needed"
    )
  else:
    need = f"{found.more + found.tested} without an error are needed"
  told = [
    f"{shown} exclude only accuracies below {found.least:.2f}; {need} to claim"
    f" {CLAIM:.2f}. (New specimens told right; 95 % confidence, one-sided,"
    " Clopper and Pearson 1934.)",
    "This is of specimens like those tested: the same steels, preparation,"
    " microscope and magnification. Of others nothing is shown.",
  ]
  if len(run.class_names) > 1:
    weak = classes[0]
    excluded = "exclude nothing"
    if weak.right:
      excluded = f"exclude only accuracies below {weak.least:.2f}"
    told.append(
      f"Least is known of class {weak.name}: {weak.right} of"
      f" {wording.count(weak.tested, 'specimen')} right {excluded}."
    )
  return told


def next_measurement(run: results_json.RunResults) -> str:
  """Returns which class to measure next, and how many specimens of it."""
  classes = of_specimens(run)
  if classes is None:
    return (
      "Measure at least two specimens of each class, and keep the images of"
      " each in a folder of its own (class/specimen/image)."
    )
  first = classes[0]
  if not first.more:
    return f"Of each class {CLAIM:.2f} can be claimed: measure other steels."
  told = (
    f"Measure class {first.name} next:"
    f" {wording.count(first.more, 'more specimen')}, all told right, are needed"
    f" to claim {CLAIM:.2f} of it."
  )
  if first.right < CLAIM * first.tested:
    told += (
      f" With {first.tested - first.right} of {first.tested} told wrong so far"
      " this cannot be expected: they are needed to learn from first."
    )
  return told
