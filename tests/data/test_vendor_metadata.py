"""What microscopes write: the rows of the bar and the scale."""

import numpy as np
import pytest
import tifffile
from made_files import HEIGHT, WIDTH, fei, save, save_tiff, specimen, with_bar

from eanet_jax.data import micrographs


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


def stated(path):
  """The scale and the rows that a file or one beside it states."""
  micrograph = micrographs.read(path)
  return micrograph.um_per_px, micrograph.crop_rows, micrograph.um_from


@pytest.mark.parametrize("width", ["2,5e-07", "2.5e-7", "250 nm", "0.25 \xb5m"])
def test_a_number_as_any_country_writes_it(tmp_path, width):
  text = fei(WIDTH, HEIGHT, 1).replace(
    "PixelWidth=1e-06", f"PixelWidth={width}"
  )
  tags = [(34682, text.encode())]
  path = save_tiff(tmp_path / "a.tif", noisy_bar(17), tags)
  assert stated(path) == (pytest.approx(0.25), 17, "tag")


@pytest.mark.parametrize(
  "width", ["", "wide", "0", "1e999", "-2e-7", "1 furlong"]
)
def test_one_bad_entry_leaves_the_others(tmp_path, width):
  text = fei(WIDTH, HEIGHT, 1).replace(
    "PixelWidth=1e-06", f"PixelWidth={width}"
  )
  path = save_tiff(tmp_path / "a.tif", noisy_bar(17), [(34682, text)])
  assert stated(path) == (None, 17, "none")
  text = fei(WIDTH, HEIGHT, 0.25).replace(
    f"ResolutionX={WIDTH}", f"ResolutionX={width}"
  )
  path = save_tiff(tmp_path / "a.tif", noisy_bar(17), [(34682, text)])
  assert stated(path) == (pytest.approx(0.25), 17, "tag")
  (tmp_path / "b.hdr").write_text(f"ImageStripSize=17\nPixelSizeX={width}\n")
  assert stated(save(tmp_path / "b.png", noisy_bar(17))) == (None, 17, "none")
  (tmp_path / "c.hdr").write_text(
    f"ImageStripSize={width}\nPixelSizeX={width}\nPixelSizeY=3e-8\n"
  )
  path = save(tmp_path / "c.png", noisy_bar(17))
  assert stated(path) == (pytest.approx(0.03), 0, "sidecar")
  (tmp_path / "d.txt").write_text(
    f"$CM_FULL_SIZE {WIDTH} {HEIGHT}\n$$SM_MICRON_BAR {width}\n"
    "$$SM_MICRON_MARKER 10um\n"
  )
  assert stated(save(tmp_path / "d.png", noisy_bar(17))) == (None, 17, "none")


@pytest.mark.parametrize(
  ("sections", "um_per_px"),
  [
    ("[Scan]\r\nHorFieldsize=50e-6\r\n", 0.25),
    ("[Beam]\r\nBeam=EBeam\r\n[EBeam]\r\nHFW=50e-6\r\n"
     "[IBeam]\r\nHFW=9e-6", 0.25),
    ("[Beam]\r\nScan=IScan\r\n[EScan]\r\nPixelWidth=1e-6\r\n"
     "[IScan]\r\nPixelWidth=25e-8\r\n", 0.25),
    ("[IRBeam]\r\nHFW=50e-6\r\n", 0.25),
    # Which of the two beams drew the picture is not said.
    ("[EBeam]\r\nHFW=50e-6\r\n[IBeam]\r\nHFW=9e-6\r\n", None),
  ],
)  # fmt: skip
def test_fei_without_a_pixel_width(tmp_path, sections, um_per_px):
  image = f"\r\n[Image]\r\nResolutionX={WIDTH}\r\nResolutionY={HEIGHT}\r\n"
  tags = [(34680, sections + image)]
  path = save_tiff(tmp_path / "a.tif", noisy_bar(17), tags)
  expected = None if um_per_px is None else pytest.approx(um_per_px)
  assert stated(path)[:2] == (expected, 17)


def phenom(unit, rows=24):
  return (
    '<?xml version="1.0"?><FeiImage version="1.0"><time>1</time>'
    f"<databarHeight>{rows}</databarHeight>"
    f'<pixelWidth unit="{unit}">0.025</pixelWidth></FeiImage>'
  )


