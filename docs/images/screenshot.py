"""Makes the README's picture: the summary and the attention of a report.

  python docs/images/screenshot.py runs/eanet_best/report.html \\
    docs/images/report.png

Takes the page of a run, gives a PNG of 128 colours. Needs Chromium.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

# The rest of the page is hidden, and of the attention all but two micrographs.
STYLE = """<style>
nav, .notice, section:not(#attention) { display: none; }
#attention .strip:not(.strip:nth-of-type(-n+2)) { display: none; }
body { padding: 28px 32px 20px; }
section { margin-top: 28px; }
::-webkit-scrollbar { display: none; }
</style></head>"""
WIDTH_PX, MARGIN_PX = 1080, 24


def main() -> int:
  """Writes the picture; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("report", type=pathlib.Path, help="report.html of a run")
  parser.add_argument("out", type=pathlib.Path, help="PNG file to write")
  arguments = parser.parse_args()
  browser = shutil.which("chromium") or shutil.which("google-chrome")
  if not browser:
    print("Chromium is not installed", file=sys.stderr)
    return 2
  page = arguments.report.read_text().replace("</head>", STYLE, 1)
  with tempfile.TemporaryDirectory() as folder:
    copy, picture = (pathlib.Path(folder, name) for name in ("p.html", "p.png"))
    copy.write_text(page)
    subprocess.run(
      [
        browser,
        *("--headless", "--no-sandbox", "--disable-gpu"),
        f"--window-size={WIDTH_PX},2400",
        f"--screenshot={picture}",
        copy.as_uri(),
      ],
      check=True,
      stderr=subprocess.DEVNULL,
    )
    image = Image.open(picture).convert("RGB")
  written = np.flatnonzero((np.asarray(image) < 250).any((1, 2)))
  height = min(int(written[-1]) + MARGIN_PX, image.height)
  image = image.crop((0, 0, image.width, height)).quantize(128)
  image.save(arguments.out, optimize=True)
  return 0


if __name__ == "__main__":
  sys.exit(main())
