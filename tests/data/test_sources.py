"""Which file is of which class and specimen, and what is left out."""

import collections

import pytest
from made_files import write

from eanet_jax import errors
from eanet_jax.data import sources


def table(source):
  return {e.file: (e.label, e.specimen) for e in source.entries}


# --- folder -------------------------------------------------------------------


def test_folder_is_class_specimen_image(tmp_path):
  write(
    tmp_path,
    "bainite/s1/a.tif",
    "bainite/s1/deep/er/b.png",
    "bainite/s2/a.jpg",
    "bainite/loose.bmp",
    "martensite/s1/a.TIF",
  )
  source = sources.find("folder", str(tmp_path))
  assert table(source) == {
    "bainite/loose.bmp": ("bainite", "bainite"),
    "bainite/s1/a.tif": ("bainite", "bainite/s1"),
    "bainite/s1/deep/er/b.png": ("bainite", "bainite/s1"),
    "bainite/s2/a.jpg": ("bainite", "bainite/s2"),
    "martensite/s1/a.TIF": ("martensite", "martensite/s1"),
  }
  assert source.classes == ["bainite", "martensite"]
  assert source.unmatched == ()
  assert source.root == str(tmp_path.resolve())


def test_images_right_in_class_folders_are_one_specimen_a_class(tmp_path):
  write(tmp_path, "a/1.png", "a/2.png", "b/1.png")
  source = sources.find("folder", str(tmp_path))
  assert {e.specimen for e in source.entries} == {"a", "b"}


def test_files_beside_class_folders_are_unmatched(tmp_path):
  write(tmp_path, "a/1.png", "b/1.png", "x.png", "y.tif", "notes.txt")
  source = sources.find("folder", str(tmp_path))
  assert set(table(source)) == {"a/1.png", "b/1.png"}
  assert source.unmatched == (
    "files beside the class folders (2 images)",
    "right in the folder: 1 .txt file is no image",
  )


def test_what_is_no_image_or_hidden_is_not_an_entry(tmp_path):
  write(tmp_path, "a/1.png", "a/._1.png", "a/1.hdr", "b/1.png", "b/.c/2.png")
  source = sources.find("folder", str(tmp_path))
  assert set(table(source)) == {"a/1.png", "b/1.png"}


def test_a_folder_that_cannot_be_read_is_listed(tmp_path, closed_folder):
  write(tmp_path, "a/1.png", "b/1.png", "b/closed/1.png", "x.png")
  source = sources.find("folder", str(tmp_path))
  assert set(table(source)) == {"a/1.png", "b/1.png"}
  assert source.unmatched == (
    "files beside the class folders (1 image)",
    "b/closed: this folder cannot be read",
  )


def test_entries_are_in_the_order_of_their_paths(tmp_path):
  write(tmp_path, "b/s/2.png", "a/s/10.png", "b/s/1.png", "a/r/1.png")
  files = [e.file for e in sources.find("folder", str(tmp_path)).entries]
  assert files == ["a/r/1.png", "a/s/10.png", "b/s/1.png", "b/s/2.png"]


def test_a_class_without_an_image_is_named(tmp_path):
  write(tmp_path, "a/1.png", "b/1.png", "ferrite/h1/1.webp", "pearlite/1.dm3")
  (tmp_path / "empty").mkdir()
  source = sources.find("folder", str(tmp_path))
  assert source.classes == ["a", "b"]
  assert source.unmatched == (
    "empty: no image in it can be used, it is no class",
    "ferrite: no image in it can be used, it is no class",
    "pearlite: no image in it can be used, it is no class",
    "pearlite: 1 .dm3 file cannot be read: export as TIFF",
    "ferrite/h1: 1 .webp file cannot be read: save as TIFF or PNG",
  )


def test_thumbnails_of_a_system_are_no_specimen(tmp_path):
  write(tmp_path, "a/1.png", "a/@eaDir/1.png/SYNO.jpg", "b/1.png")
  source = sources.find("folder", str(tmp_path))
  assert {e.specimen for e in source.entries} == {"a", "b"}


