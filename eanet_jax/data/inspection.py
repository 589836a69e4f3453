"""What cleaning does to files: a row for each, and a picture of them all.

Takes image files, gives a table and one PNG on which what is cut off or hidden
is shaded, so that a person can see it before training on the result. Of each
file only numbers and, of the first, a thumbnail are kept.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from eanet_jax import errors
from eanet_jax.data import (
  contact_sheet,
  duplicates,
  file_limits,
  file_readers,
  micrographs,
  picture_facts,
  read_ahead,
)
from eanet_jax.runtime import console, csv_files, wording

COLUMNS = (
  "file",
  "width",
  "height",
  "levels",
  "bar_rows",
  "bar_from",
  "um_per_px",
  "um_from",
  "hidden_boxes",
  "mean",
  "std",
  "sharpness",
  "remarks",
  "error",
)


@dataclasses.dataclass
class Found:
  """One file as it is read.

  Attributes:
    file: its path.
    micrograph: without its pixels; None if it cannot be used.
    facts: of its specimen rows; None likewise.
    sharpness: of its specimen rows.
    fingerprint: what copies of it share; None likewise.
    remarks: what is odd about it, a line each.
    error: why it cannot be used; "" if it can.
  """

  file: pathlib.Path
  micrograph: micrographs.Micrograph | None = None
  facts: picture_facts.Facts | None = None
  sharpness: float = 0.0
  fingerprint: np.ndarray | None = None
  remarks: list[str] = dataclasses.field(default_factory=list)
  error: str = ""

  def row(self) -> dict[str, Any]:
    """Returns the cells of COLUMNS; None is empty."""
    cells: dict[str, Any] = {
      "file": str(self.file),
      "remarks": "; ".join(self.remarks),
      "error": self.error,
    }
    if self.micrograph is not None and self.facts is not None:
      cells |= {
        "width": self.facts.width,
        "height": self.facts.height,
        "levels": self.micrograph.levels,
        "bar_rows": self.micrograph.crop_rows,
        "bar_from": self.micrograph.bar_from,
        "um_per_px": self.micrograph.um_per_px,
        "um_from": self.micrograph.um_from,
        "hidden_boxes": len(self.micrograph.overlays),
        "mean": round(self.facts.mean, 1),
        "std": round(self.facts.std, 1),
        "sharpness": round(self.sharpness, 3),
      }
    return cells

  def line(self) -> str:
    """Returns the row as a line for people."""
    if self.micrograph is None or self.facts is None:
      return f"{self.file}: {self.error}"
    return f"{self.file}: " + ", ".join(
      [said_of(self.micrograph, self.facts), *self.remarks]
    )


def wrote(table: pathlib.Path) -> bool:
  """Whether a file is a table that was written with COLUMNS."""
  try:
    csv_files.read(table, COLUMNS)
  except errors.UserError:
    return False
  return True


def said_of(
  micrograph: micrographs.Micrograph, facts: picture_facts.Facts
) -> str:
  """Returns size, bar, boxes and scale in a line."""
  parts = [f"{facts.width} x {facts.height} px"]
  if micrograph.levels != "8 bits":
    parts.append(micrograph.levels)
  bar = f"{micrograph.crop_rows} rows cut off"
  if micrograph.crop_rows:
    bar += f" ({micrograph.bar_from})"
  parts.append(bar)
  if micrograph.overlays:
    parts.append(f"{wording.count(len(micrograph.overlays), 'box')} hidden")
  scale = "no scale"
  if micrograph.um_per_px is not None:
    scale = f"{micrograph.um_per_px:.4g} um/px ({micrograph.um_from})"
  return ", ".join([*parts, scale])


def inspect(
  files: Sequence[pathlib.Path],
  limits: file_limits.Limits,
  told: micrographs.Told,
  drawn: int,
) -> tuple[list[Found], list[Image.Image]]:
  """Returns what was found in each file, in order, and some thumbnails.

  Args:
    files: image files.
    limits: of what reading a file may take.
    told: what is said of them.
    drawn: the first so many get a thumbnail.
  """
  found: list[Found] = []
  cells: list[Image.Image] = []
  with file_readers.Readers(limits) as readers:

    def see(
      item: tuple[int, pathlib.Path],
    ) -> tuple[Found, Image.Image | None]:
      number, file = item
      try:
        whole = readers.read(file, told, keep_bar=True)
      except micrographs.MicrographError as error:
        return Found(file, error=str(error)), None
      specimen = whole.image[: len(whole.image) - whole.crop_rows]
      facts = picture_facts.measure(specimen)
      remarks = [*whole.remarks, *picture_facts.remarks(facts)]
      thumb = contact_sheet.thumbnail(whole) if number < drawn else None
      nothing = whole.image[:0]
      seen = dataclasses.replace(whole, image=nothing.copy())
      usable = Found(
        file=file,
        micrograph=seen,
        facts=facts,
        sharpness=picture_facts.sharpness(specimen),
        fingerprint=duplicates.fingerprint(specimen),
        remarks=remarks,
      )
      return usable, thumb

    results = console.progress(
      read_ahead.in_order(see, enumerate(files)),
      total=len(files),
      unit="file",
      leave=False,
    )
    thumbs: list[Image.Image | None] = []
    for _, (one, thumb) in results:
      found.append(one)
      if len(thumbs) < drawn:
        thumbs.append(thumb)
  _compare(found)
  for one, thumb in zip(found, thumbs, strict=False):
    said = one.error
    if one.micrograph is not None and one.facts is not None:
      said = said_of(one.micrograph, one.facts)
    cells.append(
      contact_sheet.cell(one.file, thumb, said, "; ".join(one.remarks))
    )
  return found, cells


def _compare(found: Sequence[Found]) -> None:
  """Adds to each file what only the others show."""
  usable = [one for one in found if one.facts is not None]
  blurred = picture_facts.blurred([one.sharpness for one in usable])
  for one, is_blurred in zip(usable, blurred, strict=True):
    if is_blurred:
      one.remarks.append("out of focus, compared with the others")
  prints = [one.fingerprint for one in usable if one.fingerprint is not None]
  for i, j in duplicates.pairs(prints):
    usable[j].remarks.append(f"the same picture as {usable[i].file}")
