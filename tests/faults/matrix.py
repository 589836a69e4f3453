"""Tries every fault on the real program and writes a table of what came of it.

  python tests/faults/matrix.py --seed 0 --out FOLDER

Goes on where it was stopped: FOLDER/outcomes.jsonl has what was tried. The
table is FOLDER/table.md. Exit code 1 if anything was lost.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import crowds
import damages
import disks
import kills
from program import Bench, Fault, Outcome

_HEADER = [
  "| fault | tries | survived | lost | what the user sees |",
  "|---|---:|---:|---:|---|",
]


def registry() -> list[Fault]:
  """Every fault, in the order of the table."""
  return [
    *kills.all_faults(),
    *damages.all_faults(),
    *disks.all_faults(),
    *crowds.all_faults(),
  ]


def table(outcomes: list[tuple[str, Outcome]]) -> str:
  """Returns outcomes, each with its row, as Markdown."""
  rows: dict[str, list[Outcome]] = {}
  for row, outcome in outcomes:
    rows.setdefault(row, []).append(outcome)
  lines = [*_HEADER]
  for row, tries in rows.items():
    lost = sum(bool(each.lost) for each in tries)
    saw = collections.Counter(each.saw for each in tries if not each.lost)
    words = "; ".join(text for text, _ in saw.most_common())
    cells = (row, len(tries), len(tries) - lost, lost, words)
    lines.append(f"| {' | '.join(map(str, cells))} |")
  return "\n".join(lines) + "\n"


def main() -> int:
  """Tries what was not tried yet; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--only", default="", help="part of a row's or a name")
  parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
  arguments = parser.parse_args()
  out = arguments.out.absolute()
  out.mkdir(parents=True, exist_ok=True)
  os.environ["JAX_COMPILATION_CACHE_DIR"] = str(out / "compiled")
  bench = Bench.make(out)
  print(f"a job takes {bench.seconds:.0f} s", flush=True)
  log = out / "outcomes.jsonl"
  done: dict[tuple[str, str], list[Outcome]] = {}
  for line in log.read_text().splitlines() if log.exists() else ():
    row, name, found = json.loads(line)
    done[row, name] = [Outcome(*each) for each in found]
  waiting = [
    fault
    for fault in registry()
    if (fault.row, fault.name) not in done
    and arguments.only in f"{fault.row}: {fault.name}"
  ]
  writing = threading.Lock()

  def attempt(numbered: tuple[int, Fault]) -> None:
    number, fault = numbered
    folder = out / f"try-{os.getpid()}-{number}"
    begun = time.monotonic()
    found = fault.outcomes(bench, folder, arguments.seed)
    shutil.rmtree(folder, ignore_errors=True)
    values = [(each.name, each.saw, each.lost) for each in found]
    with writing, log.open("a") as file:
      print(json.dumps([fault.row, fault.name, values]), file=file)
      done[fault.row, fault.name] = found
      seconds = time.monotonic() - begun
      print(f"{fault.row}: {fault.name}, {seconds:.0f} s", flush=True)
      for each in found:
        if each.lost:
          print(f"  LOST {each.name}: {each.lost}", flush=True)

  with concurrent.futures.ThreadPoolExecutor(arguments.at_once) as pool:
    list(pool.map(attempt, enumerate(waiting)))
  order = [
    (fault.row, each)
    for fault in registry()
    for each in done.get((fault.row, fault.name), ())
  ]
  (out / "table.md").write_text(table(order))
  print(table(order))
  return int(any(each.lost for _, each in order))


if __name__ == "__main__":
  sys.exit(main())