NFC, NFD = "H\u00e4rte", "Ha\u0308rte"


@pytest.mark.parametrize(
  ("one", "other", "name"),
  [
    (NFC, NFD, NFC),
    ("P92", "p92", "P92"),
    ("P92 ", "P92", "P92"),
    ("a  b", "a b", "a b"),
  ],
)
def test_names_that_read_the_same_are_one_class_and_one_specimen(
  tmp_path, one, other, name
):
  write(tmp_path, f"{one}/S 1/1.png", f"{one}/S 1/2.png", f"{other}/s 1/3.png")
  write(tmp_path, "z/1.png")
  source = sources.find("folder", str(tmp_path))
  assert source.classes == [name, "z"]
  own = [e for e in source.entries if e.label == name]
  assert {e.specimen for e in own} == {f"{name}/S 1"}
  assert all((tmp_path / e.file).is_file() for e in source.entries)
  of_class, of_specimen = source.remarks
  assert of_class.endswith(f"are taken as one class, {name}")
  assert of_specimen == f"'S 1', 's 1' are taken as one specimen, {name}/S 1"


def test_a_single_spelling_is_no_remark_and_is_composed(tmp_path):
  write(tmp_path, f"{NFD}/1.png", "b/1.png")
  source = sources.find("folder", str(tmp_path))
  assert source.classes == sorted([NFC, "b"])
  assert source.remarks == ()


def test_a_split_below_classes_is_said_to_be_none(tmp_path):
  write(tmp_path, "a/train/1.png", "a/Test/1.png", "b/s/1.png")
  source = sources.find("folder", str(tmp_path))
  (remark,) = source.remarks
  assert remark.startswith("folders Test, train in those of classes are taken")


# --- a split on top -----------------------------------------------------------


def test_a_split_on_top_is_no_class(tmp_path):
  write(
    tmp_path,
    "Training/a/s1/1.png",
    "Training/b/1.png",
    "val/a/s2/1.png",
    "TEST/a/s3/1.png",
    "TEST/b/1.png",
    "TEST/unsorted.png",
    "TEST/c/1.dm3",
  )
  source = sources.find("folder", str(tmp_path))
  assert {(e.file, e.specimen, e.part) for e in source.entries} == {
    ("Training/a/s1/1.png", "a/s1", "train"),
    ("Training/b/1.png", "b/train", "train"),
    ("val/a/s2/1.png", "a/s2", "validation"),
    ("TEST/a/s3/1.png", "a/s3", "test"),
    ("TEST/b/1.png", "b/test", "test"),
  }
  assert source.unmatched == (
    "TEST: files beside the class folders (1 image)",
    "TEST/c: no image in it can be used, it is no class",
    "TEST/c: 1 .dm3 file cannot be read: export as TIFF",
  )


@pytest.mark.parametrize(
  ("files", "told"),
  [
    (("train/a/s/1.png", "train/b/s/1.png"), "no image .* part test: add"),
    (("test/a/s/1.png", "test/b/s/1.png"), "no image .* part train: add"),
    (
      ("train/a/s/1.png", "train/b/t/1.png", "test/a/S/2.png"),
      "near-copies: a/.* is in several. Move",
    ),
    (("train/a/1.png", "test/a/1.png", "P92/1.png"), "P92 beside them"),
  ],
)
def test_a_split_that_is_none_is_refused_with_what_to_do(tmp_path, files, told):
  with pytest.raises(errors.UserError, match=told):
    sources.find("folder", str(write(tmp_path, *files)))


# --- the published 9-12 % Cr set ----------------------------------------------

NINE_CR = (
  "set/CPJ/CPJ7/a.tif",
  "set/CPJ/CPJ-8A/a.tif",
  "set/CPJ/CPJ-8A/SEM/x2000/b.tif",
  "set/CPJ/CPJ12/a.tif",
  "set/CPJ/CPJ-7B/a.tif",
  "set/HR/HR52-B/a.tif",
  "set/HR/HR66/a.tif",
  "set/P92/a.tif",
  "set/P92/P92LBN/a.tif",
  "set/P92/P92HBN/a.tif",
  "set/TAF/a.tif",
  "set/TAF/b.tif",
  "set/Tensile data/curve.png",
  "set/CPJ/overview.tif",
)


