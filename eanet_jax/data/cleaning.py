"""A source's files, or drawings, become clean micrographs one after another.

Takes a `sources.Source`, gives its usable micrographs and, for the others, why
they cannot be used. Every way to build a data set begins here.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eanet_jax import errors
from eanet_jax.data import (
  data_bar,
  entries,
  file_limits,
  file_readers,
  micrographs,
  picture_facts,
  read_ahead,
  sources,
  synthetic,
)
from eanet_jax.runtime import console, wording

MIN_IMAGES = 3  # of a class: one for each split
# An entry with its micrograph, or with why there is none.
_Found = tuple[
  sources.Entry, micrographs.Micrograph | micrographs.MicrographError
]


# What is measured of each usable micrograph; see `shortcuts.remarks`.
NUMBERS = ("um_per_px", "pixels", "mean", "std", "width", "height")


@dataclasses.dataclass
class Notes:
  """What was noted of files while they were read, kept with a data set.

  Attributes:
    skipped: [file, reason] of each that could not be used.
    beyond_limits: of those that took more than they may: "files", and the
      limits "gb" and "s"; empty if there are none.
    remarks: [file, remark] of those that could; a file may have several.
    numbers: NUMBERS of those that could, by file; None is unknown.
  """

  skipped: list[list[str]] = dataclasses.field(default_factory=list)
  beyond_limits: dict[str, Any] = dataclasses.field(default_factory=dict)
  remarks: list[list[str]] = dataclasses.field(default_factory=list)
  numbers: dict[str, list[float | None]] = dataclasses.field(
    default_factory=dict
  )

  def may_be_read_with(self, limits: file_limits.Limits) -> bool:
    """Whether these limits are above those that kept files out."""
    kept = self.beyond_limits
    return bool(kept) and (limits.gb > kept["gb"] or limits.s > kept["s"])


def usable(
  source: sources.Source, limits: file_limits.Limits, notes: Notes
) -> Iterator[tuple[sources.Entry, micrographs.Micrograph]]:
  """Yields the usable micrographs of a source with their entries, in order.

  A few are in memory at a time, and a progress bar shows how far they are.

  Args:
    source: what to read, or to draw.
    limits: of each file.
    notes: to this is added what is noted of each file.

  Raises:
    UserError: a class has fewer than MIN_IMAGES; after all were yielded.
  """
  counts: collections.Counter[str] = collections.Counter()
  for entry, found in console.progress(
    _drawn(source) if source.name == "synthetic" else _read(source, limits),
    total=len(source.entries),
    desc=f"building the {source.name} data set",
    unit="image",
    leave=False,
  ):
    if isinstance(found, micrographs.MicrographError):
      notes.skipped.append([entry.file, str(found)])
      if isinstance(found, file_readers.BeyondLimitError):
        kept = notes.beyond_limits
        kept |= {"gb": limits.gb, "s": limits.s}
        kept.setdefault("files", []).append(entry.file)
      continue
    counts[entry.label] += 1
    facts = picture_facts.measure(found.image)
    remarks = (*found.remarks, *picture_facts.remarks(facts))
    notes.remarks += [[entry.file, remark] for remark in remarks]
    size = facts.width * facts.height / 1e6
    numbers = [found.um_per_px, size, facts.mean, facts.std]
    numbers += [float(facts.width), float(facts.height)]
    notes.numbers[entry.file] = numbers
    yield entry, found
  _check_classes(source.classes, counts, notes.skipped)


def _drawn(source: sources.Source) -> Iterator[_Found]:
  items = [(each.label, each.specimen, each.index) for each in source.entries]
  drawings = synthetic.draw_all(source.seed, items)
  for entry, drawing in zip(source.entries, drawings, strict=True):
    # The bar is found as in a real file, not taken from the drawing.
    rows = data_bar.crop_data_bar(drawing.image)
    image = drawing.image[: len(drawing.image) - rows]
    found = micrographs.Micrograph(image, rows, drawing.um_per_px)
    yield entry, micrographs.resampled(found, source.told)


def _read(
  source: sources.Source, limits: file_limits.Limits
) -> Iterator[_Found]:
  root = pathlib.Path(source.root)
  with file_readers.Readers(limits) as readers:

    def read(
      entry: sources.Entry,
    ) -> micrographs.Micrograph | micrographs.MicrographError:
      try:
        return readers.read(root / entry.file, entries.told(entry, source.told))
      except micrographs.MicrographError as error:
        return error

    yield from read_ahead.in_order(read, source.entries, _size)


def _size(
  found: micrographs.Micrograph | micrographs.MicrographError,
) -> int:
  if isinstance(found, micrographs.MicrographError):
    return 0
  return found.image.nbytes


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
