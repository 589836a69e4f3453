"""CSV comes back as it was, and no spreadsheet runs it."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eanet_jax.runtime import csv_files

CELL = st.text(
  st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)


@given(st.lists(st.tuples(CELL, CELL)))
def test_a_table_comes_back_as_it_was(tmp_path_factory, rows):
  path = tmp_path_factory.mktemp("csv") / "table.csv"
  columns = ["=name", "class"]
  rows = [dict(zip(columns, row, strict=True)) for row in rows]
  csv_files.write(path, columns, rows)
  assert csv_files.read(path, columns) == rows


@pytest.mark.parametrize(
  "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1"]
)
def test_a_name_is_not_run_by_a_spreadsheet(tmp_path, name):
  path = tmp_path / "table.csv"
  csv_files.write(path, ["file", "p"], [{"file": name, "p": -0.5}])
  with path.open(newline="") as file:
    (_, (cell, number)) = csv.reader(file)
  assert cell == f"'{name}"
  assert number == "-0.5"
