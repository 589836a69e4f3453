"""Tables of the console: columns stay apart, whatever the numbers."""

import copy
import re

import made_results
import pytest

from eanet_jax.reporting import console_tables

CELL = r"-?\d\.\d{3} \[-?\d\.\d{3}, -?\d\.\d{3}\]"


@pytest.mark.parametrize("kappa", [-0.5, 0.5])
def test_a_negative_score_stands_apart_from_its_neighbour(kappa):
  levels = copy.deepcopy(made_results.levels(0, 1.0))
  for scores in levels.values():
    scores["kappa"] = kappa
    scores["interval_95"]["kappa"] = [kappa - 0.1, kappa + 0.1]
  text = console_tables.table(levels, made_results.CLASSES)
  (line,) = re.findall("^kappa .*$", text, re.MULTILINE)
  assert re.fullmatch(rf"kappa {{2,}}{CELL} {{2,}}{CELL}", line)
  # All columns end where their headings do.
  head, *rows = text.splitlines()[: text.splitlines().index("")]
  assert {len(row) for row in rows} == {len(head)}

  beside = console_tables.baseline_table(
    {name: levels for name in ("majority", "grey", "texture")}, 3
  )
  for line in beside.splitlines()[1:]:
    assert re.search(rf"(?: {{2,}}{CELL}){{3}}$", line)
