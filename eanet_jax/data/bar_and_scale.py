"""What is stated of a file is checked against its picture.

Takes what the microscope wrote and the grey picture. Gives the rows of the data
bar and the size of a pixel, what told them, and in a remark each thing that
does not agree: files are cropped and resized by programs that leave the
microscope's words as they were.
"""

import dataclasses
import pathlib

import numpy as np

from eanet_jax.data import data_bar, vendor_metadata

# Width over height of usual scans.
_SHAPES = ((1, 1), (5, 4), (4, 3), (3, 2), (16, 10), (16, 9), (2, 1))
_ZOOMS = tuple(a / b for a in (1, 2, 3, 4) for b in (1, 2, 3, 4, 8) if a != b)
# How users have the last word, whichever command they use.
_SAY_ROWS = (
  "say how many rows it has, with --bar-rows, dataset.bar_rows or a table"
)
SAY_SCALE = (
  "say how wide its pixels are, with --um-per-px, dataset.file_um_per_px or a"
  " table"
)


@dataclasses.dataclass(frozen=True)
class Found:
  """The bar and the scale of one file.

  Attributes:
    bar_rows: of the data bar, at the bottom of the picture.
    bar_from: what told them: "told", "tag", "sidecar", "looks", "none".
    um_per_px: micrometres that a pixel of the picture is wide, None if unknown.
    um_from: what told it: "told", "tag", "sidecar", "none".
    remarks: what a person should know of them, a line each.
  """

  bar_rows: int
  bar_from: str
  um_per_px: float | None
  um_from: str
  remarks: tuple[str, ...]


@dataclasses.dataclass
class _Fit:
  """What a statement means for the picture, None where it says nothing."""

  bar_rows: int | None = None
  um_per_px: float | None = None
  bar_remarks: list[str] = dataclasses.field(default_factory=list)
  um_remarks: list[str] = dataclasses.field(default_factory=list)


def find(
  path: pathlib.Path | None,
  tags: dict,
  grey: np.ndarray,
  told_rows: int | None = None,
  told_um: float | None = None,
) -> Found:
  """Returns the bar and the scale; what the user says wins over everything.

  Args:
    path: the file, beside which others may lie; None if there is none.
    tags: number: value of its TIFF tags.
    grey: uint8 (y, x), the whole picture upright.
    told_rows: of the data bar, by the user; None to find them.
    told_um: micrometres per pixel, by the user; None to take what is stated.
  """
  picture = _Picture(grey, told_rows)
  bar_rows, bar_from = None, "none"
  um_per_px, um_from = None, "none"
  bar_remarks: list[str] = []
  um_remarks: list[str] = []
  for stated in vendor_metadata.read(path, tags) if path else ():
    fit = picture.fit(stated)
    bar_remarks += fit.bar_remarks
    um_remarks += fit.um_remarks
    if bar_rows is None and fit.bar_rows is not None:
      bar_rows, bar_from = fit.bar_rows, stated.origin
    if fit.um_per_px is None:
      continue
    if um_per_px is None:
      um_per_px, um_from = fit.um_per_px, stated.origin
    elif abs(fit.um_per_px / um_per_px - 1) > 0.01:
      um_remarks.append(
        f"two scales are stated, {um_per_px:.4g} and {fit.um_per_px:.4g} um/px:"
        f" the first is taken; if that is wrong, {SAY_SCALE}"
      )
  if bar_rows is None:
    bar_rows = picture.looks.rows
    bar_from = "looks" if bar_rows else "none"
    if picture.looks.doubtful:
      bar_remarks.append(f"the lowest rows may be a data bar: {_SAY_ROWS}")
  if told_rows is not None:
    bar_rows, bar_from, bar_remarks = told_rows, "told", []
  if told_um is not None:
    um_per_px, um_from, um_remarks = told_um, "told", []
  remarks = tuple(dict.fromkeys(bar_remarks + um_remarks))
  return Found(bar_rows, bar_from, um_per_px, um_from, remarks)


