"""Files given to be classified: all of them, once, and what tables say."""

import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import save_noise

from eanet_jax import errors
from eanet_jax.data import given_files, micrographs

paths = st.lists(
  st.tuples(st.sampled_from("abc"), st.integers(0, 30)).map(
    lambda pair: f"{pair[0]}/{pair[1]}.png"
  ),
  max_size=40,
)


@settings(deadline=None, max_examples=100)
@given(paths, st.integers(1, 20), st.booleans())
def test_all_shards_together_are_every_file_once(files, count, whole):
  all_of_it = given_files.Given(tuple(files))
  shards = [
    all_of_it.shard(number, count, whole_specimens=whole)
    for number in range(1, count + 1)
  ]
  found = [file for shard in shards for file in shard.files]
  assert collections.Counter(found) == collections.Counter(files)
  if whole:
    specimens = [set(map(shard.specimen, shard.files)) for shard in shards]
    assert sum(map(len, specimens)) == len(set().union(*specimens))
  else:
    sizes = [len(shard.files) for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    assert list(shards[-1].files) == sorted(files)[count - 1 :: count]


def test_a_table_needs_no_classes_and_names_specimens(tmp_path):
  for name in ("1", "2", "3"):
    save_noise(tmp_path / "images" / f"{name}.png", seed=int(name))
  table = tmp_path / "heats.csv"
  table.write_text(
    "file;specimen;um_per_px;bar_rows\n"
    "images/1.png;heat 1;0,05;\n"
    "images/2.png;heat 2;;0\n"
    "gone.png;heat 2;;\n"
  )
  told = micrographs.Told(bar_rows=7)
  found = given_files.expand([table, tmp_path / "images" / "3.png"], told)
  names = ("images/1.png", "images/2.png", "gone.png", "images/3.png")
  assert found.files == tuple(str(tmp_path / name) for name in names)
  specimens = [found.specimen(file) for file in found.files]
  assert specimens == ["heat 1", "heat 2", "heat 2", str(tmp_path / "images")]
  assert found.told == {
    found.files[0]: micrographs.Told(7, 0.05),
    found.files[1]: micrographs.Told(0, None),
  }


def test_a_table_without_files_says_what_is_needed(tmp_path):
  (tmp_path / "t.csv").write_text("name,class\na.png,x\n")
  with pytest.raises(errors.UserError, match="The column file is needed"):
    given_files.expand([tmp_path / "t.csv"])
