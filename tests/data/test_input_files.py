"""Every file of a data set has its hash, and a name in its folder."""

import hashlib

import pytest

from eanet_jax import errors
from eanet_jax.data import input_files


def written(root, names):
  for name in names:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name.encode())
  return {name: hashlib.sha256(name.encode()).hexdigest() for name in names}


def test_a_folder_is_hashed_with_what_is_of_no_use(tmp_path):
  names = ("a/1/x.tif", "a/1/x.hdr", "b/2/y.bmp", "notes.txt", "b/z.docx")
  expected = written(tmp_path, names)
  written(tmp_path, (".hidden/x.tif", "Thumbs.db"))  # of no data set
  found = input_files.find("folder", str(tmp_path))
  assert (found.table, found.hashes) == ("", expected)
  (tmp_path / "b/2/y.bmp").write_bytes(b"another")
  again = input_files.find("folder", str(tmp_path)).hashes
  assert [n for n in names if again[n] != expected[n]] == ["b/2/y.bmp"]
  assert input_files.find("synthetic", "").hashes == {}
  with pytest.raises(errors.UserError, match="no such folder"):
    input_files.find("folder", str(tmp_path / "none"))


def test_a_table_is_hashed_with_the_files_it_names(tmp_path):
  expected = written(tmp_path, ("in/x.bmp", "in/x.txt", "y.bmp"))
  written(tmp_path, ("unnamed.bmp",))
  table = tmp_path / "labels.csv"
  table.write_text("file,class\nin/x.bmp,a\ny.bmp,b\n")
  found = input_files.find("table", str(table))
  assert found.table == "labels.csv"
  assert found.hashes.pop("labels.csv")
  assert found.hashes == expected
  inner = tmp_path / "in" / "labels.csv"
  inner.write_text("file,class\n../y.bmp,a\nx.bmp,b\n")
  with pytest.raises(errors.UserError, match="not in its folder"):
    input_files.find("table", str(inner))
