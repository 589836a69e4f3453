"""TIFFs of thousands of layouts: read as written, or refused with the reason.

What is right comes from the drawn samples by plain NumPy. Most files are
written byte by byte by `made_tiff`, the others by tifffile.
"""

import collections
import itertools

import made_tiff
import numpy as np
import pytest
import tifffile
from drawn_tiff import (
  HEIGHT,
  LUMA,
  WIDTH,
  drawn,
  grey_of,
  outcome,
  palette,
  write,
)
from made_files import specimen

TYPES = ("u8", "u16", "u32", "i8", "i16", "i32", "f16", "f24", "f32", "f64")
TYPES += ("u1", "u4", "u10", "u12", "u14")
COLOURS = ("grey", "grey+alpha", "RGB", "RGBA", "palette of 8", "palette of 16")
LAYOUTS = ({}, {"rows": 7}, {"tile": (16, 32)})


def layouts():
  """Yields the arguments of all combinations, some of them in turn."""
  # They are independent of the others: each comes with each in the end.
  in_turn = itertools.cycle(
    itertools.product(LAYOUTS, (1, 2), (False, True), range(5))
  )
  for kind, colours in itertools.product(TYPES, COLOURS):
    if colours.startswith("palette") and kind not in ("u1", "u4", "u8"):
      continue
    planes = (False, True) if colours[:4] not in ("grey", "pale") else (False,)
    planes = (False, True) if colours == "grey+alpha" else planes
    whites = (False, True) if colours.startswith("grey") else (False,)
    predictors = [1]
    if kind not in ("f24", "u1", "u4", "u10", "u12", "u14"):
      predictors += [2, 3] if kind[0] == "f" else [2]
    for planar, order, white_is_0, compression, predictor in itertools.product(
      planes, "<>", whites, made_tiff.COMPRESSIONS, predictors
    ):
      if predictor > 1 and compression in ("none", "packbits"):
        continue  # see test_refused
      layout, fill_order, big, pages = next(in_turn)
      how = {
        "planar": planar,
        "order": order,
        "compression": compression,
        "predictor": predictor,
        "fill_order": fill_order,
        "photometric": _photometric(colours, white_is_0),
        **layout,
      }
      yield kind, colours, how, big, pages


def _photometric(colours, white_is_0):
  if colours.startswith("grey"):
    return 0 if white_is_0 else 1
  return 3 if colours.startswith("palette") else 2


def written(kind, colours, how, big, pages):
  """The bytes of a file whose largest page is the drawn one."""
  samples = drawn(kind, colours)
  tags = {}
  if colours in ("grey+alpha", "RGBA"):
    tags[338] = 3, [2]
  if colours.startswith("palette"):
    tags[320] = 3, palette(kind, colours).ravel()
  bits = int(kind[1:])
  packed = bits if kind == "f24" or bits not in (8, 16, 32, 64) else None
  main = made_tiff.page(samples, bits=packed, tags=tags, **how)
  small = made_tiff.page(specimen(20, 24)[..., None], order=how["order"])
  mask = made_tiff.page(
    np.zeros((HEIGHT, WIDTH, 1), np.uint8),
    order=how["order"],
    tags={254: (4, [4]), 262: (3, [4])},
  )
  order = {
    0: [main],
    1: [small, main],
    2: [(small, [small, main])],  # the picture is below its thumbnail
    3: [(main, [small])],
    4: [mask, main, small],
  }[pages]
  return made_tiff.tiff(order, how["order"], big)


def test_all_layouts_are_read_as_written(tmp_path):
  path = tmp_path / "a.tif"
  found, faults = collections.Counter(), []
  for case in layouts():
    kind, colours, how, *_ = case
    path.write_bytes(written(*case))
    right = grey_of(kind, colours, how["photometric"] == 0)
    exact = colours == "grey" and kind[0] == "u" and kind != "u32"
    coarse = kind == "i8" and colours.startswith("RGB")
    said = outcome(path, right, exact, coarse)
    found[said] += 1
    faults += [case] if said != "right" else []
  assert found.keys() == {"right"}, f"{found}: {faults[:3]}"
  assert found["right"] > 3000


