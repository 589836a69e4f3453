"""left_out.csv: every file that a run could not use, and why."""

import pathlib
from collections.abc import Iterable

from eanet_jax.runtime import csv_files

FILE = "left_out.csv"


def write(
  workdir: pathlib.Path,
  skipped: Iterable[tuple[str, str]],
  unmatched: Iterable[str],
) -> None:
  """Writes WORKDIR/left_out.csv.

  Args:
    workdir: the run's folder.
    skipped: (file, reason) of files that could not be used.
    unmatched: lines about files in no class; their column `file` is empty.
  """
  rows = [{"file": file, "reason": reason} for file, reason in skipped]
  rows += [{"file": "", "reason": line} for line in unmatched]
  csv_files.write(workdir / FILE, ["file", "reason"], rows)
