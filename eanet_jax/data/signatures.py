"""What a file is that is no BMP, TIFF, PNG or JPEG, by its first bytes."""

import pathlib
import re

# Pictures, and what else people name like one.
_PICTURES = (
  (rb"RIFF....WEBP", "a WebP picture"),
  (rb"GIF8[79]a", "a GIF picture"),
  (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "a JPEG 2000 picture"),
  (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
  (rb"....ftypavi[fs]", "an AVIF picture"),
  (rb"....ftyp(?:hei|hev|mif1|msf1)", "an HEIC picture"),
  (rb"II\xbc\x01", "a JPEG XR picture"),
  (rb"\0\0\x01\0[^\0]", "a Windows icon"),
  (rb"8BPS", "a Photoshop document"),
  (rb"gimp xcf ", "a GIMP document"),
  (rb"SIMPLE  =", "a FITS picture"),
  (rb"P[1-7][\s#]", "a picture of the kind PNM"),
  (rb"v/1\x01", "an OpenEXR picture"),
  (rb".{128}DICM", "a DICOM picture"),
  (rb"\0\0\0\x03.{4}\0\0\0[\0\x01]", "a DigitalMicrograph file (DM3)"),
  (rb"\0\0\0\x04\0\0.{6}\0\0\0[\0\x01]", "a DigitalMicrograph file (DM4)"),
  (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
  (rb"(?s:.{0,255})<svg[\s>]", "an SVG drawing"),
  (rb"%PDF-", "a PDF document"),
)
_OTHERS = (
  (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript document"),
  (rb"PK\x03\x04", "a ZIP archive or an Office document"),
  (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
  (rb"\x1f\x8b", "a gzip archive"),
  (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
  (rb"Rar!\x1a\x07", "a RAR archive"),
  (rb"SQLite format 3\0", "an SQLite database"),
  (rb"\x93NUMPY", "a NumPy array"),
  (rb"\xff\xfb|ID3|....ftyp|RIFF....AVI ", "a film or sound"),
  (rb"\s*<(?:!doctype html|html)", "a web page"),
)
_MIXED_UP = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def reason(start: bytes, path: pathlib.Path) -> str:
  """Returns why a file that begins so is no picture that can be read."""
  for pattern, name in _PICTURES:
    if re.match(pattern, start, re.DOTALL | re.IGNORECASE):
      named = f" named {path.suffix}" if path.suffix else ""
      return f"{name}{named}: save it as PNG or TIFF"
  for pattern, name in _OTHERS:
    if re.match(pattern, start, re.DOTALL | re.IGNORECASE):
      return f"not an image, but {name}"
  if start.startswith(b"\xff\xd8\xff"):
    return "a damaged or rare kind of JPEG, as of 12 bits: save it as PNG"
  if start and not _MIXED_UP.search(start):
    return "not an image (its contents are text)"
  if not start.strip(b"\0"):
    return "not an image: it begins with zeros alone, as a lost download does"
  return "not an image, or damaged at its beginning"
