"""TIFFs of thousands of layouts: read as written, or refused with the reason.

What is right comes from the drawn samples by plain NumPy. Most files are
written byte by byte by `made_tiff`, the others by tifffile.
"""

import collections
import functools
import itertools
import re

import made_tiff
import numpy as np
import pytest
import tifffile
from made_files import reason, specimen

from eanet_jax.data import micrographs

HEIGHT, WIDTH = 40, 48
TYPES = ("u8", "u16", "u32", "i8", "i16", "i32", "f16", "f24", "f32", "f64")
TYPES += ("u1", "u4", "u10", "u12", "u14")
COLOURS = ("grey", "grey+alpha", "RGB", "RGBA", "palette of 8", "palette of 16")
LAYOUTS = ({}, {"rows": 7}, {"tile": (16, 32)})
NO_BAR = micrographs.Told(bar_rows=0)
LUMA = np.array([0.299, 0.587, 0.114])


@functools.cache
def drawn(kind, colours):
  """Samples (y, x, c) of all levels that there are, of a suitable dtype."""
  letter, bits = kind[0], int(kind[1:])
  count = {"grey": 1, "grey+alpha": 2, "RGB": 3, "RGBA": 4}.get(colours, 1)
  unit = np.stack(
    [specimen(HEIGHT, WIDTH, seed) / 255 for seed in range(count)], axis=2
  )
  if letter == "f":
    samples = unit * 3 - (0 if "A" in colours or "alpha" in colours else 1)
    dtype = np.dtype(f"f{4 if bits == 24 else bits // 8}")
    samples = samples.astype(dtype)
    if count in (2, 4):
      samples[:, :, -1] = unit[:, :, -1]
    if bits == 24:  # what it can hold
      samples = (samples.view(np.uint32) & 0xFFFFFF80).view(np.float32)
    return samples
  full = (1 << bits) - 1
  samples = np.rint(unit * full)
  if letter == "i":
    samples -= 1 << (bits - 1)
    if count in (2, 4):
      samples[:, :, -1] = np.rint(unit[:, :, -1] * (full >> 1))
  size = next(size for size in (8, 16, 32) if size >= bits)
  return samples.astype(f"{letter}{size // 8}")


@functools.cache
def palette(kind, colours):
  """Entries (3, levels) of 8 or 16 bits."""
  top = 256 if colours == "palette of 8" else 1 << 16
  rng = np.random.default_rng(5)
  table = rng.integers(0, top, (3, 1 << int(kind[1:])))
  table[:, -1] = top - 1
  return table


@functools.cache
def grey_of(kind, colours, white_is_0):
  """The right levels, 0 to 255, as floats (y, x)."""
  letter, bits = kind[0], int(kind[1:])
  samples = drawn(kind, colours)
  values = samples.astype(np.float64)
  full = float((1 << bits) - 1)
  if colours.startswith("palette"):
    values = np.moveaxis(palette(kind, colours)[:, samples[:, :, 0]], 0, 2)
    letter, bits = "u", 8 if colours == "palette of 8" else 16
  grey = values[:, :, :3] @ LUMA if values.shape[2] > 2 else values[:, :, 0]
  if letter == "u" and bits < 32:
    full = float((1 << bits) - 1)
    grey = full - grey if white_is_0 else grey
    scale = lambda grey: (
      np.floor(grey / 2 ** (bits - 8)) if bits >= 8 else grey * 255 / full
    )
  else:
    shown = values[:, :, -1] > 0 if colours in ("grey+alpha", "RGBA") else True
    low = grey.min(where=shown, initial=np.inf)
    high = grey.max(where=shown, initial=-np.inf)
    grey = (grey - low) * 255 / (high - low)
    grey = 255 - grey if white_is_0 else grey
    scale = lambda grey: grey
  if colours in ("grey+alpha", "RGBA"):
    opaque = {"u": full, "f": 1.0, "i": float((1 << (bits - 1)) - 1)}[letter]
    grey = grey * values[:, :, -1] / opaque
  return scale(grey)


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