class _Picture:
  """A picture against which statements are held."""

  def __init__(self, grey: np.ndarray, told_rows: int | None):
    self._grey = grey
    self._height, self._width = grey.shape
    self.looks = (
      data_bar.find(grey) if told_rows is None else data_bar.Found(told_rows)
    )

  def fit(self, stated: vendor_metadata.Statement) -> _Fit:
    """Returns what a statement means for this picture."""
    if stated.height is None:
      return self._fit_strip(stated)
    width = stated.width or self._width
    um = stated.um_per_px
    if um is None and stated.field_um:
      um = stated.field_um / width
    if width == self._width:
      return self._fit_rows(stated, um)
    return self._fit_resized(stated, width, um)

  def _may_be(self, bar_rows: int | None) -> bool:
    """Whether a bar may have so many rows."""
    limit = data_bar.MAX_BAR_SHARE * self._height
    return bar_rows is not None and 0 < bar_rows <= limit

  def _is_set_off(self, bar_rows: int | None) -> bool:
    if bar_rows is None or not self._may_be(bar_rows):
      return False
    if abs(bar_rows - self.looks.rows) <= 1:
      return True
    return data_bar.is_set_off(self._grey, bar_rows)

  def _fit_rows(
    self, stated: vendor_metadata.Statement, um: float | None
  ) -> _Fit:
    """The picture is as wide as the scan."""
    assert stated.height is not None
    fit, below = _Fit(um_per_px=um), self._height - stated.height
    if below < 0:  # its lower rows are gone, perhaps only some of the bar's
      if self._is_set_off(stated.bar_rows):
        fit.bar_rows = stated.bar_rows
    elif below == 0 and stated.bar_below:
      fit.bar_rows = 0
      if rows := self.looks.rows:
        fit.bar_remarks.append(
          f"the lowest {rows} rows look like a data bar, but the file states"
          f" that they are specimen: if they are not, {_SAY_ROWS}"
        )
    elif below == 0:
      pass  # the bar is drawn over the scan, or there is none
    elif stated.bar_rows == below or (
      stated.bar_rows is None and stated.bar_below
    ):
      fit.bar_rows = below if self._may_be(below) else None
    else:
      seen = [n for n in (below, stated.bar_rows) if self._is_set_off(n)]
      fit.bar_rows = seen[0] if seen else None
    if below > 0 and fit.bar_rows is None and stated.bar_below:
      fit.bar_remarks.append(
        f"{self._height} rows, of which the file states that {stated.height}"
        f" are specimen, and no data bar below them is to be seen: {_SAY_ROWS}"
      )
    return fit

  def _fit_resized(
    self, stated: vendor_metadata.Statement, width: int, um: float | None
  ) -> _Fit:
    """The picture was resized or cropped at its sides."""
    assert stated.height is not None
    zoom = self._width / width
    below = self._height - round(stated.height * zoom)
    was = f"the file states a scan of {width} x {stated.height} px"
    fit = _Fit()
    resized = abs(below) <= 1
    if resized:
      fit.bar_rows = 0 if stated.bar_below else None
    elif stated.bar_rows:
      whole = (stated.height + stated.bar_rows) * zoom
      resized = abs(self._height - whole) <= 1
    elif self._may_be(below):
      whole_rows = (stated.height * zoom) % 1 == 0
      resized = whole_rows and zoom in _ZOOMS and stated.bar_below
    if not resized:
      resized = self._is_set_off(below)
    if resized:
      if abs(below) > 1 and self._may_be(below):
        fit.bar_rows = below
      fit.um_per_px = None if um is None else um / zoom
      fit.um_remarks.append(f"resized by {zoom:.4g}: {was}")
      return fit
    if self._is_set_off(stated.bar_rows):
      fit.bar_rows = stated.bar_rows
    highest = stated.height + (stated.bar_rows or stated.height // 3)
    if zoom < 1 and self._height <= highest:
      fit.um_per_px = um
      fit.um_remarks.append(
        f"cropped: {was}; the scale holds if it was not resized too"
      )
    elif um is not None:
      fit.um_remarks.append(
        f"the scale is not known: {was}, and this is no part of it; {SAY_SCALE}"
      )
    return fit

  def _fit_strip(self, stated: vendor_metadata.Statement) -> _Fit:
    """Nothing says how high the scan was."""
    fit = _Fit(um_per_px=stated.um_per_px)
    if stated.width is not None and stated.width != self._width:
      fit.um_per_px = None
      fit.um_remarks.append(
        f"the scale is not known: the file states a scan of {stated.width} px,"
        f" and this is resized or cropped; {SAY_SCALE}"
      )
    elif fit.um_per_px is None and stated.field_um:
      fit.um_per_px = stated.field_um / self._width
      if stated.width is None and not _is_usual(self._width, self._height):
        fit.um_remarks.append("the scale holds if the sides were not cut off")
    rows = stated.bar_rows
    if not self._may_be(rows):
      return fit
    assert rows is not None
    if self._is_set_off(rows) or (
      _is_usual(self._width, self._height - rows)
      and not _is_usual(self._width, self._height)
    ):
      fit.bar_rows = rows
      return fit
    fit.bar_remarks.append(
      f"the file states a data bar of {rows} rows, which is not to be seen:"
      f" if it is there, {_SAY_ROWS}"
    )
    if self.looks.rows and fit.um_per_px is not None:
      fit.um_per_px = None
      fit.um_remarks.append(
        f"the scale is not known: the file states a data bar of {rows} rows,"
        f" this one has {self.looks.rows}; {SAY_SCALE}"
      )
    return fit


def _is_usual(width: int, height: int) -> bool:
  """Whether a scan usually has this shape."""
  return any(width * b == height * a for a, b in _SHAPES)
