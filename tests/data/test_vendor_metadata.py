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
