"""Whether a data set says which of its micrographs are of one specimen."""

from collections.abc import Sequence

import numpy as np


def known(
  specimens: Sequence[str] | np.ndarray, labels: Sequence[int] | np.ndarray
) -> bool:
  """Returns whether any class of a data set has two specimens.

  If none has, as in folders of images sorted only by class, nothing may be said
  of specimens. A bootstrap draws micrographs then: its intervals are for other
  images of the same specimens, and narrower than they would be for other ones.

  Args:
    specimens: (m,), of each micrograph.
    labels: int (m,).
  """
  return len(np.unique(specimens)) > len(np.unique(labels))
