"""A table in place of folders: any program's, and every mistake by its row."""

import openpyxl
import pytest
from made_files import save_noise

from eanet_jax import errors
from eanet_jax.data import (
  file_limits,
  micrographs,
  sources,
  table_cells,
  tables,
  view_store,
)


@pytest.fixture
def folder(tmp_path):
  """Four images in a folder of their own."""
  for i in range(4):
    save_noise(tmp_path / "images" / f"{i}.png", i)
  return tmp_path


def write(folder, text, encoding="utf-8"):
  path = folder / "labels.csv"
  path.write_bytes(text.encode(encoding))
  return path


def row_of(entry):
  return (entry.file, entry.label, entry.specimen)


SIMPLE = "file,class,specimen\nimages/0.png,a,s1\nimages/1.png,b,s1\n"


@pytest.mark.parametrize(
  "text",
  [
    SIMPLE,
    SIMPLE.replace(",", ";"),
    SIMPLE.replace(",", "\t"),
    SIMPLE.replace("\n", "\r\n"),
    "\ufeff" + SIMPLE,
    "sep=;\n" + SIMPLE.replace(",", ";"),
    SIMPLE.replace("/", "\\"),
    SIMPLE.replace("file,class,specimen", " FILE , Class ,SPECIMEN"),
    "specimen,file,class\ns1,images/0.png,a\n\ns1,images/1.png,b\n",
    '"file","class","specimen"\n"images/0.png","a","s1"\nimages/1.png,b ,s1',
    SIMPLE.replace("images/0", "./images/../IMAGES/0"),
  ],
)
def test_tables_of_all_programs_are_read(folder, text):
  table = tables.read(write(folder, text))
  assert [row_of(entry) for entry in table.entries] == [
    ("images/0.png", "a", "a/s1"),
    ("images/1.png", "b", "b/s1"),
  ]
  assert table.left_out == table.remarks == ()


@pytest.mark.parametrize(
  "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]
)
def test_every_encoding_gives_the_same_names(folder, encoding):
  text = SIMPLE.replace(",a,", ",Härtegefüge,").replace(",", ";")
  table = tables.read(write(folder, text, encoding))
  assert table.entries[0].label == "Härtegefüge"


def test_a_workbook_is_read(folder):
  book = openpyxl.Workbook()
  book.active.append(["notes of mine"])
  sheet = book.create_sheet("labels")
  sheet.append(["file", "class", "specimen", "um_per_px", "bar_rows", "who"])
  sheet.append(["images/0.png", 92, 7, 0.25, 60, "x"])
  sheet.append([None] * 6)
  sheet.append(["images/1.png", "b", 7.0, "0,5", None, None])
  book.save(folder / "labels.xlsx")
  table = tables.read(folder / "labels.xlsx")
  first, second = table.entries
  assert row_of(first) == ("images/0.png", "92", "92/7")
  assert (first.um_per_px, first.bar_rows) == (0.25, 60)
  assert row_of(second) == ("images/1.png", "b", "b/7")
  assert (second.um_per_px, second.bar_rows) == (0.5, None)
  assert table.remarks == (
    "labels.xlsx: read is sheet 'labels', not 'Sheet'",
    "labels.xlsx: columns that are not used: who",
  )


def test_paths_may_be_absolute_or_spelled_as_elsewhere(folder):
  save_noise(folder / "Ha\u0308rte" / "4.PNG", 4)
  rows = [folder / "images" / "0.png", "images\\1.PNG", "H\u00e4rte/4.png"]
  text = "file,class\n" + "".join(f"{row},a\n" for row in rows)
  table = tables.read(write(folder, text))
  assert [entry.file for entry in table.entries] == [
    "images/0.png",
    "images/1.png",
    "Ha\u0308rte/4.PNG",
  ]


def test_a_row_whose_file_is_missing_is_left_out(folder):
  (folder / "x.dm3").write_text("x")
  text = SIMPLE + "images/9.png,a,s2\nx.dm3,b,s2\nimages/1.png,b,s1\n"
  table = tables.read(write(folder, text))
  assert len(table.entries) == 2
  assert table.left_out == (
    "labels.csv, row 4: no file images/9.png",
    "labels.csv, row 5: x.dm3 is no image that can be read",
    "labels.csv, row 6: images/1.png once more, as in row 3",
  )


@pytest.mark.parametrize(
  ("rows", "told"),
  [
    ("images/0.png,,,,", "row 2: no class"),
    (",a,,,", "row 2: no file"),
    ("images/0.png,a,x,,", "row 2: um_per_px x: must be a number"),
    ("images/0.png,a,0,,", "row 2: um_per_px 0: must be above 0"),
    ("images/0.png,a,nan,,", "row 2: um_per_px nan: must be a number"),
    ("images/0.png,a,,1.5,", "row 2: bar_rows 1.5: must be a whole number"),
    ("images/0.png,a,,-1,", "row 2: bar_rows -1: must be a whole number"),
    ("images/0.png,a,,,dev", "row 2: split dev: must be train, validation"),
    ("images/0.png,a,1,5,,", "row 2: has more cells than the first row"),
    (
      "images/0.png,a,,,\nimages/0.png,b,,,",
      "row 3: images/0.png is in row 2 too, and not the same",
    ),
    (
      "images/0.png,a,,,train\nimages/1.png,b,,,",
      "row 3: no split, and other rows have one",
    ),
  ],
)
def test_a_row_that_cannot_be_is_named(folder, rows, told):
  text = "file,class,um_per_px,bar_rows,split\n" + rows
  with pytest.raises(errors.UserError) as error:
    tables.read(write(folder, text))
  assert str(error.value).startswith(f"labels.csv, {told}")


