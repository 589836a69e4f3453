"""What `eanet predict` says when it ends or is stopped.

Takes predictions one after another, however many.
"""

import pathlib
import sys
import typing
from collections.abc import Sequence

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.inference import predictions
  from eanet_jax.workdir import answer_tables

_SHOWN = 20  # files that could not be used


class Summary:
  """What became of the files, for people."""

  def __init__(
    self,
    out: pathlib.Path,
    total: int,
    begun: "answer_tables.Done | None",
  ):
    """Begins with nothing done.

    Args:
      out: the table.
      total: how many files there are to do.
      begun: what is in the table already.
    """
    from eanet_jax.workdir import answer_tables

    self._out, self._total = out, total
    self._before = len(begun.rows) if begun else 0
    self._done = self._failed_now = self._trained_on = 0
    self._failed_before = begun.errors if begun else 0
    self._lines: list[str] = []
    # What is written to the standard output is not to be mixed with words.
    to_stdout = answer_tables.is_stdout(out)
    self._stream = sys.stderr if to_stdout else sys.stdout

  @property
  def failed(self) -> int:
    """How many rows of the table are of files that could not be used."""
    return self._failed_now + self._failed_before

  def add(self, prediction: "predictions.Prediction") -> None:
    """Counts a file."""
    self._done += 1
    self._trained_on += bool(prediction.trained_on)
    if prediction.error:
      self._failed_now += 1
      if self._failed_now <= _SHOWN:
        self._lines.append(f"{prediction.file}: {prediction.error}")

  def so_far(self) -> str:
    """Returns how many files were answered for."""
    from eanet_jax.runtime import wording

    return f"{self._done} of {wording.count(self._total, 'file')}"

  def say_stopped(self) -> None:
    """Prints how far the table is."""
    from eanet_jax.workdir import answer_tables

    if answer_tables.kind(self._out) == "parquet":
      line = f"{self._out} is not written: Parquet is written whole at the end"
    else:
      line = f"{self.so_far()}: {self._out}"
    print(line, file=self._stream)

  def say(self, lines: Sequence[str], page: pathlib.Path | None) -> None:
    """Prints the files that could not be used, and how many could.

    Args:
      lines: of all that could.
      page: that was written, too.
    """
    from eanet_jax.runtime import wording

    for line in self._lines:
      print(wording.printable(line), file=sys.stderr)
    if (more := self._failed_now - len(self._lines)) > 0:
      files = wording.count(more, "more file")
      print(f"{files} could not be used, see the table", file=sys.stderr)
    for line in lines:
      print(wording.printable(line), file=self._stream)
    if self._trained_on:
      were = "was" if self._trained_on == 1 else "were"
      print(
        f"{wording.count(self._trained_on, 'file')} {were} trained on: how the"
        " network answers there says nothing of others (column trained_on)",
        file=self._stream,
      )
    used = wording.count(self._done - self._failed_now, "file")
    line = f"{used} classified, {self._failed_now} could not be used"
    if self._before:
      line += f", {self._before} in the table before"
      if self._failed_before:
        line += f" ({self._failed_before} with an error)"
    written = f"{self._out}, {page}" if page else f"{self._out}"
    print(f"{line}: {written}", file=self._stream)
