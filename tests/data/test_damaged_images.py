"""Damaged images give a micrograph or a reason, and end no process."""

import io
import warnings
from unittest import mock

import hypothesis
import numpy as np
import pytest
import tifffile
from hypothesis import strategies as st
from made_files import (
  fei,
  specimen,
)
from PIL import Image

from eanet_jax.data import (
  file_limits,
  file_readers,
  image_files,
  micrographs,
)


def small_files():
  grey = specimen(40, 48)
  files = []
  for kind, keywords in (
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw", "tiffinfo": {278: 8}}),
    ("TIFF", {"compression": "jpeg"}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"restart_marker_blocks": 3}),
  ):
    for mode in ("L", "RGB"):
      file = io.BytesIO()
      Image.fromarray(grey).convert(mode).save(file, kind, **keywords)
      files.append(file.getvalue())
  for dtype in ("uint16", "float32", "float64"):
    for layout in ({}, {"tile": (16, 32), "compression": "zlib"}):
      file = io.BytesIO()
      tag = (34682, "s", 0, fei(48, 36, 0.1), True)
      image = grey.astype(dtype)
      tifffile.imwrite(file, image, extratags=[tag], **layout)
      files.append(file.getvalue())
  return files


SMALL_FILES = small_files()


@st.composite
def damaged(draw):
  """The bytes of an image file, some of them changed, or its end missing."""
  content = bytearray(draw(st.sampled_from(SMALL_FILES)))
  places = st.one_of(st.integers(0, 300), st.integers(0, len(content) - 1))
  changes = st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)
  for place, value in draw(changes):
    content[min(place, len(content) - 1)] = value
  return bytes(content[: draw(st.none() | st.integers(0, len(content)))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("damaged")


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(content=damaged(), in_bands=st.booleans())
def test_damage_gives_a_micrograph_or_a_reason(folder, content, in_bands):
  path = folder / "damaged.tif"
  path.write_bytes(content)
  whole_px = 0 if in_bands else image_files._WHOLE_PX
  with (
    warnings.catch_warnings(),
    mock.patch.object(image_files, "_WHOLE_PX", whole_px),
    mock.patch.object(image_files, "_BAND_PX", 300),
  ):
    warnings.simplefilter("ignore")
    check_read(micrographs.read, path)


@pytest.fixture(scope="module")
def readers():
  with file_readers.Readers(file_limits.Limits(gb=0.2, s=5)) as readers:
    yield readers


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(content=damaged())
def test_damage_ends_no_process(folder, readers, content):
  path = folder / "in_a_process.tif"
  path.write_bytes(content)
  error = check_read(readers.read, path)
  assert "crashed" not in error


def check_read(read, path) -> str:
  """Reads a file; returns why it cannot be used, "" if it can."""
  try:
    micrograph = read(path)
  except micrographs.MicrographError as error:
    assert str(error)
    assert "\n" not in str(error)
    return str(error)
  assert micrograph.image.dtype == np.uint8
  return ""
