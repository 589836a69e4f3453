"""How fast `eanet predict` is, how soon it answers, and what memory it takes.

  python benchmarks/predicting.py runs/my_steels

Makes PNG files of 256 px, or 16-bit TIFFs of 4096 x 3072 px with --tiff, in a
temporary folder, classifies them with a finished run in a process of its own,
and looks at the table as it grows. Prints a row for each number of files: the
time from the start of the process to the first row, the files a second from
then on, their share of what the network does of views that are in memory, and
the most memory of the process. Linux only.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

from eanet_jax.inference import classify

_ROOT = pathlib.Path(__file__).parents[1]
_EANET = "import sys; from eanet_jax.cli import main; sys.exit(main())"
_POLL_S = 0.02
_ENOUGH_S = 5.0  # of the network alone


def make(folder: pathlib.Path, count: int, tiff: bool) -> None:
  """Writes cut-outs of one picture with laths of a few pixels."""
  rng = np.random.default_rng(0)
  height, width = (3072, 4096) if tiff else (256, 256)
  noise = rng.normal(size=(height + 256, width + 256)).astype(np.float32)
  smooth = ndimage.gaussian_filter(noise, (1.0, 4.0))
  grey = (smooth - smooth.min()) / np.ptp(smooth)
  grey = (grey * (65535 if tiff else 255)).astype("u2" if tiff else "u1")
  for i in range(count):
    y, x = rng.integers(0, 256, 2)
    cut = grey[y : y + height, x : x + width]
    if tiff:
      tifffile.imwrite(folder / f"{i:06d}.tif", cut)
    else:
      Image.fromarray(cut).save(folder / f"{i:06d}.png")


def alone(classifier: classify.Classifier, side_px: int) -> float:
  """Returns the views a second of the network, with their novelty."""
  rng = np.random.default_rng(0)
  size = classifier._network.forward.batch_size
  views = rng.integers(0, 256, (4 * size, side_px, side_px, 1)).astype(np.uint8)
  classifier.answers(views[:1])  # compiles
  done, begun = 0, time.perf_counter()
  while (took := time.perf_counter() - begun) < _ENOUGH_S:
    classifier.answers(views)
    done += len(views)
  return done / took


def predict(
  workdir: pathlib.Path, folder: pathlib.Path, options: list[str]
) -> tuple[float, float, float]:
  """Returns seconds to the first row, rows a second after it, and MB."""
  out = folder.with_suffix(".csv")
  begun = time.perf_counter()
  process = subprocess.Popen(
    [
      *(sys.executable, "-c", _EANET, "predict", str(workdir), str(folder)),
      f"--out={out}",
      *options,
    ],
    env={**os.environ, "PYTHONPATH": str(_ROOT)},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
  )
  first_s, first_rows, peak = 0.0, 0, 0.0
  while True:
    ended = process.poll() is not None
    took = time.perf_counter() - begun
    peak = max(peak, _peak_mb(process.pid))
    if not first_rows and out.exists():
      first_rows = max(0, out.read_bytes().count(b"\n") - 1)
      first_s = took
    if ended:
      break
    time.sleep(_POLL_S)
  with process.stderr as stream:
    said = stream.read().decode()
  if process.returncode:
    sys.exit(said)
  rows = out.read_bytes().count(b"\n") - 1
  rate = (rows - first_rows) / max(took - first_s, 1e-9)
  return first_s, rate, peak


def _peak_mb(pid: int) -> float:
  """Returns the most memory a process had so far, in MB; 0 where not known.

  What the system tells of a child that ended counts what its parent had when
  it began.
  """
  try:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    (line,) = (each for each in status.splitlines() if "VmHWM" in each)
  except (OSError, ValueError):  # it has ended, or the system is another
    return 0.0
  return int(line.split()[1]) / 1000


def main() -> None:
  """Parses the command line, makes the files, measures, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("workdir", type=pathlib.Path, help="of a finished run")
  parser.add_argument(
    "--files", type=int, nargs="+", default=[1000], help="how many [1000]"
  )
  parser.add_argument(
    "--tiff", action="store_true", help="16-bit TIFFs of 4096 x 3072 px"
  )
  parser.add_argument("--fast", action="store_true", help="one orientation")
  arguments = parser.parse_args()
  options = ["--fast"] * arguments.fast
  classifier = classify.Classifier.restore(
    arguments.workdir, fast=arguments.fast
  )
  dataset = classifier.network.meta.config["dataset"]
  print(
    "| files | first row, s | files/s | of the network alone | peak, MB |"
    "\n|---|---|---|---|---|"
  )
  for count in arguments.files:
    with tempfile.TemporaryDirectory() as temporary:
      folder = pathlib.Path(temporary, "files")
      folder.mkdir()
      make(folder, count, arguments.tiff)
      before = alone(classifier, dataset["image_px"])
      first, rate, memory = predict(arguments.workdir, folder, options)
      own = (before + alone(classifier, dataset["image_px"])) / 2
      share = "–"
      if dataset["view"] == "whole":
        share = f"{rate / own:.0%} of {own:.1f}"
      print(
        f"| {count} | {first:.1f} | {rate:.1f} | {share} | {memory:.0f} |",
        flush=True,
      )


if __name__ == "__main__":
  main()
