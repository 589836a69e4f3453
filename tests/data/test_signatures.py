"""A file that is no picture of a known format is called what it is."""

import io
import zipfile

import numpy as np
import pytest
from made_files import reason, specimen
from PIL import Image

from eanet_jax.data import signatures


def by_pillow(kind):
  file = io.BytesIO()
  Image.fromarray(specimen()).save(file, kind)
  return file.getvalue()


def archive():
  file = io.BytesIO()
  with zipfile.ZipFile(file, "w") as content:
    content.writestr("word/document.xml", "<x/>")
  return file.getvalue()


def array():
  file = io.BytesIO()
  np.save(file, specimen())
  return file.getvalue()


@pytest.mark.parametrize(
  ("content", "said"),
  [
    (by_pillow("WEBP"), "a WebP picture named .png: save it as PNG or TIFF"),
    (by_pillow("GIF"), "a GIF picture named .png: save it as PNG or TIFF"),
    (by_pillow("JPEG2000"), "a JPEG 2000 picture named .png"),
    (by_pillow("AVIF"), "an AVIF picture named .png"),
    (by_pillow("PPM"), "a picture of the kind PNM named .png"),
    (by_pillow("PDF"), "a PDF document named .png"),
    (by_pillow("ICO"), "a Windows icon named .png"),
    (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "a JPEG XL picture"),
    (b"\0\0\0\x18ftypheic" + bytes(50), "an HEIC picture"),
    (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file"),
    (b"\0\0\0\x03\0\0\x10\0\0\0\0\x01" + bytes(50), "a DigitalMicrograph file"),
    (
      b"\0\0\0\x04\0\0\0\0\0\0\x10\0\0\0\0\x01" + bytes(50),
      "a DigitalMicrograph file",
    ),
    (b'<?xml version="1.0"?>\n<svg width="4">', "an SVG drawing"),
    (archive(), "not an image, but a ZIP archive or an Office document"),
    (array(), "not an image, but a NumPy array"),
    (b"\n<!DOCTYPE HTML><html>", "not an image, but a web page"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image, but a PostScript document"),
    (b"a,b\n1,2\n", "not an image (its contents are text)"),
    (bytes(600), "not an image: it begins with zeros alone"),
    (bytes(range(256)), "not an image, or damaged at its beginning"),
  ],
  ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_called_what_it_is(content, said, tmp_path):
  path = tmp_path / "a.png"
  path.write_bytes(content)
  assert reason(path).startswith(said)


def test_a_jpeg_of_12_bits(tmp_path):
  content = bytearray(by_pillow("JPEG"))
  content[content.index(b"\xff\xc0") + 4] = 12
  path = tmp_path / "a.jpg"
  path.write_bytes(bytes(content))
  assert "rare kind of JPEG" in reason(path)


def test_a_name_without_an_ending(tmp_path):
  said = signatures.reason(by_pillow("GIF"), tmp_path / "scan")
  assert said == "a GIF picture: save it as PNG or TIFF"
