"""How long a fresh process takes to its first result.

  python benchmarks/cold_start.py

Times `eanet --help`, `eanet predict` of one image and the first training step
of launch.py, from the start of the process, each several times; the latter two
without a cache of compiled programs and with one. Builds a small data set and
an untrained workdir of the configuration in a temporary folder first.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

_ROOT = pathlib.Path(__file__).parents[1]
_EANET = "import sys; from eanet_jax.cli import main; sys.exit(main())"
# launch.py until its first step is done.
_FIRST_STEP = """
import os, sys
import launch
from eanet_jax.runtime import console

def main(argv):
  from eanet_jax.training import dispatching
  run_steps = dispatching.run_steps
  def first(*args, first_step, last_step, per_dispatch, **kwargs):
    run_steps(*args, first_step=first_step, last_step=first_step + 1,
              per_dispatch=1, **kwargs)
    os._exit(0)
  dispatching.run_steps = first
  return launch.main(argv)

sys.exit(console.guarded(main, sys.argv))
"""


def seconds(command: list[str], runs: int, environment: dict) -> list[float]:
  """Returns the wall seconds of several runs of `python command...`."""
  found = []
  for _ in range(runs):
    begun = time.perf_counter()
    subprocess.run(
      [sys.executable, *command],
      cwd=_ROOT,
      env=environment,
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      check=True,
    )
    found.append(time.perf_counter() - begun)
  return found


def main() -> None:
  """Parses the command line, prepares, measures, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--runs", type=int, default=5, help="of each [5]")
  parser.add_argument(
    "--config", default="configs/eanet.py", help="[configs/eanet.py]"
  )
  arguments = parser.parse_args()
  runs = arguments.runs
  with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    environment = {
      **os.environ,
      "PYTHONPATH": str(_ROOT),
      "TFDS_DATA_DIR": str(here / "data"),
      "EANET_COMPILATION_CACHE": "off",
    }
    config = [
      f"--config={arguments.config}",
      "--config.dataset.images_per_specimen=3",
      "--config.evaluation.bootstrap_resamples=10",
    ]
    untrained = ["--config.train.epochs=0", f"--workdir={here / 'run'}"]
    seconds(["launch.py", *config, *untrained], 1, environment)
    draw = ["-c", _EANET, "draw", str(here / "drawn"), "--per-specimen=1"]
    seconds(draw, 1, environment)
    image = next((here / "drawn").rglob("*.bmp"))
    out = f"--out={here / 'predictions.csv'}"
    predict = ["-c", _EANET, "predict", str(here / "run"), str(image), out]
    step = ["-c", _FIRST_STEP, *config, f"--workdir={here / 'never'}"]
    kept = {**environment, "EANET_COMPILATION_CACHE": str(here / "kept")}
    print("| | median, s | all |\n|---|---|---|")
    for name, command, used in (
      ("`eanet --help`", ["-c", _EANET, "--help"], environment),
      ("`eanet predict`, one image", predict, environment),
      ("the same, programs kept", predict, kept),
      ("first training step", step, environment),
      ("the same, programs kept", step, kept),
    ):
      seconds(command, 1, used)  # files into memory, and into the cache
      found = seconds(command, runs, used)
      each = ", ".join(f"{s:.2f}" for s in sorted(found))
      print(f"| {name} | {statistics.median(found):.2f} | {each} |", flush=True)


if __name__ == "__main__":
  main()