def test_nine_cr_families_and_specimens(tmp_path):
  source = sources.find("nine_cr", str(write(tmp_path, *NINE_CR)))
  specimens = collections.defaultdict(set)
  for entry in source.entries:
    specimens[entry.label].add(entry.specimen)
  assert specimens == {
    "CPJ": {"CPJ7", "CPJ-8A", "CPJ12", "CPJ-7B"},
    "HR": {"HR52-B", "HR66"},
    "P92": {"P92", "P92LBN", "P92HBN"},
  }
  assert source.classes == ["CPJ", "HR", "P92"]


def test_nine_cr_goes_by_the_innermost_folder(tmp_path):
  source = sources.find("nine_cr", str(write(tmp_path, *NINE_CR)))
  assert table(source)["set/P92/P92LBN/a.tif"] == ("P92", "P92LBN")
  assert table(source)["set/P92/a.tif"] == ("P92", "P92")
  deep = table(source)["set/CPJ/CPJ-8A/SEM/x2000/b.tif"]
  assert deep == ("CPJ", "CPJ-8A")


def test_nine_cr_lists_what_it_leaves_out_with_counts(tmp_path):
  source = sources.find("nine_cr", str(write(tmp_path, *NINE_CR)))
  assert source.unmatched == (
    "set/CPJ: not named like an alloy of the set (1 image)",
    "set/TAF: TAF is of none of the families (2 images)",
    "set/Tensile data: not named like an alloy of the set (1 image)",
  )
  assert len(source.entries) == len(NINE_CR) - 4


def test_nine_cr_folders_of_one_alloy_in_two_places_are_one_specimen(tmp_path):
  write(tmp_path, "one/CPJ7/a.tif", "two/HR66/a.tif", "two/cpj7/a.tif")
  source = sources.find("nine_cr", str(tmp_path))
  assert [e.specimen for e in source.entries] == ["CPJ7", "HR66", "CPJ7"]


# --- unlabelled ---------------------------------------------------------------


def test_unlabelled_images_are_of_one_class_and_a_folder_is_a_specimen(
  tmp_path,
):
  write(tmp_path, "x.png", "a/1.png", "a/b/2.tif", "notes.txt")
  source = sources.find("unlabelled", str(tmp_path))
  assert table(source) == {
    "x.png": ("unlabelled", "."),
    "a/1.png": ("unlabelled", "a"),
    "a/b/2.tif": ("unlabelled", "a/b"),
  }


def test_no_unlabelled_image_is_refused(tmp_path):
  write(tmp_path, "notes.txt")
  with pytest.raises(errors.UserError, match="found no images"):
    sources.find("unlabelled", str(tmp_path))


@pytest.mark.parametrize(
  "name", ["CPJ", "XCPJ7", "CPJ7 old", "P921", "HR", "92"]
)
def test_nine_cr_matches_nothing_by_likeness(tmp_path, name):
  write(tmp_path, "CPJ7/a.tif", "HR66/a.tif", f"{name}/a.tif")
  source = sources.find("nine_cr", str(tmp_path))
  assert set(table(source)) == {"CPJ7/a.tif", "HR66/a.tif"}
  assert source.unmatched == (
    f"{name}: not named like an alloy of the set (1 image)",
  )


# --- what is asked for wrongly ------------------------------------------------


@pytest.mark.parametrize("name", ["folder", "nine_cr"])
def test_missing_path_is_refused(name):
  with pytest.raises(errors.UserError, match=r"--config\.dataset\.path="):
    sources.find(name)