def test_what_tifffile_writes(tmp_path):
  path = tmp_path / "a.tif"
  found = collections.Counter()
  for kind, colours, (name, compression), order, layout in itertools.product(
    ("u8", "u16", "i16", "f32"),
    ("grey", "grey+alpha", "RGB", "RGBA"),
    {
      "none": None,
      "zlib": "zlib",
      "lzw": "lzw",
      "packbits": "packbits",
    }.items(),
    "<>",
    ({}, {"rowsperstrip": 7}, {"tile": (16, 32)}),
  ):
    for planar, predictor in itertools.product((False, True), repeat=2):
      if (planar and colours == "grey") or (
        predictor and name in "nonepackbits"
      ):
        continue
      samples = drawn(kind, colours)
      keywords = (
        {"extrasamples": ["unassalpha"]} if samples.shape[2] in (2, 4) else {}
      )
      if samples.shape[2] > 1:
        keywords["planarconfig"] = "separate" if planar else "contig"
        samples = np.moveaxis(samples, 2, 0) if planar else samples
      tifffile.imwrite(
        path,
        np.ascontiguousarray(samples),
        photometric="rgb" if colours.startswith("RGB") else "minisblack",
        compression=compression,
        predictor=predictor,
        byteorder=order,
        bigtiff=predictor,
        **keywords,
        **layout,
      )
      exact = colours == "grey" and kind[0] == "u"
      found[outcome(path, grey_of(kind, colours, False), exact)] += 1
  assert found.keys() == {"right"}, found
  assert found["right"] > 500


@pytest.mark.parametrize(
  ("colours", "how"),
  [
    ("grey", {"photometric": "minisblack"}),
    ("grey", {"photometric": "miniswhite", "rowsperstrip": 16}),
    ("grey", {"photometric": "minisblack", "tile": (16, 32)}),
    ("RGB", {"photometric": "rgb"}),
    ("RGB", {"photometric": "rgb", "tile": (16, 32), "subsampling": (2, 2)}),
    ("RGB", {"photometric": "rgb", "planarconfig": "separate"}),
  ],
)
def test_jpeg(colours, how, tmp_path):
  samples = drawn("u8", colours)
  if "planarconfig" in how:
    samples = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
  path = tmp_path / "a.tif"
  tifffile.imwrite(path, samples.squeeze(), compression="jpeg", **how)
  right = tifffile.imread(path).astype(float)  # by another decoder
  right = np.moveaxis(right, 0, 2) if "planarconfig" in how else right
  right = right @ LUMA if right.ndim == 3 else right
  right = 255 - right if how["photometric"] == "miniswhite" else right
  assert outcome(path, right, exact=False) == "right"


@pytest.mark.parametrize("compression", made_tiff.COMPRESSIONS)
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_short_segment_is_an_error(compression, planar, layout, tmp_path):
  tags, segments, tiled = made_tiff.page(
    drawn("u16", "RGB"),
    photometric=2,
    compression=compression,
    planar=planar,
    **layout,
  )
  for i in (0, len(segments) - 1):
    for share in (0.0, 0.5, 0.9):
      cut = list(segments)
      cut[i] = cut[i][: int(len(cut[i]) * share)]
      if compression == "none" and i == 0:
        continue  # what a file states of them is not looked at
      path = write(tmp_path / "a.tif", pages=[(tags, cut, tiled)])
      if compression == "none":
        end = path.read_bytes()
        path.write_bytes(end[: len(b"".join(cut)) + 8] + end[-1:])
      said = outcome(path, grey_of("u16", "RGB", False), exact=False)
      # What ends a stream may be missing, if no pixel is.
      assert said.startswith(("truncated: ", "damaged: ")) or (
        said == "right" and share == 0.9
      )