def outcome(path, right, exact, coarse=False):
  """Returns "right", "wrong", or why it is refused."""
  try:
    image = micrographs.read(path, NO_BAR).image
  except micrographs.MicrographError as error:
    return str(error)
  # Rounding alone: whole grey numbers of a known depth are exact. Few levels of
  # colours become grey among themselves before they are stretched.
  limit = 0.5 if exact else 1.6 if coarse else 1.01
  off = np.abs(image - right).max() if image.shape == right.shape else 255
  return "right" if off <= limit else "wrong"


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


def write(path, samples=None, pages=None, **how):
  """Writes one page, or those given."""
  samples = drawn("u8", "grey") if samples is None else samples
  pages = pages or [made_tiff.page(samples, **how)]
  path.write_bytes(made_tiff.tiff(pages, how.get("order", "<")))
  return path


@pytest.mark.parametrize(
  ("said", "how"),
  [
    ("predictor that its compression lacks", {"predictor": 2}),
    (
      "predictor that its compression lacks",
      {"predictor": 2, "compression": "packbits"},
    ),
    (r"rare predictor \(7\)", {"compression": "lzw", "tags": {317: (3, [7])}}),
    (r"rare predictor \(3\)", {"compression": "lzw", "tags": {317: (3, [3])}}),
    ("complex numbers", {"tags": {339: (3, [6])}}),
    ("complex numbers", {"tags": {339: (3, [5])}}),
    (r"rare kind \(8 bits\)", {"tags": {339: (3, [3])}}),
    (r"rare kind \(48 bits\)", {"tags": {258: (3, [48])}}),
    ("compressed by JPEG 2000", {"tags": {259: (3, [34712])}}),
    ("compressed by old-style JPEG", {"tags": {259: (3, [6])}}),
    ("compressed by WebP", {"tags": {259: (3, [50001])}}),
    (r"a rare method \(99\)", {"tags": {259: (3, [99])}}),
    ("JPEG of 12 bits", {"tags": {259: (3, [7]), 258: (3, [12])}}),
    ("CIELab colours", {"tags": {262: (3, [8])}}),
    ("raw data of a colour sensor", {"tags": {262: (3, [32803])}}),
    (r"an unknown kind \(77\)", {"tags": {262: (3, [77])}}),
    ("3 colours with 1 channels", {"tags": {262: (3, [2])}}),
    ("palette of the TIFF is not whole", {"tags": {262: (3, [3])}}),
    ("tag 262 of the TIFF is text", {"tags": {262: (2, b"")}}),
    ("a TIFF of 0 channels", {"tags": {277: (3, [0])}}),
  ],
)
def test_refused(said, how, tmp_path):
  assert re.search(said, reason(write(tmp_path / "a.tif", **how)))


COLOURED = drawn("u8", "RGB")


@pytest.mark.parametrize(
  ("said", "count", "tags"),
  [
    ("channels have different bits", 3, {258: (3, [5, 6, 5])}),
    ("channels have different kinds", 3, {339: (3, [1, 1, 3])}),
    ("subsampled YCbCr colours without JPEG", 3, {262: (3, [6])}),
    (
      "unusual YCbCr",
      3,
      {
        262: (3, [6]),
        530: (3, [1, 1]),
        532: (5, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1]),
      },
    ),
    ("4 colours with 3 channels", 3, {262: (3, [5])}),
    ("unusual printing inks", 4, {262: (3, [5]), 332: (3, [2])}),
    ("premultiplied alpha whose 0 is white", 2, {262: (3, [0]), 338: (3, [1])}),
  ],
)
def test_colours_that_are_refused(said, count, tags, tmp_path):
  samples = np.concatenate([COLOURED, COLOURED], axis=2)[:, :, :count]
  assert said in reason(write(tmp_path / "a.tif", samples, tags=tags))