def test_all_bad_rows_are_told_at_once(folder):
  text = "file,class\n" + "images/0.png,\n" * 8
  with pytest.raises(errors.UserError) as error:
    tables.read(write(folder, text))
  assert str(error.value).startswith("labels.csv, row 2: no class; row 3: no")
  assert str(error.value).endswith("row 6: no class; and 3 more rows")


@pytest.mark.parametrize(
  ("text", "told"),
  [
    ("\n", "is empty; its first row must name"),
    ("image,label\na.png,b\n", "no column is called file or class; there are"),
    ("file,class,Class\n", "row 1: two columns are called class"),
    ("x" * 200_000, "is no table: field larger"),
  ],
)
def test_what_is_no_such_table_is_refused(folder, text, told):
  with pytest.raises(errors.UserError, match=told):
    tables.read(write(folder, text))


@pytest.mark.parametrize(
  ("name", "told"),
  [
    ("old.xls", "save it as .xlsx or .csv"),
    ("broken.xlsx", "cannot be read as a workbook"),
  ],
)
def test_what_is_no_workbook_is_refused(folder, name, told):
  (folder / name).write_bytes(b"PK\3\4 no workbook")
  with pytest.raises(errors.UserError, match=told):
    tables.read(folder / name)
  assert table_cells.is_table(folder / name)


def test_without_specimens_a_folder_is_one_and_that_is_said(folder):
  save_noise(folder / "4.png", 4)
  table = tables.read(write(folder, "file,class\nimages/0.png,a\n4.png,a\n"))
  assert [e.specimen for e in table.entries] == ["a/images", "a"]
  (remark,) = table.remarks
  assert "no column is called specimen" in remark


def test_a_split_may_part_a_folder_where_no_specimens_are_named(folder):
  text = "file,class,split\n" + "".join(
    f"images/{i}.png,{'ab'[i % 2]},{('Training', 'TEST')[i // 2]}\n"
    for i in range(4)
  )
  source = sources.find("table", str(write(folder, text)))
  assert {(e.specimen, e.part) for e in source.entries} == {
    (f"{label}/{part}", part) for label in "ab" for part in ("train", "test")
  }
  torn = text.replace("split", "split,specimen").replace("\n", ",s\n")
  torn = torn.replace("specimen,s", "specimen")
  with pytest.raises(errors.UserError, match=r"a/s, b/s are in several"):
    sources.find("table", str(write(folder, torn)))


@pytest.mark.parametrize(
  ("name", "told"),
  [
    ("no.csv", "No such file"),
    (".", "is a folder, not a table"),
    ("~nobody-of-this-name/a.csv", "no such home folder"),
  ],
)
def test_a_table_that_is_not_there_is_told_in_words(folder, name, told):
  path = name if name.startswith("~") else str(folder / name)
  with pytest.raises(errors.UserError, match=told):
    sources.find("table", path)


def test_a_table_is_taken_for_one_where_a_folder_is_asked_for(folder):
  path = write(folder, SIMPLE)
  source = sources.find("folder", str(path))
  assert (source.name, source.root) == ("table", str(folder))
  assert sources.find("table", str(path)).entries == source.entries
  with pytest.raises(errors.UserError, match="1 class of images"):
    sources.find("table", str(write(folder, SIMPLE.replace(",b,", ",a,"))))


def test_what_a_table_tells_changes_the_data_set(folder):
  texts = [
    SIMPLE,
    SIMPLE.replace(",b,", ",c,"),
    SIMPLE.replace("s1", "s2"),
    "file,class,specimen,bar_rows\nimages/0.png,a,s1,5\nimages/1.png,b,s1,\n",
    "file,class,specimen,um_per_px\nimages/0.png,a,s1,5\nimages/1.png,b,s1,\n",
  ]
  digests = {
    sources.find("table", str(write(folder, text))).digest for text in texts
  }
  assert len(digests) == len(texts)


def test_bar_and_scale_that_a_table_tells_are_those_of_the_micrographs(
  folder, monkeypatch
):
  text = "file,class,bar rows,um per px\n" + "".join(
    f"images/{i}.png,{'ab'[i % 2]},{7 * i},0.5\n" for i in range(4)
  )
  monkeypatch.setattr("eanet_jax.data.cleaning.MIN_IMAGES", 2)
  source = sources.find("table", str(write(folder, text)))
  views = view_store.load(
    source,
    str(folder / "data"),
    limits=file_limits.Limits(),
    view="whole",
    image_px=32,
    tile_px=32,
  )
  for i, file in enumerate(views.files):
    told = micrographs.Told(7 * i, 0.5)
    image = micrographs.read(folder / file, told).image
    assert image.shape == (70 - 7 * i, 90)
    resized = micrographs.resize(image, 32, 32)
    assert (views.images[i, ..., 0] == resized).all()
