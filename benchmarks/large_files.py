"""What reading a stitched micrograph of hundreds of megapixels takes.

  python benchmarks/large_files.py

Writes one file of each kind to a temporary folder (1 GB at a time), reads it in
a process of its own as the program does, and prints seconds of a processor and
memory beyond the process's own as a Markdown table. Linux only.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

import numpy as np
import tifffile
from PIL import Image, ImageFilter

_ROOT = pathlib.Path(__file__).parents[1]
_READ = """
import pathlib, re, sys, time
from PIL import Image
from eanet_jax.data import micrographs

def kib(name):
  status = pathlib.Path("/proc/self/status").read_text()
  return int(re.search(name + r":\\s+(\\d+)", status)[1])

Image.MAX_IMAGE_PIXELS = None
before, begun = kib("VmRSS"), time.process_time()
micrographs.read(sys.argv[1], keep_bar=True)
print(time.process_time() - begun, kib("VmHWM") - before)
"""


def _grey(megapixels: float) -> np.ndarray:
  """uint8 (y, x): smooth noise, as a detector's."""
  rng = np.random.default_rng(0)
  noise = np.clip(rng.normal(120, 30, (1000, 1000)), 0, 255).astype(np.uint8)
  tile = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1.2))
  rows = max(1, round((megapixels / 2) ** 0.5))
  return np.tile(np.asarray(tile), (rows, max(1, round(megapixels / rows))))


def _deep(megapixels: float) -> np.ndarray:
  """uint16 (y, x) that uses all of its bits."""
  return _grey(megapixels).astype(np.uint16) * 257 + 3


def _tiff(make: Callable[[float], np.ndarray], **how) -> Callable:
  return lambda file, size: tifffile.imwrite(file, make(size), **how)


def _picture(make: Callable[[float], np.ndarray], mode="", **how) -> Callable:
  def write(file: pathlib.Path, size: float) -> None:
    picture = Image.fromarray(make(size))
    (picture.convert(mode) if mode else picture).save(file, **how)

  return write


# What it is, its megapixels, the ending of its name, and what writes it.
_KINDS = (
  ("TIFF, 16 bits, not compressed", 200, "tif", _tiff(_deep)),
  ("TIFF, 16 bits, LZW", 200, "tif", _picture(_deep, compression="tiff_lzw")),
  (
    "TIFF, 16 bits, deflate, tiles of 512 px",
    200,
    "tif",
    _tiff(_deep, compression="zlib", tile=(512, 512)),
  ),
  ("TIFF, 8 bits, not compressed", 400, "tif", _tiff(_grey)),
  ("BMP, 8 bits", 400, "bmp", _picture(_grey)),
  ("PNG, 8 bits", 300, "png", _picture(_grey, compress_level=1)),
  ("PNG, 16 bits", 200, "png", _picture(_deep, compress_level=1)),
  ("JPEG, grey", 150, "jpg", _picture(_grey, quality=90)),
  (
    "JPEG, grey, progressive",
    150,
    "jpg",
    _picture(_grey, quality=90, progressive=True),
  ),
  ("JPEG, colour", 150, "jpg", _picture(_grey, "RGB", quality=90)),
)


def main() -> int:
  """Prints the table; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--scale", type=float, default=1.0, help="of the number of pixels [1]"
  )
  arguments = parser.parse_args()
  print("| file | processor | memory |\n|---|---|---|")
  for title, megapixels, ending, write in _KINDS:
    size = megapixels * arguments.scale
    with tempfile.TemporaryDirectory() as folder:
      file = pathlib.Path(folder, f"file.{ending}")
      write(file, size)
      done = subprocess.run(
        [sys.executable, "-c", _READ, file],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
      )
    seconds, memory = map(float, done.stdout.split())
    row = (
      f"| {size:g} Mpx {title} | {seconds:.1f} s | {memory / 2**20:.2f} GB |"
    )
    print(row, flush=True)
  return 0


if __name__ == "__main__":
  sys.exit(main())
