"""What a prediction is worth, in a word and in a sentence.

Takes what was found of a micrograph and what is known of those trained on,
gives a verdict with its reason.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from eanet_jax import errors
from eanet_jax.inference import prediction_sets
from eanet_jax.runtime import wording
from eanet_jax.workdir import trained_on

KNOWN = "known"
UNSURE = "unsure"
FOREIGN = "foreign"
OTHER_MAGNIFICATION = "other magnification"
# What is promised where more is not asked for and specimens are enough.
USUAL_COVERAGE = 90
# Fields of view of half the width, or of twice, are another magnification; the
# factor between is taken as the bound.
_SAME_FIELD = 2**0.5
_SHOWN = 4  # classes in a sentence


def by_novelty(novelty: float | None) -> str:
  """Returns the verdict where nothing but novelty is known; "" without it."""
  if novelty is None:
    return ""
  return FOREIGN if novelty > 1 else KNOWN


@dataclasses.dataclass(frozen=True, eq=False)
class Confidence:
  """What is known of how a network answers for what it was not trained on.

  Attributes:
    class_names: of the network.
    sets: what may be promised; None if nothing can be.
    coverage: what is, in per cent; 0 likewise.
    unit: "specimen", or "micrograph" where those were left out.
    fields_um: the narrowest and the widest field of view that was trained on;
      None if no scale was known.
  """

  class_names: Sequence[str]
  sets: prediction_sets.Sets | None = None
  coverage: int = 0
  unit: str = "specimen"
  fields_um: tuple[float, float] | None = None

  @classmethod
  def of(
    cls,
    kept: trained_on.TrainedOn | None,
    class_names: Sequence[str],
    coverage: int | None = None,
  ) -> "Confidence":
    """Returns what a workdir allows to say.

    Args:
      kept: None of a workdir that keeps nothing.
      class_names: of the network.
      coverage: what shall be promised, in per cent; None for USUAL_COVERAGE, or
        as much as can be.

    Raises:
      UserError: it cannot be promised.
    """
    unit = "micrograph" if kept and kept.by_micrograph else "specimen"
    sets = (
      prediction_sets.Sets(kept.least, kept.specimens)
      if kept and kept.least.shape[0] == len(class_names)
      else None
    )
    if coverage is not None:
      _check(sets, class_names, coverage, unit)
    fields = [
      each.field_um
      for each in (kept.micrographs if kept else ())
      if each.field_um is not None
    ]
    most = sets.most if sets else 0
    return cls(
      class_names=class_names,
      sets=sets if most else None,
      coverage=coverage or min(USUAL_COVERAGE, most),
      unit=unit,
      fields_um=(min(fields), max(fields)) if fields else None,
    )

  @property
  def promise(self) -> str:
    """What the sets promise, a line; or why there are none."""
    if self.sets is None:
      return (
        "no set of classes can be promised to hold the true one: that needs"
        f" {self.unit}s of every class that were left out of training"
      )
    whose = (
      "of each class"
      if self.sets.by_class(self.coverage)
      else "of all classes together"
    )
    line = (
      f"sets of classes hold the true one for {self.coverage} % of micrographs"
      f" of new {self.unit}s {whose}"
    )
    if self.coverage < USUAL_COVERAGE:
      line += "; " + _lacking(
        self.sets, self.class_names, USUAL_COVERAGE, self.unit
      )
    return line

  def set_of(self, probabilities: np.ndarray) -> tuple[str, ...]:
    """Returns the classes that may be true of probabilities (l,)."""
    if self.sets is None:
      return ()
    inside = self.sets.of(probabilities, self.coverage)
    return tuple(self.class_names[i] for i in inside)

  def verdict(
    self,
    probabilities: np.ndarray,
    novelty: float | None,
    field_um: float | None,
  ) -> tuple[str, str]:
    """Returns the verdict on a micrograph, and the reason for it.

    Args:
      probabilities: float (l,).
      novelty: see `Prediction`; None of a network that cannot tell.
      field_um: how wide what the network sees at once is; None if not known.

    Returns:
      ("", "") where nothing is known of how the network answers.
    """
    if reason := self._other_magnification(field_um):
      return OTHER_MAGNIFICATION, reason
    if novelty is not None and novelty > 1:
      return (
        FOREIGN,
        f"novelty {novelty:.2f}: 95 % of images like those trained on are"
        " below 1",
      )
    if self.sets is None:
      return by_novelty(novelty), ""
    inside = self.sets.of(probabilities, self.coverage)
    if len(inside) > 1:
      named = [f"{self.class_names[i]} {probabilities[i]:.2f}" for i in inside]
      return UNSURE, f"may be {wording.listed(named, _SHOWN)}"
    best = inside[0]
    usual = self.sets.inside(probabilities, self.coverage)[best]
    # Where nearly all are answered right and surely, a tenth of the right ones
    # are less sure than 90 % of them, and sure enough.
    if usual or 100 * probabilities[best] >= self.coverage:
      return KNOWN, ""
    return (
      UNSURE,
      f"{self.class_names[best]} has {probabilities[best]:.2f}, less than"
      f" {self.coverage} % of left-out micrographs had for their true class",
    )

  def _other_magnification(self, field_um: float | None) -> str:
    if field_um is None or self.fields_um is None:
      return ""
    low, high = self.fields_um
    if low / _SAME_FIELD < field_um < high * _SAME_FIELD:
      return ""
    trained = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    return (
      f"what is looked at is {field_um:.3g} um wide, and was {trained} um in"
      " training"
    )


def _check(
  sets: prediction_sets.Sets | None,
  class_names: Sequence[str],
  coverage: int,
  unit: str,
) -> None:
  """Raises UserError if a coverage cannot be promised."""
  if coverage not in prediction_sets.COVERAGES:
    raise errors.UserError(
      f"--coverage={coverage} is per cent: take one from"
      f" {prediction_sets.COVERAGES[0]} to {prediction_sets.COVERAGES[-1]}"
    )
  if sets is None:
    raise errors.UserError(
      f"--coverage={coverage} cannot be promised: the workdir says of no"
      " specimen how it was answered for when it was left out"
    )
  if not sets.promised(coverage):
    raise errors.UserError(
      f"--coverage={coverage} cannot be promised:"
      f" {_lacking(sets, class_names, coverage, unit)}"
      + (f"; the most is {sets.most}" if sets.most else "")
    )


def _lacking(
  sets: prediction_sets.Sets,
  class_names: Sequence[str],
  coverage: int,
  unit: str,
) -> str:
  """What is missing: "90 % needs 9 specimens, has 2 of P92 and 1 of HR"."""
  needed = prediction_sets.needed(coverage)
  counts = sets.specimens
  fewest = np.argsort(counts, kind="stable")
  has = [f"{int(counts[i])} of {class_names[i]}" for i in fewest]
  return (
    f"{coverage} % needs {wording.count(needed, unit)} that were left out, and"
    f" has {wording.listed(has, _SHOWN)}"
  )
