"""The data bar of a drawn micrograph, in the manner of three microscopes."""

import numpy as np

# Rows, panel grey and ink grey of each microscope's data bar.
_PANELS = ((38, 16, 255), (40, 0, 220), (44, 232, 0))
# 5 x 7 pixels: a character, then a base-32 digit a row, high bit on the left.
_FONT = (
  "0EHJLPHE14C4444E2EH1248V3V2421HE426AIV225VGU11HE668GUHHE7V1248888EHHEHHE"
  "9EHHF12C.00000CC-000E000AEHHVHHHBUHHUHHUCEHGGGHEDSIHHHISEVGGUGGVGEHGNHHF"
  "HHHHVHHHJ72222ICMHRLLHHHPUHHUGGGRUHHUKIHSFGGE11UTV444444VHHHHHA4WHHHLLLA"
  "kGGIKOKIm00QLLHHx00HA4AHµ00IIITG 0000000"
)
_GLYPHS = {_FONT[i]: _FONT[i + 1 : i + 8] for i in range(0, len(_FONT), 8)}


def draw(
  lot: np.random.Generator,
  specimen: str,
  um_per_px: float,
  detector: str,
  width_px: int,
) -> np.ndarray:
  """Returns uint8 (y, x): a white line, two lines of text and a scale bar.

  Args:
    lot: of the images of one specimen; decides how the bar looks.
    specimen: name to write.
    um_per_px: of the image above.
    detector: name to write.
    width_px: of the image above, 512 or more.
  """
  rows, panel, ink = _PANELS[lot.integers(len(_PANELS))]
  bar = np.full((rows, width_px), panel, np.uint8)
  bar[:2] = 255
  volts_kv, distance_mm = lot.choice([10, 15, 20]), lot.uniform(6, 11)
  times = 10 * round(12700 / (width_px * um_per_px))  # on a print 127 mm wide
  for text, top, left in (
    (f"HV {volts_kv}.0kV WD {distance_mm:.1f}mm MAG {times}x {detector}", 4, 8),
    (specimen, rows - 17, 8),
    ("5 µm", rows - 17, 270),
  ):
    digits = [[int(digit, 32) for digit in _GLYPHS[c]] for c in text]
    bits = np.array(digits).T[:, :, None] >> np.arange(5, -1, -1) & 1
    pixels = bits.reshape(7, -1).repeat(2, 0).repeat(2, 1).astype(bool)
    bar[top : top + 14, left : left + pixels.shape[1]][pixels] = ink
  right = 330 + round(5 / um_per_px)
  bar[rows - 11 : rows - 8, 330:right] = ink
  bar[rows - 15 : rows - 4, [330, 331, right - 2, right - 1]] = ink
  return bar