@pytest.mark.parametrize("tag", [34680, 34682, 34683])
@pytest.mark.parametrize("unit", ["um", "\xb5m", "&#181;m", "&#x3bc;m"])
def test_phenom(tmp_path, tag, unit):
  tags = [(tag, phenom(unit).encode())]
  path = save_tiff(tmp_path / "a.tif", with_bar(24), tags)
  assert stated(path) == (pytest.approx(0.025), 24, "tag")


@pytest.mark.parametrize("segment", ["comment", "exif"])
def test_phenom_jpeg(tmp_path, segment):
  xml = phenom("nm").encode()
  path = save(tmp_path / "a.jpg", with_bar(24), quality=95, **{segment: xml})
  assert stated(path) == (pytest.approx(2.5e-5), 24, "tag")


def test_xml_resolves_no_entity(tmp_path):
  xml = '<!DOCTYPE x [<!ENTITY a "24">]>' + phenom("um", rows="&a;")
  path = save_tiff(tmp_path / "a.tif", specimen(), [(34682, xml)])
  assert stated(path) == (pytest.approx(0.025), 0, "tag")


MARKER = f"$CM_FULL_SIZE {WIDTH} {HEIGHT}\n$$SM_MICRON_BAR 80\n"


@pytest.mark.parametrize("sign", ["\xb5", "\u03bc"])
@pytest.mark.parametrize(
  "encoding",
  ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"],
)
def test_micro_in_any_encoding(tmp_path, sign, encoding):
  text = MARKER + f"$$SM_MICRON_MARKER 10{sign}m\n"
  (tmp_path / "a.txt").write_bytes(text.encode(encoding))
  path = save(tmp_path / "a.bmp", noisy_bar(17))
  assert stated(path) == (pytest.approx(0.125), 17, "sidecar")


@pytest.mark.parametrize("encoding", ["gb18030", "shift_jis", "euc_kr"])
def test_mu_in_encodings_of_two_bytes(tmp_path, encoding):
  text = MARKER + "$$SM_MICRON_MARKER 10\u03bcm\n"
  (tmp_path / "a.txt").write_bytes(text.encode(encoding))
  path = save(tmp_path / "a.bmp", noisy_bar(17))
  assert stated(path)[0] == pytest.approx(0.125)


@pytest.mark.parametrize(
  ("length", "um"),
  [("8nm", 0.008), ("8mm", 8e3), ("800 pm", 8e-4), ("80 A", 8e-3), ("8UM", 8)],
)
def test_units(tmp_path, length, um):
  (tmp_path / "a.txt").write_text(MARKER + f"$$SM_MICRON_MARKER {length}\n")
  path = save(tmp_path / "a.bmp", noisy_bar(17))
  assert stated(path)[0] == pytest.approx(um / 80)


def zeiss(width, height, extra=""):
  """5 nm per pixel of a scan 1024 wide, whatever the file says beside it."""
  return (
    "0\r\n0\r\n0\r\n5.0e-009\r\n5.0e+004\r\n" + "1\r\n" * 30 + extra
    + f"DP_IMAGE_STORE\r\nStore resolution = {width} * {height}\r\n"
  )  # fmt: skip


@pytest.mark.parametrize("width", [200, 400])
def test_zeiss_image_pixel_size_is_not_that_of_the_image(tmp_path, width):
  wrong = "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 5.0 nm\r\n"
  tags = [(34118, zeiss(width, 150 * width // 200, wrong))]
  path = save_tiff(tmp_path / "a.tif", specimen(150), tags)
  assert stated(path)[0] == pytest.approx(0.005 * 1024 / 200)


def test_zeiss_cropped(tmp_path):
  tags = [(34118, zeiss(512, 384))]
  path = save_tiff(tmp_path / "a.tif", specimen(300, 200), tags)
  assert stated(path)[0] == pytest.approx(0.005 * 2)


def test_zeiss_by_the_width_of_its_field(tmp_path):
  text = "x\r\nAP_WIDTH\r\nWidth = 5,12 \xb5m\r\n".encode("latin-1")
  path = save_tiff(tmp_path / "a.tif", specimen(150), [(34118, text)])
  assert stated(path)[0] == pytest.approx(5.12 / 200)
