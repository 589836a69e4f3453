"""Copies of one picture in a split: on one side of it, or not trained on.

Takes pairs of micrographs that show the same picture, as `duplicates` finds
them.
"""

from collections.abc import Sequence

import numpy as np

from eanet_jax import errors
from eanet_jax.data import split_parts
from eanet_jax.runtime import wording

Pairs = Sequence[tuple[int, int]]
_SHOWN = 3  # pairs, or specimens of a group, in a line


def described(files: Sequence[str], pairs: Pairs) -> str:
  """Returns the pairs by their files: "a.tif and b.tif, ... and 2 more"."""
  return wording.listed([f"{files[i]} = {files[j]}" for i, j in pairs], _SHOWN)


def check_classes(
  files: Sequence[str], labels: Sequence[int] | np.ndarray, pairs: Pairs
) -> None:
  """Raises UserError where one picture is in two classes."""
  if torn := [(i, j) for i, j in pairs if labels[i] != labels[j]]:
    raise errors.UserError(
      f"the same picture is in two classes: {described(files, torn)}. Take it"
      " out of one of them; or, if it shows both, allow it with"
      " --config.dataset.allow_duplicates=True"
    )


def together(
  labels: np.ndarray, specimens: np.ndarray, pairs: Pairs
) -> tuple[np.ndarray, list[str]]:
  """Returns what a split must not part, and what its readers must know.

  Specimens of one class that share a picture are one. The first result is
  (m,), the name of each micrograph's specimen or of all that it is one with.
  """
  leader = {name: name for name in specimens.tolist()}

  def leader_of(name: str) -> str:
    while leader[name] != name:
      name = leader[name]
    return name

  for i, j in pairs:
    if labels[i] == labels[j]:
      first, second = sorted(leader_of(str(specimens[k])) for k in (i, j))
      leader[second] = first
  members: dict[str, list[str]] = {}
  for name in sorted(leader):
    members.setdefault(leader_of(name), []).append(name)
  shared = {
    first: " = ".join(names[:_SHOWN]) + " = ..." * (len(names) > _SHOWN)
    for first, names in members.items()
  }
  units = np.array([shared[leader_of(name)] for name in specimens.tolist()])
  warnings = [
    f"specimens {wording.listed(names, 10)} have pictures in common and are"
    " kept on one side of the split"
    for names in members.values()
    if len(names) > 1
  ]
  return units, warnings


def apart(
  parts: split_parts.Parts[np.ndarray], pairs: Pairs, labels: np.ndarray
) -> tuple[split_parts.Parts[np.ndarray], list[str]]:
  """Leaves out of training what is validated or tested on, and so on.

  Returns the parts and what their readers must know.

  Raises:
    UserError: nothing is left to train on of a class.
  """
  rank = np.zeros(len(labels), np.int64)  # 0: of no part
  for number, part in enumerate(parts, start=1):
    rank[part] = number
  ends = np.asarray(pairs, np.int64).reshape(-1, 2)
  first, second = rank[ends].T
  torn = (first != second) & (first > 0) & (second > 0)
  lower = np.where(first < second, ends[:, 0], ends[:, 1])[torn]
  if not len(lower):
    return parts, []
  kept = split_parts.Parts(*(np.setdiff1d(part, lower) for part in parts))
  gone = set(labels[parts.train]) - set(labels[kept.train])
  if gone:
    raise errors.UserError(
      f"class {min(gone)}: all its training pictures are tested on, too"
    )
  count = wording.count(len(np.unique(lower)), "micrograph")
  return kept, [
    f"{count} left out of training or validation: the same picture is tested or"
    " validated on"
  ]
