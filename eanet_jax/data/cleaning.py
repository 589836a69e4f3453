"""A source's files, or drawings, become clean micrographs one after another.

Takes a `sources.Source`, gives its usable micrographs and, for the others, why
they cannot be used. Every way to build a data set begins here.
"""

import collections
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from eanet_jax import errors
from eanet_jax.data import (
  data_bar,
  micrographs,
  read_ahead,
  sources,
  synthetic,
)
from eanet_jax.runtime import console, wording

MIN_IMAGES = 3  # of a class: one for each split
# An entry with its micrograph, or with why there is none.
_Found = tuple[sources.Entry, tuple[micrographs.Micrograph | None, str]]


def usable(
  source: sources.Source, skipped: list[list[str]]
) -> Iterator[tuple[sources.Entry, micrographs.Micrograph]]:
  """Yields the usable micrographs of a source with their entries, in order.

  A few are in memory at a time, and a progress bar shows how far they are.

  Args:
    source: what to read, or to draw.
    skipped: to this is added [file, reason] for each file that is not usable.

  Raises:
    UserError: a class has fewer than MIN_IMAGES; after all were yielded.
  """
  counts: collections.Counter[str] = collections.Counter()
  for entry, (micrograph, error) in console.progress(
    _drawn(source) if source.name == "synthetic" else _read(source),
    total=len(source.entries),
    desc=f"building the {source.name} data set",
    unit="image",
    leave=False,
  ):
    if micrograph is None:
      skipped.append([entry.file, error])
      continue
    counts[entry.label] += 1
    yield entry, micrograph
  _check_classes(source.classes, counts, skipped)


def _drawn(source: sources.Source) -> Iterator[_Found]:
  items = [(each.label, each.specimen, each.index) for each in source.entries]
  drawings = synthetic.draw_all(source.seed, items)
  for entry, drawing in zip(source.entries, drawings, strict=True):
    # The bar is found as in a real file, not taken from the drawing.
    rows = data_bar.count_rows(drawing.image)
    image = drawing.image[: len(drawing.image) - rows]
    yield entry, (micrographs.Micrograph(image, rows, drawing.um_per_px), "")


def _read(source: sources.Source) -> Iterator[_Found]:
  root = pathlib.Path(source.root)

  def read(entry: sources.Entry) -> tuple[micrographs.Micrograph | None, str]:
    try:
      return micrographs.read(root / entry.file), ""
    except micrographs.MicrographError as error:
      return None, str(error)

  # Decoding releases the interpreter lock.
  return read_ahead.in_order(read, source.entries)


def _check_classes(
  classes: Sequence[str],
  counts: Mapping[str, int],
  skipped: Sequence[Sequence[str]],
) -> None:
  """Raises UserError where a class has too few usable images."""
  for label in classes:
    if counts[label] >= MIN_IMAGES:
      continue
    reasons = "; ".join(f"{file}: {reason}" for file, reason in skipped[:3])
    raise errors.UserError(
      f"class {label} has {wording.count(counts[label], 'usable image')}, at"
      f" least {MIN_IMAGES} are needed"
      + (f" ({len(skipped)} unusable: {reasons})" * bool(skipped))
    )
