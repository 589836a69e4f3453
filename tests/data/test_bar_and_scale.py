"""What is stated is checked against the picture, and what disagrees is said."""

import numpy as np
import pytest
from made_files import HEIGHT, WIDTH, fei, panel, save, save_tiff, specimen
from PIL import Image
from test_vendor_metadata import noisy_bar

from eanet_jax.data import micrographs

STRIP = "[MAIN]\nImageStripSize={}\nPixelSizeX=2.5e-8\n"


def thermo(bar_rows=24):
  """Metadata of a scan of 200 x 160 with a bar of 24 rows, 0.25 um/px."""
  text = fei(WIDTH, HEIGHT, 0.25)
  return text + f"[PrivateFei]\r\nDatabarHeight={bar_rows}\r\n"


def read(tmp_path, image, text, **keywords):
  path = save_tiff(tmp_path / "a.tif", image, [(34682, text)])
  return micrographs.read(path, **keywords)


def with_strip(tmp_path, image, rows):
  (tmp_path / "a.hdr").write_text(STRIP.format(rows))
  return micrographs.read(save(tmp_path / "a.png", image))


def resized(image, width, height):
  picture = Image.fromarray(image)
  return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def facts(micrograph):
  return micrograph.crop_rows, micrograph.bar_from, micrograph.um_per_px


def test_rows_of_scan_and_bar_agree(tmp_path):
  found = read(tmp_path, noisy_bar(24), thermo())
  assert facts(found) == (24, "tag", pytest.approx(0.25))
  assert found.remarks == ()


def test_bar_that_was_cut_off_is_not_cut_again(tmp_path):
  found = read(tmp_path, specimen(), thermo())
  assert facts(found) == (0, "tag", pytest.approx(0.25))
  assert found.remarks == ()


def test_what_looks_like_a_bar_but_is_stated_not_to_be_is_said(tmp_path):
  image = np.concatenate([specimen(HEIGHT - 24), panel(24)])
  found = read(tmp_path, image, thermo())
  assert found.crop_rows == 0
  assert "24 rows look like a data bar" in found.remarks[0]


def test_neither_the_scan_nor_with_its_bar(tmp_path):
  # 40 more rows than the scan has, and no bar of 40 or 24 rows to be seen.
  found = read(tmp_path, specimen(HEIGHT + 40), thermo())
  assert found.crop_rows == 0
  assert "no data bar" in found.remarks[0]
  image = np.concatenate([specimen(HEIGHT + 16), panel(24)])
  found = read(tmp_path, image, thermo())
  assert facts(found) == (24, "tag", pytest.approx(0.25))


def test_cropped_above_the_bar(tmp_path):
  image = np.concatenate([specimen(), panel(24)])[60:]
  found = read(tmp_path, image, thermo())
  assert facts(found) == (24, "tag", pytest.approx(0.25))
  found = read(tmp_path, specimen()[60:], thermo())
  assert facts(found) == (0, "none", pytest.approx(0.25))


@pytest.mark.parametrize("zoom", [0.5, 0.75, 1.5, 2])
def test_resized(tmp_path, zoom):
  size = round(WIDTH * zoom), round((HEIGHT + 24) * zoom)
  found = read(tmp_path, resized(noisy_bar(24), *size), thermo())
  assert facts(found) == (24 * zoom, "tag", pytest.approx(0.25 / zoom))
  assert "resized" in found.remarks[0]
  bare = resized(specimen(), size[0], round(HEIGHT * zoom))
  found = read(tmp_path, bare, thermo())
  assert facts(found) == (0, "tag", pytest.approx(0.25 / zoom))


def test_cropped_at_the_sides_keeps_the_scale(tmp_path):
  found = read(tmp_path, specimen()[:100, 20:140], thermo())
  assert facts(found) == (0, "none", pytest.approx(0.25))
  assert "cropped" in found.remarks[0]
  image = np.concatenate([specimen(), panel(24)])[80:, 20:140]
  found = read(tmp_path, image, thermo())
  assert facts(found) == (24, "tag", pytest.approx(0.25))


def test_no_part_of_the_scan_has_no_scale(tmp_path):
  found = read(tmp_path, specimen(300, 310), thermo())
  assert facts(found) == (0, "none", None)
  assert "scale is not known" in found.remarks[0]


def test_strip_that_a_person_has_cut_off(tmp_path):
  found = with_strip(tmp_path, specimen(240, 320), 20)
  assert facts(found) == (0, "none", pytest.approx(0.025))
  assert "20 rows, which is not to be seen" in found.remarks[0]


def test_strip_that_shows(tmp_path):
  image = np.concatenate([specimen(211, 320), panel(20, 320)])
  found = with_strip(tmp_path, image, 20)
  assert facts(found) == (20, "sidecar", pytest.approx(0.025))
  assert found.remarks == ()


def test_strip_that_leaves_the_shape_of_a_scan(tmp_path):
  found = with_strip(tmp_path, specimen(260, 320), 20)
  assert facts(found) == (20, "sidecar", pytest.approx(0.025))


def test_strip_of_a_resized_picture_leaves_no_scale(tmp_path):
  image = np.concatenate([specimen(480, 640), panel(40, 640)])
  found = with_strip(tmp_path, resized(image, 320, 260), 40)
  assert abs(found.crop_rows - 20) <= 2
  assert (found.bar_from, found.um_per_px) == ("looks", None)
  assert any("this one has" in remark for remark in found.remarks)


def test_two_scales_are_said(tmp_path):
  (tmp_path / "a.hdr").write_text("PixelSizeX=5e-7\n")
  found = read(tmp_path, specimen(), thermo())
  assert found.um_per_px == pytest.approx(0.25)
  assert "two scales" in found.remarks[0]


def test_rows_that_may_be_a_bar_are_said(tmp_path):
  image = specimen()
  # A panel that begins raggedly, as a void does.
  edge = HEIGHT - 25 + 9 * np.sin(np.arange(WIDTH) / 17)
  image[np.arange(HEIGHT)[:, None] > edge] = 0
  found = micrographs.read(save(tmp_path / "a.png", image))
  assert found.crop_rows == 0
  assert "may be a data bar" in found.remarks[0]


@pytest.mark.parametrize("rows", [0, 31])
def test_the_user_has_the_last_word(tmp_path, rows):
  told = micrographs.Told(bar_rows=rows, um_per_px=0.125)
  found = read(tmp_path, noisy_bar(24), thermo(), told=told)
  assert facts(found) == (rows, "told", 0.125)
  assert found.um_from == "told"
  assert len(found.image) == HEIGHT + 24 - rows
  assert found.remarks == ()
  told = micrographs.Told(bar_rows=rows)
  found = read(tmp_path, noisy_bar(24), thermo(), told=told)
  assert (found.um_per_px, found.um_from) == (pytest.approx(0.25), "tag")
