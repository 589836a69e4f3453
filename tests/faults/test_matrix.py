"""A few faults of each kind; `matrix.py` here tries them all."""

import re

import documented
import matrix
import pytest
from conftest import made_once
from program import Bench

FAULTS = {f"{fault.row}: {fault.name}": fault for fault in matrix.registry()}
QUICK = [
  "kill -9 at a random moment: moment 1",
  "kill -9: save of a checkpoint: the best goes on",
  "kill -9: evaluation: results are there",
  "terminal closed: a real one",
  "reader of the output gone: of both",
  "damaged checkpoint, the best: variables/d/ARRAYS",
  "damaged file of a workdir: history.csv",
  "damaged file of a workdir: advice followed",
  "damaged views: images.u8",
  "two launches at once: in one workdir",
]


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
  return Bench.make(made_once(tmp_path_factory, "bench", Bench.make))


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_nothing_is_lost_and_nothing_silently_wrong(name, bench, tmp_path):
  tried = FAULTS[name].outcomes(bench, tmp_path / "try", seed=0)
  assert [each for each in tried if each.lost] == []


def test_the_table_in_the_docs_is_of_these_faults():
  text = documented.TEXTS["docs/reliability.md"]
  rows = re.findall(r"^\| (.*?) \| \d+ \| \d+ \| \d+ \|", text, re.MULTILINE)
  assert rows == list(dict.fromkeys(fault.row for fault in FAULTS.values()))
