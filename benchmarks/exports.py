"""How exported networks compare with this program: answers, size and speed.

  python benchmarks/exports.py runs/my_steels

Exports a finished run in every format that is installed, to a temporary
folder, and times each in processes of its own, in turns with this program:
seconds to load it and to the first answer for a batch of random views, and
views a second from then on. All orientations of a view count as one. Prints a
table of medians over the turns.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

_ROOT = pathlib.Path(__file__).parents[1]
_OURS = "eanet_jax"


def timed(kind: str, path: pathlib.Path, batch: int, seconds: float) -> None:
  """Prints, as JSON, seconds to the first answer and views a second then.

  Args:
    kind: of the file; _OURS for this program, and then a workdir.
    path: the file or the workdir.
    batch: views at once.
    seconds: that the timing takes at least.
  """
  if kind == "html":
    print(json.dumps(of_page(path, batch)))
    return
  begun = time.perf_counter()
  if kind == _OURS:
    from eanet_jax.inference import classify
    from eanet_jax.runtime import process

    process.prepare()
    classifier = classify.Classifier.restore(path)
    answers, side = classifier.answers, classifier.image_px
  else:
    from eanet_jax.exporting import reloaded

    answers = reloaded.load(kind, path)
    told = json.loads(path.with_name(f"{path.name}.json").read_text())
    side = told["before"]["image_px"]
  rng = np.random.default_rng(0)
  views = rng.integers(0, 256, (batch, side, side, 1), dtype=np.uint8)
  answers(views)
  first = time.perf_counter() - begun
  done, begun = 0, time.perf_counter()
  while (took := time.perf_counter() - begun) < seconds:
    answers(views)
    done += batch
  print(json.dumps({"first_s": first, "views_per_s": done / took}))


def of_page(path: pathlib.Path, batch: int) -> dict[str, float]:
  """Returns the same of a page, in Node: one of the workers that it has."""
  from eanet_jax.exporting import page_proof

  side = int(re.search(r'"image_px":(\d+)', path.read_text())[1])
  rng = np.random.default_rng(0)
  shape = (1 + 4 * batch, side, side, 1)
  views = rng.integers(0, 256, shape, dtype=np.uint8)
  seconds = []
  for some in (views[:1], views):
    begun = time.perf_counter()
    page_proof.answers(path, some)
    seconds.append(time.perf_counter() - begun)
  first, all_of_them = seconds
  rate = (len(views) - 1) / (all_of_them - first)
  return {"first_s": first, "views_per_s": rate}


def turn(kind: str, path: pathlib.Path, arguments: argparse.Namespace) -> dict:
  """Returns what `timed` prints in a process of its own."""
  command = [
    *(sys.executable, __file__, str(path), f"--time={kind}"),
    *(f"--batch={arguments.batch}", f"--seconds={arguments.seconds}"),
  ]
  done = subprocess.run(
    command,
    env={**os.environ, "PYTHONPATH": str(_ROOT)},
    capture_output=True,
    text=True,
    check=False,
  )
  if done.returncode:
    sys.exit(done.stderr)
  return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
  """Parses the command line, exports, measures, prints the table."""
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  from eanet_jax.exporting import exported, kinds

  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("workdir", type=pathlib.Path, help="of a finished run")
  parser.add_argument(
    "--formats", nargs="+", default=list(kinds.KINDS), help="which [all]"
  )
  parser.add_argument("--batch", type=int, default=4, help="views at once [4]")
  parser.add_argument("--turns", type=int, default=3, help="of each [3]")
  parser.add_argument(
    "--seconds", type=float, default=10, help="that a turn takes [10]"
  )
  parser.add_argument("--time", help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.time:
    timed(arguments.time, arguments.workdir, arguments.batch, arguments.seconds)
    return
  with tempfile.TemporaryDirectory() as temporary:
    of, rows = {_OURS: arguments.workdir}, {_OURS: ("–", "–")}
    for kind in arguments.formats:
      needs = kinds.KINDS[kind].needs
      if not all(importlib.util.find_spec(name) for name in needs):
        print(f"{kind}: {' and '.join(needs)} not installed", file=sys.stderr)
        continue
      out = pathlib.Path(temporary, f"network{kinds.KINDS[kind].ending}")
      found = exported.write(arguments.workdir, kind, out)
      if found is None:
        print(f"{kind}: Node is not installed", file=sys.stderr)
        continue
      greatest = max(found.differences.values())
      rows[kind] = f"{greatest:.1g}", f"{exported.size_mb(out):.1f}"
      of[kind] = out
    turns = [
      {kind: turn(kind, path, arguments) for kind, path in of.items()}
      for _ in range(arguments.turns)
    ]
  print(
    "| format | greatest difference | MB | to the first answer, s | views/s |"
    "\n|---|---|---|---|---|"
  )
  for kind, cells in rows.items():
    first, rate = (
      float(np.median([each[kind][name] for each in turns]))
      for name in ("first_s", "views_per_s")
    )
    print(f"| {kind} | {' | '.join(cells)} | {first:.1f} | {rate:.2f} |")


if __name__ == "__main__":
  main()