@pytest.mark.parametrize("name", ["folder", "nine_cr"])
def test_missing_folder_is_refused(tmp_path, name):
  with pytest.raises(errors.UserError, match="no such folder"):
    sources.find(name, str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
  ("path", "why"),
  [
    ("~nobody-of-this-name/set", "there is no such home folder"),
    ("n" * 300, "cannot be read: File name too long"),
  ],
)
def test_a_folder_that_cannot_be_looked_for_is_refused_in_words(path, why):
  with pytest.raises(errors.UserError) as error:
    sources.find("folder", path)
  assert str(error.value) == f"dataset.path={path}: {why}"


@pytest.mark.parametrize(
  ("name", "layout"),
  [("folder", "<class>/<specimen>/"), ("nine_cr", "CPJ7, HR52-B, P92")],
)
@pytest.mark.parametrize(
  ("files", "found"),
  [((), "0 classes"), (("CPJ7/a.tif", "CPJ7/b.tif"), "1 class")],
)
def test_fewer_than_2_classes_are_refused(tmp_path, name, layout, files, found):
  with pytest.raises(errors.UserError) as error:
    sources.find(name, str(write(tmp_path, *files)))
  assert f"found {found} of images" in str(error.value)
  assert layout in str(error.value)


@pytest.mark.parametrize(
  ("files", "told"),
  [
    (
      ("set/P92/s/1.png", "set/HR/s/1.png", "readme.md"),
      r"there are: set/ \(2 folders, 2 images\), readme.md.*If HR, P92 are the"
      r" classes, name the folder .*set",
    ),
    (("1.png", "set.csv"), r"If the classes stand in set.csv, name that file"),
    (("1.png", "2.png"), r"there are: 1.png, 2.png; left out: files beside"),
    ((), "there are: nothing"),
    (("P92\\s1\\1.png", "HR\\s1\\1.png"), "with backslashes as in .*: unpack"),
  ],
)
def test_wrong_depth_shows_what_lies_there_and_what_to_do(
  tmp_path, files, told
):
  with pytest.raises(errors.UserError, match=told):
    sources.find("folder", str(write(tmp_path, *files)))


def test_names_that_hold_folders_are_no_images_of_a_class(tmp_path):
  write(tmp_path, "a/1.png", "b/1.png", "b/s1\\2.png")
  source = sources.find("folder", str(tmp_path))
  assert len(source.entries) == 2
  (line,) = source.unmatched
  assert "backslashes" in line


def test_unknown_source_is_refused_with_the_names_there_are():
  with pytest.raises(errors.UserError) as error:
    sources.find("nine-cr")
  for name in ("'nine-cr'", *sources.NAMES):
    assert name in str(error.value)


# --- the drawn set ------------------------------------------------------------


def test_synthetic_has_732_entries_of_3_classes():
  source = sources.find("synthetic")
  counts = collections.Counter(e.label for e in source.entries)
  assert counts == {"CPJ": 300, "HR": 244, "P92": 188}
  assert len({e.file for e in source.entries}) == 732
  first = source.entries[0]
  assert (first.file, first.index) == ("CPJ-1_000", 0)
  assert source.root == ""
  assert source.unmatched == ()


def test_synthetic_digest_changes_with_seed_and_images():
  digests = {
    sources.find("synthetic", seed=seed, images_per_specimen=count).digest
    for seed in (0, 1)
    for count in (0, 2)
  }
  assert len(digests) == 4


def test_images_per_specimen_keeps_the_first_of_each():
  whole = sources.find("synthetic").entries
  source = sources.find("synthetic", images_per_specimen=2)
  assert source.entries == tuple(e for e in whole if e.index < 2)
  counts = collections.Counter(e.specimen for e in source.entries)
  assert len(counts) == 28
  assert set(counts.values()) == {2}


def test_images_per_specimen_of_a_folder_keeps_smaller_specimens_whole(
  tmp_path,
):
  write(tmp_path, "a/s/1.png", "a/s/2.png", "a/s/3.png", "a/t/1.png")
  write(tmp_path, "b/s/1.png")
  source = sources.find("folder", str(tmp_path), images_per_specimen=2)
  assert list(table(source)) == [
    "a/s/1.png",
    "a/s/2.png",
    "a/t/1.png",
    "b/s/1.png",
  ]
