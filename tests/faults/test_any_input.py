"""Any input at all: it is taken, or it is the one kind of error that is told.

Images, the files beside them, tables, JSON and fields of the command line, as a
damaged disk or somebody who means ill may leave them.
"""

import copy
import io
import json

import numpy as np
import pytest
import tifffile
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import fei, specimen
from PIL import Image

from eanet_jax import errors
from eanet_jax.commands import set_fields, training_job
from eanet_jax.configuration import command_line, config_tree
from eanet_jax.data import bar_and_scale, micrographs
from eanet_jax.workdir import config_json, history_csv, predictions_csv

many = settings(
  max_examples=100,
  deadline=None,
  derandomize=True,  # a build does not depend on luck
  suppress_health_check=list(HealthCheck),
)


def encoded(kind):
  """A small image as the bytes of a file."""
  image, file = specimen(48, 40), io.BytesIO()
  if kind == "fei.tif":
    tags = [(34682, "s", 0, fei(40, 40, 0.01), True)]
    tifffile.imwrite(file, image.astype(np.uint16) * 257, extratags=tags)
  elif kind == "lzw.tif":
    Image.fromarray(image).save(file, "TIFF", compression="tiff_lzw")
  elif kind == "pages.tif":
    tifffile.imwrite(file, np.stack([image, image]), photometric="minisblack")
  else:
    picture = Image.fromarray(image)
    if kind in ("gif", "webp"):
      picture = picture.convert("P" if kind == "gif" else "RGB")
    picture.save(file, {"jpg": "JPEG"}.get(kind, kind.upper()))
  return file.getvalue()


# Where in the file, by share; what is there then: other bytes, or its end.
CHANGES = st.lists(
  st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.binary(min_size=1, max_size=4) | st.none(),
    st.booleans(),
  ),
  min_size=1,
  max_size=6,
)


def changed(content, changes, header=96):
  """Bytes with changes; half of them are near the start, where sizes are."""
  for share, there, near in changes:
    at = int(share * (min(header, len(content)) if near else len(content)))
    content = content[:at] + (
      b"" if there is None else there + content[at + len(there) :]
    )
  return content


@pytest.mark.parametrize(
  "kind", ["png", "bmp", "jpg", "gif", "fei.tif", "lzw.tif", "pages.tif"]
)
@many
@given(changes=CHANGES)
def test_an_image_file(tmp_path_factory, kind, changes):
  path = tmp_path_factory.getbasetemp() / f"image.{kind}"
  path.write_bytes(changed(encoded(kind), changes))
  try:
    found = micrographs.read(path)
  except micrographs.MicrographError as error:
    assert "\n" not in str(error)
  else:
    assert found.image.dtype == np.uint8
    assert found.image.ndim == 2


NUMBERS = st.sampled_from(
  ["1", "0", "-1", "nan", "inf", "-inf", "1e999", "1e-999", "9" * 5000, "", "x"]
)
LINES = st.sampled_from(
  [
    "[Image]",
    "[Scan]",
    "[SemImageFile]",
    "ResolutionX=",
    "ResolutionY=",
    "PixelWidth=",
    "PixelSizeX=",
    "PixelSize=",
    "ImageStripSize=",
    "DatabarHeight=",
    "$CM_FULL_SIZE ",
    "$$SM_MICRON_BAR ",
    "$$SM_MICRON_MARKER ",
    "DataSize=",
  ]
)
BESIDE = st.lists(
  st.tuples(LINES, NUMBERS, NUMBERS) | st.text(max_size=20), max_size=12
).map(lambda lines: "\r\n".join("".join(line) for line in lines))


@many
@given(
  text=BESIDE | st.binary(max_size=200),
  tag=BESIDE | st.binary(max_size=200) | st.integers() | st.none(),
)
def test_what_a_microscope_wrote(tmp_path_factory, text, tag):
  path = tmp_path_factory.getbasetemp() / "image.tif"
  content = text.encode("utf-8", "replace") if isinstance(text, str) else text
  for suffix in (".txt", ".hdr"):
    path.with_suffix(suffix).write_bytes(content)
  tags = dict.fromkeys((34682, 34680, 34683, 34118, 50431), tag)
  found = bar_and_scale.find(path, tags, specimen(48, 40))
  assert 0 <= found.bar_rows < 48
  assert found.um_per_px is None or 0 < found.um_per_px < 1e4


ROWS = st.lists(st.lists(NUMBERS | st.text(max_size=4), max_size=9), max_size=4)


@many
@given(rows=ROWS, whole=st.booleans(), raw=st.binary(max_size=80))
def test_a_table_of_a_workdir(tmp_path_factory, rows, whole, raw):
  workdir = tmp_path_factory.getbasetemp()
  for name, columns, read in (
    ("history.csv", history_csv.COLUMNS, lambda: history_csv.read(workdir)),
    (
      "test_predictions.csv",
      ("file", "specimen", "true", "predicted", "1", "x"),
      lambda: predictions_csv.read_test(workdir, ["1", "x"]),
    ),
  ):
    lines = [columns, *rows] if whole else rows
    text = "\n".join(",".join(line) for line in lines)
    (workdir / name).write_bytes(text.encode("utf-8", "replace") + raw)
    try:
      read()
    except errors.UserError as error:
      assert name in str(error)


DEFAULT = command_line.load(str(ROOT / "configs" / "default.py"))
ANY_JSON = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(
      st.sampled_from(["train", "model", "epochs", "x"]), inner, max_size=3
    )
  ),
  max_leaves=6,
)


@many
@given(value=ANY_JSON, end=st.sampled_from(["", "}", "\x00", "[" * 99_999]))
def test_a_configuration_of_a_workdir(tmp_path_factory, value, end):
  workdir = tmp_path_factory.getbasetemp()
  (workdir / config_json.FILE).write_text(json.dumps(value) + end)
  with pytest.raises(errors.UserError, match=r"config\.json"):
    config_json.check_same(workdir, DEFAULT)


FIELDS = sorted(config_tree.flatten(DEFAULT.to_dict()))
VALUES = (
  NUMBERS
  | st.text(max_size=8)
  | st.integers().map(str)
  | st.floats().map(str)
  | st.sampled_from(["None", "True", "()", "('a',)", "(1, (2,))", "{}", "0.0"])
  | st.sampled_from(["__import__('os')", "'", "\\", "\x00", "a=b", "10**9**9"])
)


@many
@given(st.lists(st.tuples(st.sampled_from(FIELDS), VALUES), max_size=3))
def test_fields_of_the_command_line(given_fields):
  config = copy.deepcopy(DEFAULT)
  try:
    config = set_fields.apply(config, [f"{k}={v}" for k, v in given_fields])
    training_job.check(config)
  except errors.UserError as error:
    assert str(error)
