"""names.csv: slots with the names that people gave them."""

import pytest

from eanet_jax import errors
from eanet_jax.workdir import slot_names_csv
from eanet_jax.workdir.slot_names_csv import Named, Slot


def test_names_come_back_and_empty_ones_do_not(tmp_path):
  path = tmp_path / "names.csv"
  one, two = Slot(0, 4, 1, 12), Slot(2, 4, 16, 3)
  slot_names_csv.write(
    path, [(one, "coarse lath, =old", "sha-1"), (two, "", "sha-1")]
  )
  assert slot_names_csv.read(path) == {one: Named("coarse lath, =old", "sha-1")}
  assert str(two) == "m2b4h16s3"
  assert [Slot.parse(str(slot)) for slot in (one, two)] == [one, two]
  assert slot_names_csv.read(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
  ("rows", "message"),
  [
    ("slot,name\nb1h1s1,a\nb1h1s1,b\n", "line 3: b1h1s1 is named twice"),
    ("slot,name\nlath,a\n", "line 2: 'lath' is no slot"),
    ("slot,title\nb1h1s1,a\n", "no column name"),
    ("slot,name\nb1h1s0,a\n", "'b1h1s0' is no slot"),
  ],
)
def test_what_is_no_table_of_names_is_told_in_a_line(tmp_path, rows, message):
  path = tmp_path / "names.csv"
  path.write_text(rows)
  with pytest.raises(errors.UserError, match=message) as told:
    slot_names_csv.read(path)
  assert "\n" not in str(told.value)
