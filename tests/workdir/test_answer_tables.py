"""Tables of answers: gone on with from any byte, and the same in each kind."""

import collections
import json
import pathlib

import pyarrow.parquet
import pytest

from eanet_jax import errors
from eanet_jax.workdir import answer_tables

COLUMNS = {"file": str, "p": float, "error": str, "network_id": str}
NAMES = ("a.png", 'b",\n\n"c.png', "=d\r.png", "'e\udce9.png", "ü.png")
ROWS = [
  {"file": name, "p": i / 8, "error": "x\ny" * (i == 3), "network_id": "7"}
  for i, name in enumerate(NAMES)
]


def write(path, rows, columns=COLUMNS, begun=None):
  with answer_tables.opened(path, columns, begun) as add:
    for row in rows:
      add(row)
  return path


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_cut_at_any_byte_is_gone_on_with(tmp_path, ending):
  whole = write(tmp_path / f"whole.{ending}", ROWS).read_bytes()
  path = tmp_path / f"cut.{ending}"
  seen = set()
  for end in range(len(whole) + 1):
    path.write_bytes(whole[:end])
    done = answer_tables.done(path, COLUMNS, "file", "7")
    count = done.rows.total()
    assert list(done.rows) == list(NAMES[:count]), end
    assert done.errors == (count > 3)
    write(path, ROWS[count:], begun=done)
    assert path.read_bytes() == whole, end
    seen.add(count)
  assert seen == set(range(len(ROWS) + 1))


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_the_last_files_tiles_are_done_again(tmp_path, ending):
  columns = {"file": str, "tile": int, "error": str, "network_id": str}
  rows = [
    {"file": file, "tile": tile, "network_id": "7", "error": ""}
    for file in "abc"
    for tile in range(3)
  ]
  path = write(tmp_path / f"t.{ending}", rows, columns)
  whole = path.read_bytes()
  for count in range(1, 10):
    write(path, rows[:count], columns)
    done = answer_tables.done(path, columns, "file", "7")
    files = (count - 1) // 3
    assert done.rows == collections.Counter(dict.fromkeys("abc"[:files], 3))
    write(path, rows[3 * files :], columns, done)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_another_table_is_refused_and_stays(tmp_path, ending):
  path = write(tmp_path / f"t.{ending}", ROWS)
  before = path.read_bytes()
  others = dict.fromkeys(("file", "q", "error", "network_id"), str)
  for columns, network, why in (
    (COLUMNS, "8", "another network"),
    (others, "7", "other columns"),
  ):
    with pytest.raises(errors.UserError, match=why):
      answer_tables.done(path, columns, "file", network)
  lines = before.splitlines(keepends=True)
  path.write_bytes(b"".join([*lines[:2], b"7,[\n", *lines[2:]]))
  with pytest.raises(errors.UserError, match="was changed or is damaged"):
    answer_tables.done(path, COLUMNS, "file", "7")


def test_each_kind_holds_the_same(tmp_path, monkeypatch):
  monkeypatch.setattr(answer_tables, "_ROW_GROUP", 2)
  lines = write(tmp_path / "t.jsonl", ROWS).read_text().splitlines()
  assert [json.loads(line) for line in lines] == ROWS
  file = pyarrow.parquet.ParquetFile(write(tmp_path / "t.parquet", ROWS))
  assert file.num_row_groups == 3
  found = file.read().to_pylist()
  assert found[3].pop("file") == "'e\\udce9.png"  # Parquet has UTF-8 alone
  assert found[:3] == ROWS[:3]
  # Nothing is lost by a table that is not finished.
  before = (tmp_path / "t.parquet").read_bytes()
  with (
    pytest.raises(KeyboardInterrupt),
    answer_tables.opened(tmp_path / "t.parquet", COLUMNS) as add,
  ):
    add(ROWS[0])
    raise KeyboardInterrupt
  assert (tmp_path / "t.parquet").read_bytes() == before
  assert len(list(tmp_path.iterdir())) == 2


def test_the_ending_says_which_table(tmp_path):
  kinds = {"a.CSV": "csv", "a.jsonl": "jsonl", "a.parquet": "parquet"}
  kinds |= {"a": "csv", "/dev/stdout": "csv", "/dev/null": "csv"}
  for name, kind in kinds.items():
    assert answer_tables.kind(pathlib.Path(name)) == kind
  with pytest.raises(errors.UserError, match=r"\.xlsx is none"):
    answer_tables.kind(tmp_path / "a.xlsx")
