"""remarks.csv: what a person should know of files that a run did use."""

import pathlib
from collections.abc import Iterable

from eanet_jax.runtime import csv_files

FILE = "remarks.csv"


def write(workdir: pathlib.Path, remarks: Iterable[tuple[str, str]]) -> None:
  """Writes WORKDIR/remarks.csv.

  Args:
    workdir: the run's folder.
    remarks: (file, remark); a file may have several.
  """
  rows = ({"file": file, "remark": remark} for file, remark in remarks)
  csv_files.write(workdir / FILE, ["file", "remark"], rows)
