"""The split that folders or a table state, where they state one."""

import numpy as np

from eanet_jax import errors
from eanet_jax.data import split_parts
from eanet_jax.runtime import wording

_SHOWN = 5  # classes in a line


def split(
  labels: np.ndarray,
  specimens: np.ndarray,
  stated: np.ndarray,
  fractions: split_parts.Parts[float],
  validate_by: str,
  rng: np.random.Generator,
) -> tuple[split_parts.Parts[np.ndarray], list[str]]:
  """Returns index arrays, and what their readers must know.

  Where no validation is stated, it is taken from training, by specimen where a
  class has two or more.

  Args:
    labels, specimens: class and specimen of each micrograph.
    stated: its part, "train", "validation" or "test".
    fractions, validate_by, rng: as in `splits.split`.

  Raises:
    UserError: a class is not trained on.
  """
  parts = split_parts.Parts(
    *(np.flatnonzero(stated == name) for name in split_parts.Parts._fields)
  )
  untrained = sorted(set(labels.tolist()) - set(labels[parts.train].tolist()))
  if untrained:
    raise errors.UserError(
      "the split that is given trains on no image of class"
      f" {wording.listed(untrained, _SHOWN)}: add some, or take the class out"
    )
  warnings: list[str] = []
  if not len(parts.validation) and validate_by != "none":
    parts, warnings = _with_validation(
      labels, specimens, parts, fractions, validate_by, rng
    )
  for name, part in (("validated", parts.validation), ("tested", parts.test)):
    if validate_by == "none" and name == "validated":
      continue
    missing = sorted(set(labels.tolist()) - set(labels[part].tolist()))
    warnings += wording.of_classes(
      (each, f"is not {name}", f"are not {name}") for each in missing
    )
  unnamed = np.array(
    [f"{label}/{part}" for label, part in zip(labels, stated, strict=True)]
  )
  warnings += wording.of_classes(
    (
      label,
      "has images of no named specimen: one specimen may be in training and in"
      " test, so that its figures may be too high",
      "have images of no named specimen: one specimen may be in training and in"
      " test, so that their figures may be too high",
    )
    for label in sorted(set(labels[specimens == unnamed].tolist()))
  )
  return parts, warnings


def _with_validation(
  labels: np.ndarray,
  specimens: np.ndarray,
  parts: split_parts.Parts[np.ndarray],
  fractions: split_parts.Parts[float],
  validate_by: str,
  rng: np.random.Generator,
) -> tuple[split_parts.Parts[np.ndarray], list[str]]:
  of_classes = []
  by_image = []
  for label in np.unique(labels[parts.train]).tolist():
    members = parts.train[labels[parts.train] == label]
    groups = split_parts.by_name(specimens, members)
    nothing = np.empty(0, np.int64)
    indices = split_parts.Parts(members, nothing, nothing)
    if validate_by == "specimen" and len(groups) > 1:
      names = rng.permutation(list(groups)).tolist()
      dealt = split_parts.share_out(
        {name: len(groups[name]) for name in names},
        fractions._replace(test=0.0),
      )
      indices = split_parts.Parts(
        *(split_parts.together(groups, chosen) for chosen in dealt)
      )
    else:
      indices = split_parts.validated_by_micrograph(
        label, indices, fractions, rng
      )
      by_image.append(label)
    of_classes.append(indices)
  drawn = split_parts.joined(of_classes)
  warnings = ["no validation is given: some of training is taken for it"]
  warnings += wording.of_classes(
    (
      label,
      "is validated on micrographs of specimens it was trained on, so that its"
      " validation score is too high",
      "are validated on micrographs of specimens they were trained on, so that"
      " the validation score is too high",
    )
    for label in by_image
  )
  return drawn._replace(test=parts.test), warnings
