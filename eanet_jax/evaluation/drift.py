"""Whether files look as those did that the network was trained on.

Takes numbers of pictures, gives what changed, in numbers and in words.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from eanet_jax.data import picture_facts
from eanet_jax.inference import novelty
from eanet_jax.workdir import evaluation_json

_BEYOND_PERCENT = 5  # at either end, of the files trained on
# A remark is made where this share of files is beyond, in place of a tenth.
_TELLING_SHARE = 0.3
_FEWEST = 5  # files, on either side

# By name: float (k,), NaN where it is not known.
Numbers = Mapping[str, np.ndarray]


def numbers(
  found: Iterable[tuple[picture_facts.Facts, float | None]],
) -> Numbers:
  """Returns brightness, contrast, size and scale of pictures.

  Args:
    found: of each picture its facts, and how wide its pixels are, micrometres.
  """
  rows = [
    (facts.mean, facts.std, facts.width * facts.height / 1e6, um or np.nan)
    for facts, um in found
  ]
  columns = np.asarray(rows, np.float64).reshape(-1, 4).T
  names = (
    "mean grey level",
    "contrast (standard deviation)",
    "size, Mpx",
    "scale, um/px",
  )
  return dict(zip(names, columns, strict=True))


def compared(new: Numbers, trained: Numbers) -> list[evaluation_json.Drift]:
  """Returns each number of new files beside that of the files trained on.

  Those that too few files have are left out.
  """
  found: list[evaluation_json.Drift] = []
  ends = (_BEYOND_PERCENT, 50, 100 - _BEYOND_PERCENT)
  for name, values in new.items():
    own, before = (v[np.isfinite(v)] for v in (values, trained[name]))
    if min(len(own), len(before)) < _FEWEST:
      continue
    low, median, high = np.percentile(before, ends).tolist()
    found.append(
      {
        "name": name,
        "median": float(np.median(own)),
        "trained_low": low,
        "trained_median": median,
        "trained_high": high,
        "beyond": float(((own < low) | (own > high)).mean()),
      }
    )
  return found


def novelty_of(values: Sequence[float]) -> evaluation_json.Novelty | None:
  """Returns how novelty is distributed; None of no values."""
  if not values:
    return None
  return {
    "micrographs": len(values),
    "foreign": int(np.count_nonzero(np.asarray(values) > 1)),
    "expected": novelty.FALSE_ALARMS,
    "median": float(np.median(values)),
    "highest": float(max(values)),
  }


def remarks(
  drift: Iterable[evaluation_json.Drift], new: evaluation_json.Novelty | None
) -> list[str]:
  """Returns what changed, in words."""
  found = [
    f"{each['name']}: {each['beyond']:.0%} of the files are outside"
    f" {each['trained_low']:.3g} to {each['trained_high']:.3g}, where 90 % of"
    f" those trained on are; their median is {each['median']:.3g}"
    for each in drift
    if each["beyond"] >= _TELLING_SHARE
  ]
  # More than twice what is expected, and not by the chance of a few files.
  if new and new["foreign"] > max(2, 2 * new["expected"] * new["micrographs"]):
    found.append(
      f"{new['foreign']} of {new['micrographs']} micrographs of known classes"
      " are called foreign, and"
      f" {new['expected'] * new['micrographs']:.0f} would be if they were like"
      " those trained on: look at how they were taken, and trust their labels"
      " less"
    )
  return found