@pytest.mark.parametrize("kind", ["u8", "u16"])
@pytest.mark.parametrize("planar", [False, True])
def test_printing_inks(kind, planar, tmp_path):
  full = 255 if kind == "u8" else 65535
  inks = drawn(kind, "RGBA")
  paper = 1 - inks.astype(float) / full
  right = (paper[:, :, :3] * paper[:, :, 3:]) @ LUMA * 255
  path = write(tmp_path / "a.tif", inks, photometric=5, planar=planar)
  assert outcome(path, right, exact=False) == "right"


def test_ycbcr_that_is_not_subsampled(tmp_path):
  tags = {530: (3, [1, 1])}
  path = write(tmp_path / "a.tif", COLOURED, photometric=6, tags=tags)
  assert outcome(path, COLOURED[:, :, 0], exact=True) == "right"


def test_premultiplied_alpha_lies_on_black_already(tmp_path):
  samples = drawn("u8", "grey+alpha")
  path = write(tmp_path / "a.tif", samples, tags={338: (3, [1])})
  assert outcome(path, samples[:, :, 0], exact=True) == "right"


def test_alpha_of_12_bits_in_16(tmp_path):
  samples = drawn("u12", "grey+alpha").astype(np.uint16)
  for photometric in (0, 1):
    path = tmp_path / "a.tif"
    write(path, samples, photometric=photometric, tags={338: (3, [2])})
    right = grey_of("u12", "grey+alpha", photometric == 0)
    assert outcome(path, right, exact=False) == "right"
    assert micrographs.read(path).levels.startswith("12 of 16 bits")


def test_the_brightest_colour_sets_the_depth(tmp_path):
  samples = drawn("u12", "RGB").astype(np.uint16)
  samples[:, :, 1:] //= 16  # their grey has 11 bits
  path = write(tmp_path / "a.tif", samples, photometric=2)
  right = samples.astype(float) @ LUMA / 16
  assert outcome(path, right, exact=False) == "right"


def test_a_channel_of_unknown_meaning_is_told(tmp_path):
  samples = drawn("u8", "RGBA")
  path = write(tmp_path / "a.tif", samples, photometric=2, tags={338: (3, [0])})
  micrograph = micrographs.read(path, NO_BAR)
  right = grey_of("u8", "RGB", False)
  assert np.abs(micrograph.image - right).max() <= 1
  assert micrograph.remarks == ("1 channel of unknown meaning: not looked at",)


def test_the_first_of_the_largest_pages_is_used_and_told(tmp_path):
  main, other = (
    made_tiff.page(specimen(HEIGHT, WIDTH, seed)[..., None]) for seed in (0, 1)
  )
  small = made_tiff.page(specimen(20, 24)[..., None])
  path = tmp_path / "a.tif"
  for pages, said in (
    ([main], ()),
    ([small, main], ()),
    ([(small, [main])], ()),
    ([main, other, small], ("2 pages of this size: the first is used",)),
    (
      [(small, [main, other]), other],
      ("3 pages of this size: the first is used",),
    ),
  ):
    micrograph = micrographs.read(write(path, pages=pages), NO_BAR)
    np.testing.assert_array_equal(micrograph.image, specimen(HEIGHT, WIDTH))
    assert micrograph.remarks == said


def test_pages_in_a_ring_end(tmp_path):
  path = write(tmp_path / "a.tif")
  content = bytearray(path.read_bytes())
  content[-4:] = content[4:8]  # the next page is this one
  path.write_bytes(content)
  assert not micrographs.read(path, NO_BAR).remarks


def test_a_page_that_cannot_be_found_is_told(tmp_path):
  path = write(tmp_path / "a.tif")
  path.write_bytes(path.read_bytes()[:-4] + b"\xff\xff\xff\x7f")
  micrograph = micrographs.read(path, NO_BAR)
  assert micrograph.remarks == ("only the first page can be found",)


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
