"""One file to one clean grey image: formats, scales, bars, damage."""

import io
import logging
import os
import pathlib
import subprocess
import sys
import warnings

import hypothesis
import numpy as np
import pytest
import tifffile
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from eanet_jax.data import micrographs, synthetic

VENDOR = pathlib.Path(__file__).parents[2] / "shared" / "data" / "vendor"
BAINITE = VENDOR.parent / "bainite_martensite"
HEIGHT, WIDTH = 160, 200


def specimen(height=HEIGHT, width=WIDTH, seed=0, mean=110.0, spread=30.0):
  rng = np.random.default_rng(seed)
  levels = rng.normal(mean, spread, (height, width))
  # Level 0 and 255 occur, so that no format gets away with a stretch.
  levels[0, :2] = -1e3, 1e3
  return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def panel(rows=24, width=WIDTH, level=0, ink=255):
  picture = Image.new("L", (width, rows), level)
  draw = ImageDraw.Draw(picture)
  draw.text((4, rows // 2 - 6), "15 kV x2000", fill=ink)
  draw.rectangle((width - 80, rows - 6, width - 10, rows - 5), fill=ink)
  draw.rectangle((0, 0, width, 1), fill=255)
  return np.asarray(picture)


def with_bar(rows=24, **keywords):
  return np.concatenate([specimen(), panel(rows, **keywords)])


def save(path, image, **keywords):
  Image.fromarray(image).save(path, **keywords)
  return path


def save_tiff(path, image, tags=(), **keywords):
  """Writes a TIFF; tags is [(number, text)]."""
  extratags = [(code, "s", 0, text, True) for code, text in tags]
  tifffile.imwrite(path, image, extratags=extratags, **keywords)
  return path


def jpeg(image, quality):
  file = io.BytesIO()
  Image.fromarray(image).save(file, "JPEG", quality=quality)
  return np.asarray(Image.open(file))


# --- grey levels --------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.bmp", "a.png", "a.tif", "a.TIFF"])
def test_8_bit_grey_is_kept(tmp_path, name):
  micrograph = micrographs.read(save(tmp_path / name, with_bar()))
  np.testing.assert_array_equal(micrograph.image, specimen())
  assert micrograph.image.dtype == np.uint8
  assert micrograph.crop_rows == 24
  assert micrograph.um_per_px is None


def test_jpeg(tmp_path):
  path = save(tmp_path / "a.jpg", with_bar(), quality=90)
  assert abs(micrographs.read(path).crop_rows - 24) <= 2


@pytest.mark.parametrize("factor", [256, 257])
@pytest.mark.parametrize("kind", ["png", "little", "big"])
def test_16_bits_give_the_8_bit_original(tmp_path, kind, factor):
  wide = with_bar().astype(np.uint16) * factor
  if kind == "png":
    path = save(tmp_path / "a.png", wide)
  else:
    order = "<" if kind == "little" else ">"
    path = save_tiff(tmp_path / "a.tif", wide, byteorder=order)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_12_bits_in_16(tmp_path):
  path = save(tmp_path / "a.png", specimen().astype(np.uint16) * 16)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_dark_16_bits_stay_dark(tmp_path):
  dark = specimen().astype(np.uint16) * 64  # 14 bits
  path = save(tmp_path / "a.png", dark)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen() // 4)


def test_stated_depth(tmp_path):
  path = tmp_path / "a.tif"
  wide = specimen().astype(np.uint16) * 64
  tag = (281, "H", 1, (1 << 14) - 1, True)
  tifffile.imwrite(path, wide, extratags=[tag])
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_min_is_white(tmp_path, dtype, order):
  grey = specimen()
  stored = (255 - grey).astype(dtype)
  if dtype == "uint16":
    stored *= 257
  path = tmp_path / "a.tif"
  save_tiff(path, stored, photometric="miniswhite", byteorder=order)
  np.testing.assert_array_equal(micrographs.read(path).image, grey)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint32"])
def test_no_full_scale_takes_the_specimen_extremes(tmp_path, dtype):
  values = specimen().astype(dtype) * 1000 + 70_000
  path = save_tiff(tmp_path / "a.tif", values)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_uint32_above_the_signed_range(tmp_path):
  values = specimen().astype(np.uint32) << 24
  path = save_tiff(tmp_path / "a.tif", values)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


def test_the_bar_does_not_scale_floats(tmp_path):
  bright_bar = panel(level=0, ink=255).astype(np.float32) * 4
  values = np.concatenate([specimen().astype(np.float32), bright_bar])
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", values))
  assert micrograph.crop_rows == 24
  np.testing.assert_array_equal(micrograph.image, specimen())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(tmp_path, bad):
  values = specimen().astype(np.float32)
  values[3, 4] = bad
  path = save_tiff(tmp_path / "a.tif", values)
  with pytest.raises(micrographs.MicrographError, match="not finite"):
    micrographs.read(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_grey_in_colour_clothes(tmp_path, mode):
  suffix = "tif" if mode == "CMYK" else "png"
  picture = Image.fromarray(specimen()).convert("RGB" if mode != "P" else "L")
  picture.convert(mode).save(tmp_path / f"a.{suffix}")
  image = micrographs.read(tmp_path / f"a.{suffix}").image
  np.testing.assert_allclose(image, specimen(), atol=1)


def test_luma(tmp_path):
  rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
  rgb[:50, :, 0] = rgb[50:90, :, 1] = rgb[90:, :, 2] = 255
  image = micrographs.read(save(tmp_path / "a.png", rgb)).image
  assert image[:, 0].tolist() == [76] * 50 + [150] * 40 + [29] * 70


def test_palette_is_looked_up(tmp_path):
  palette = np.repeat(np.arange(256)[::-1, None], 3, axis=1)
  picture = Image.fromarray(specimen())
  picture.putpalette(palette.astype(np.uint8).ravel().tolist())
  picture.save(tmp_path / "a.tif")
  image = micrographs.read(tmp_path / "a.tif").image
  np.testing.assert_array_equal(image, 255 - specimen())


def test_transparent_is_black_but_unused_alpha_is_ignored(tmp_path):
  rgba = np.repeat(specimen()[:, :, None], 4, axis=2)
  rgba[..., 3] = 0
  unused = micrographs.read(save(tmp_path / "a.png", rgba)).image
  np.testing.assert_array_equal(unused, specimen())
  rgba[..., 3] = 255
  rgba[20:40, 20:40, 3] = 0
  holed = micrographs.read(save(tmp_path / "a.png", rgba)).image
  assert not holed[20:40, 20:40].any()
  np.testing.assert_array_equal(holed[40:], specimen()[40:])


def test_transparent_palette_entry(tmp_path):
  picture = Image.fromarray(specimen()).convert("P")
  picture.save(tmp_path / "a.png", transparency=110)
  image = micrographs.read(tmp_path / "a.png").image
  expected = np.where(specimen() == 110, 0, specimen())
  np.testing.assert_array_equal(image, expected)


def test_1_bit(tmp_path):
  bits = specimen() > 110
  Image.fromarray(bits).save(tmp_path / "a.tif")
  micrograph = micrographs.read(tmp_path / "a.tif")
  np.testing.assert_array_equal(micrograph.image, bits * np.uint8(255))


def test_largest_page_is_read(tmp_path):
  with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
    tiff.write(specimen(40, 50))
    tiff.write(with_bar())
    tiff.write(255 - with_bar())
  image = micrographs.read(tmp_path / "a.tif").image
  np.testing.assert_array_equal(image, specimen())


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_orientation_is_obeyed(tmp_path, suffix):
  exif = Image.Exif()
  exif[0x0112] = 3  # stored upside down
  path = tmp_path / f"a.{suffix}"
  save(path, np.rot90(with_bar(), 2), exif=exif)
  np.testing.assert_array_equal(micrographs.read(path).image, specimen())


# --- metadata -----------------------------------------------------------------


def fei(width, height, um_per_px):
  return (
    "[Beam]\r\nHV=5000\r\n[EScan]\r\nPixelWidth=7\r\n"
    f"[Scan]\r\nPixelWidth={um_per_px * 1e-6}\r\n"
    f"[Image]\r\nResolutionX={width}\r\nResolutionY={height}\r\n"
  )


def noisy_bar(rows):
  """A bar that no heuristic finds: only metadata can tell."""
  return np.concatenate([specimen(), specimen(rows, seed=9)])


@pytest.mark.parametrize("tag", [34682, 34680])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_fei(tmp_path, tag, dtype):
  image = noisy_bar(17).astype(dtype) * (257 if dtype is np.uint16 else 1)
  tags = [(tag, fei(WIDTH, HEIGHT, 0.25))]
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", image, tags))
  assert micrograph.crop_rows == 17
  assert micrograph.um_per_px == pytest.approx(0.25)
  np.testing.assert_array_equal(micrograph.image, specimen())


def test_fei_resized_since(tmp_path):
  tags = [(34682, fei(WIDTH * 2, HEIGHT * 2, 0.25))]
  micrograph = micrographs.read(
    save_tiff(tmp_path / "a.tif", noisy_bar(17), tags)
  )
  assert micrograph.crop_rows == 17
  assert micrograph.um_per_px == pytest.approx(0.5)


def test_fei_without_bar_is_believed(tmp_path):
  tags = [(34682, fei(WIDTH, HEIGHT + 24, 0.25))]
  path = save_tiff(tmp_path / "a.tif", with_bar(24), tags)
  assert micrographs.read(path).crop_rows == 0


def test_zeiss(tmp_path):
  text = "0\r\n0\r\n0\r\n5.0e-009\r\n5.0e+004\r\n" + "1\r\n" * 30 + "AP_MAG\r\n"
  path = save_tiff(tmp_path / "a.tif", with_bar(), [(34118, text)])
  micrograph = micrographs.read(path)
  assert micrograph.um_per_px == pytest.approx(0.005 * 1024 / WIDTH)
  assert micrograph.crop_rows == 24


TESCAN = "AccFrames=1\r\nImageStripSize=17\r\nPixelSizeX=3.0e-8\r\n"


def test_tescan_tag(tmp_path):
  value = b"\1\0\2" + TESCAN.encode()
  tag = (50431, "B", len(value), value, True)
  tifffile.imwrite(tmp_path / "a.tif", noisy_bar(17), extratags=[tag])
  micrograph = micrographs.read(tmp_path / "a.tif")
  assert micrograph.um_per_px == pytest.approx(0.03)
  assert micrograph.crop_rows == 17


@pytest.mark.parametrize("name", ["a.hdr", "a-png.hdr"])
def test_tescan_beside(tmp_path, name):
  (tmp_path / name).write_text("[MAIN]\n" + TESCAN + "[SEM]\nHV=20000\n")
  micrograph = micrographs.read(save(tmp_path / "a.png", noisy_bar(17)))
  assert micrograph.um_per_px == pytest.approx(0.03)
  assert micrograph.crop_rows == 17


@pytest.mark.parametrize("marker", ["10um", "10 µm", "10000nm", "0.01mm"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_jeol(tmp_path, marker, encoding):
  text = (
    f"$CM_FULL_SIZE {WIDTH} {HEIGHT}\r\n$$SM_MICRON_BAR 80\r\n"
    f"$$SM_MICRON_MARKER {marker}\r\n"
  )
  (tmp_path / "a.txt").write_bytes(text.encode(encoding))
  micrograph = micrographs.read(save(tmp_path / "a.bmp", noisy_bar(17)))
  assert micrograph.um_per_px == pytest.approx(0.125)
  assert micrograph.crop_rows == 17


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_hitachi(tmp_path, encoding):
  text = f"[SemImageFile]\r\nDataSize={WIDTH * 2}x320\r\nPixelSize=12.5\r\n"
  (tmp_path / "a.txt").write_bytes(text.encode(encoding))
  micrograph = micrographs.read(save(tmp_path / "a.bmp", with_bar()))
  assert micrograph.um_per_px == pytest.approx(0.025)
  assert micrograph.crop_rows == 24


@pytest.mark.parametrize(
  "text",
  [
    "",
    "\0" * 50,
    "[Scan",
    "[Scan]\nPixelWidth=wide\n[Image]\nResolutionX=0\nResolutionY=nan\n",
    "[Scan]\nPixelWidth=nan\n[Image]\nResolutionX=200\nResolutionY=inf\n",
    "[Scan]\nPixelWidth=-1e-8\n[Image]\nResolutionX=200\nResolutionY=-5\n",
    "[Scan]\nPixelWidth=1e9\n[Image]\nResolutionX=200\nResolutionY=9999\n",
    "=" * 200_000,
    "a" * 200_000,
  ],
)
def test_broken_metadata_counts_as_none(tmp_path, text):
  tags = [(34682, text), (34118, text), (50431, text)]
  for name in ("a.txt", "a.hdr"):
    (tmp_path / name).write_text(text)
  micrograph = micrographs.read(save_tiff(tmp_path / "a.tif", with_bar(), tags))
  assert micrograph.crop_rows == 24
  assert micrograph.um_per_px is None


def test_print_resolution_is_no_scale(tmp_path):
  path = save_tiff(tmp_path / "a.tif", specimen(), resolution=(300, 300))
  assert micrographs.read(path).um_per_px is None


# --- the bar by its looks -----------------------------------------------------


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(
  rows=st.integers(14, 48),
  level=st.one_of(st.integers(0, 70), st.integers(190, 255)),
  mean=st.floats(40, 200),
  spread=st.floats(4, 60),
  seed=st.integers(0, 1 << 16),
)
def test_bar_is_found_exactly(rows, level, mean, spread, seed):
  ink = 255 if level < 128 else 0
  grey = specimen(220, 300, seed, mean, spread)
  bar = panel(rows, 300, level, ink)
  assert micrographs.crop_data_bar(np.concatenate([grey, bar])) == rows
  assert micrographs.crop_data_bar(grey) == 0


@pytest.mark.parametrize("level", [0, 255, 128])
@pytest.mark.parametrize("rows", [21, 30, 40])
def test_bar_after_jpeg(rows, level):
  image = with_bar(rows, level=level, ink=255 - level if level != 128 else 0)
  assert abs(micrographs.crop_data_bar(jpeg(image, 85)) - rows) <= 2
  assert micrographs.crop_data_bar(jpeg(specimen(), 85)) == 0


def test_rows_below_a_zeiss_panel():
  below = np.concatenate([np.zeros((1, WIDTH), np.uint8), specimen(1)])
  image = np.concatenate([with_bar(24, level=243, ink=0), below])
  assert micrographs.crop_data_bar(image) == 26


def test_frame_and_cells():
  bar = panel(30).copy()
  bar[[0, -1]] = bar[:, ::40] = 255
  image = np.concatenate([specimen(), bar])
  assert micrographs.crop_data_bar(image) == 30


def test_saturated_specimen_has_no_bar():
  assert micrographs.crop_data_bar(specimen(mean=20, spread=60)) == 0
  assert micrographs.crop_data_bar(specimen(mean=230, spread=60)) == 0
  image = np.concatenate([specimen(mean=220, spread=60), panel(24)])
  assert micrographs.crop_data_bar(image) == 24


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_void_at_the_bottom_is_specimen(share):
  image = specimen()
  x = np.arange(WIDTH)
  edge = HEIGHT - 25 + 12 * np.sin(x / 17) + 10 * (x > share * WIDTH)
  image[np.arange(HEIGHT)[:, None] > edge] = 0
  assert micrographs.crop_data_bar(image) == 0


def test_drawn_micrographs():
  for label, name, index in synthetic.catalogue()[::200]:
    drawing = synthetic.draw(3, label, name, index)
    found = micrographs.crop_data_bar(drawing.image)
    assert found == drawing.bar_rows
    above = drawing.image[: len(drawing.image) - found]
    assert micrographs.crop_data_bar(above) == 0


def test_flat_images_have_no_bar():
  assert micrographs.crop_data_bar(np.zeros((100, 100), np.uint8)) == 0
  half = specimen()
  half[80:] = 0  # more than any bar takes
  assert micrographs.crop_data_bar(half) == 0
  assert micrographs.crop_data_bar(specimen(20, 40)) == 0


# --- bad files ----------------------------------------------------------------


def reason(path):
  with pytest.raises(micrographs.MicrographError) as error:
    micrographs.read(path)
  assert "\n" not in str(error.value)
  assert str(path.parent) not in str(error.value)
  return str(error.value)


def test_reasons(tmp_path):
  path = tmp_path / "a.png"
  assert reason(path) == "no such file or directory"
  path.write_bytes(b"")
  assert reason(path) == "the file is empty"
  path.write_text("alloy,strength\nCPJ-7,600\n")
  assert reason(path) == "not an image (its contents are text)"
  path.write_bytes(bytes(range(256)))
  assert reason(path) == "not an image, or damaged at its beginning"
  path.write_bytes(save(tmp_path / "b.png", specimen()).read_bytes()[:9000])
  assert reason(path).startswith("truncated: ")
  save(path, np.zeros((1, 1), np.uint8))
  assert reason(path) == "1 x 1 pixels: at least 32 x 32 are needed"
  save(path, np.full((64, 64), 7, np.uint8))
  assert reason(path) == "blank: all 64 specimen rows have one grey level"
  (tmp_path / "c.png").mkdir()
  assert reason(tmp_path / "c.png") == "a folder, not a file"
  if hasattr(os, "mkfifo"):
    os.mkfifo(tmp_path / "d.png")
    assert reason(tmp_path / "d.png") == "not a regular file"


def test_bombs(tmp_path, monkeypatch):
  path = save(tmp_path / "a.png", specimen())
  for limit in (HEIGHT * WIDTH - 1, 100):  # Pillow warns of one, raises at one
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      assert "pixels" in reason(path)


def test_postscript_is_never_run(tmp_path):
  path = tmp_path / "a.png"
  path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n")
  assert reason(path).startswith("not an image")


def small_files():
  grey = specimen(40, 48)
  files = []
  for kind in ("PNG", "BMP", "TIFF", "JPEG"):
    for mode in ("L", "RGB"):
      file = io.BytesIO()
      Image.fromarray(grey).convert(mode).save(file, kind)
      files.append(file.getvalue())
  for dtype in ("uint16", "float32", "float64"):
    file = io.BytesIO()
    tag = (34682, "s", 0, fei(48, 36, 0.1), True)
    tifffile.imwrite(file, grey.astype(dtype), extratags=[tag])
    files.append(file.getvalue())
  return files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("damaged")


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(data=st.data())
def test_damage_gives_a_micrograph_or_a_reason(folder, data):
  content = bytearray(data.draw(st.sampled_from(small_files())))
  places = st.one_of(st.integers(0, 300), st.integers(0, len(content) - 1))
  changes = st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)
  for place, value in data.draw(changes):
    content[min(place, len(content) - 1)] = value
  length = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
  path = folder / "damaged.tif"
  path.write_bytes(bytes(content[:length]))
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
      micrograph = micrographs.read(path)
    except micrographs.MicrographError as error:
      assert str(error)
      assert "\n" not in str(error)
    else:
      assert micrograph.image.dtype == np.uint8


def test_decoders_are_quiet_and_settings_restored(tmp_path, capfd, caplog):
  tifffile_level = logging.getLogger("tifffile").level
  filters = list(warnings.filters)
  for number, content in enumerate(small_files()):
    for end in (len(content) // 2, len(content) - 60, 60, 12):
      path = tmp_path / f"{number}.tif"
      path.write_bytes(content[:end])
      reason(path)
  assert capfd.readouterr() == ("", "")
  assert not caplog.records
  assert logging.getLogger("tifffile").level == tifffile_level
  assert warnings.filters == filters


# --- finding, resizing, tiling ------------------------------------------------


def test_find(tmp_path, tmp_path_factory):
  names = ["b/2.png", "b/10.TIF", "a.bmp", "b.jpeg", "B/x.Jpg", "b/c/d.tiff"]
  others = ["._a.bmp", ".git/x.png", "b/notes.txt", "png"]
  for name in names + others:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
  (tmp_path / "folder.png").mkdir()
  (tmp_path / "b" / "loop").symlink_to(tmp_path)
  (tmp_path / "all").symlink_to(tmp_path / "b")
  (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
  names.append("gone.png")
  elsewhere = tmp_path_factory.mktemp("elsewhere")
  (elsewhere / "e.png").write_bytes(b"x")
  (tmp_path / "c").symlink_to(elsewhere)
  names.append("c/e.png")
  found = micrographs.find(tmp_path)
  assert [p.relative_to(tmp_path).as_posix() for p in found] == sorted(names)
  with pytest.raises(micrographs.MicrographError, match="not a folder"):
    micrographs.find(tmp_path / "a.bmp")


def test_import_is_light():
  code = "import sys, eanet_jax.data.micrographs; print(*sys.modules)"
  done = subprocess.run(
    [sys.executable, "-c", code], check=True, capture_output=True, text=True
  )
  heavy = {"tensorflow", "jax", "tifffile"}
  assert not heavy & set(done.stdout.split())


def test_resize_is_antialiased():
  stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
  small = micrographs.resize(stripes, 16, 8)
  assert small.shape == (16, 8)
  assert small.dtype == np.uint8
  np.testing.assert_allclose(small[:, 1:-1].astype(int), 127, atol=12)
  np.testing.assert_array_equal(micrographs.resize(stripes, 64, 64), stripes)


def test_tiles_are_a_centred_grid():
  image = specimen(70, 100)
  cut = micrographs.tiles(image, 32)
  assert cut.shape == (6, 32, 32)
  np.testing.assert_array_equal(cut[0], image[3:35, 2:34])
  np.testing.assert_array_equal(cut[4], image[35:67, 34:66])
  with pytest.raises(micrographs.MicrographError, match="tile of 71"):
    micrographs.tiles(image, 71)


def test_views():
  image = specimen(70, 100)
  whole = micrographs.views(image, "whole", 24, 32)
  np.testing.assert_array_equal(whole[0], micrographs.resize(image, 24, 24))
  assert whole.shape == (1, 24, 24)
  cut = micrographs.views(image, "tiles", 32, 32)
  np.testing.assert_array_equal(cut, micrographs.tiles(image, 32))
  assert micrographs.views(image, "tiles", 24, 32).shape == (6, 24, 24)
  with pytest.raises(ValueError, match="view is 'half'"):
    micrographs.views(image, "half", 24, 32)


# --- real files ---------------------------------------------------------------


def test_fei_helios():
  path = VENDOR / "fei_helios_16bit.tif"
  if not path.exists():
    pytest.skip("no vendor files here")
  # Taken with the beam off: nothing but the bar's 29 rows is not black.
  assert "442 specimen rows" in reason(path)


def test_zeiss_palette():
  path = VENDOR / "zeiss_512px.tif"
  if not path.exists():
    pytest.skip("no vendor files here")
  micrograph = micrographs.read(path)
  assert micrograph.image.shape == (350, 512)
  assert micrograph.crop_rows == 34
  assert micrograph.um_per_px == pytest.approx(5.965 / 512, rel=1e-3)


def test_light_micrographs_have_no_bar():
  paths = micrographs.find(BAINITE)[::8] if BAINITE.is_dir() else []
  if not paths:
    pytest.skip("no light micrographs here")
  for path in paths:
    assert micrographs.read(path).image.shape == (1200, 1600)
