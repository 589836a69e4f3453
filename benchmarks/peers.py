"""Our networks against the same ones of other frameworks, in one run.

  pip install '.[bench]'
  python benchmarks/peers.py
  python benchmarks/peers.py --mode infer --batch 64 --against keras-jax torch
  python benchmarks/peers.py --network transfer

Keras runs on each of its backends that is installed, torch as it is and
compiled. Every contestant is a process of its own that trains or infers when
told to, so that they take turns: what slows the machine down for a while slows
all of them. Prints a table of images per second and of ratios to ours, paired
by turn.

Theirs are networks of stock layers, with batches ready in memory and no
augmentation. Ours is the training loop's step, augmentation and gathering of
batches included. Of `transfer`, whose trunk is frozen, an image of ours is
trained on once, in all orientations; theirs is fine-tuned, each epoch anew.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from contestants import workload

PEERS = ("keras-jax", "keras-tensorflow", "keras-torch", "torch")
COMPILED = "torch-compiled"
NETWORKS = {"eanet": (256, 8), "eanet_best": (256, 4), "transfer": (384, 0)}


def our_work(asked: workload.Asked) -> tuple[str, Callable]:
  """Returns (title, work) of this project's step or forward pass."""
  import throughput

  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  throughput.process.prepare()
  bench = throughput.Bench(
    f"configs/{asked.network}.py",
    batch=asked.batch,
    image_px=asked.image_px,
    blocks=asked.blocks,
    dtype=asked.dtype,
  )
  title = f"eanet_jax, {asked.dtype}"
  if asked.mode == "infer":
    return title, bench.infer
  if asked.network == "transfer":
    return f"{title}, frozen, 4 orientations", bench.features
  return title, bench.train


def contestant(name: str, asked: workload.Asked) -> None:
  """Serves one contestant: reads counts, writes seconds, until no more come."""
  library, _, how = name.partition("-")
  if library == "keras":
    from contestants import keras_eanet

    title, work = keras_eanet.work(how, asked)
  elif library == "torch":
    from contestants import torch_networks

    title, work = torch_networks.work(how == "compiled", asked)
  else:
    title, work = our_work(asked)
  work(2)  # compiles
  print(json.dumps(title), flush=True)
  for line in sys.stdin:
    begun = time.perf_counter()
    work(int(line))
    print(time.perf_counter() - begun, flush=True)


class Process:
  """A contestant in a process of its own."""

  def __init__(self, name: str, argv: list[str]):
    """Starts it and waits until it has compiled."""
    # A pipe would fill up with what a library has to say.
    self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115
    self._process = subprocess.Popen(
      [sys.executable, __file__, *argv, "--contestant", name],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._said,
      text=True,
    )
    self.title = self._read()

  def _read(self):
    while line := self._process.stdout.readline():
      try:
        return json.loads(line)
      except json.JSONDecodeError:
        continue
    self._said.seek(0)
    raise SystemExit(self._said.read()[-2000:])

  def seconds(self, count: int) -> float:
    """Returns how long `count` batches take."""
    print(count, file=self._process.stdin, flush=True)
    return self._read()

  def close(self) -> None:
    """Ends the process."""
    self._process.stdin.close()
    self._process.wait()
    self._said.close()


def installed(network: str) -> list[str]:
  """Returns the contestants of a network whose libraries are installed."""
  found = []
  for name in PEERS:
    library, _, backend = name.partition("-")
    needs = [each for each in (library, backend) if each]
    if library == "torch" and network == "transfer":
      needs.append("efficientnet_lite_pytorch")
    if library == "keras" and network == "transfer":
      continue  # it has no such network
    if all(importlib.util.find_spec(each) for each in needs):
      found.append(name)
  if not found:
    sys.exit(
      "peers.py: nothing to run against is installed: pip install '.[bench]'"
    )
  return [*found, COMPILED] if "torch" in found else found


def main() -> None:
  """Parses the command line, lets all take turns, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--network", choices=NETWORKS, default="eanet", help="recipe [eanet]"
  )
  parser.add_argument("--mode", choices=("train", "infer"), default="train")
  parser.add_argument("--batch", type=int, default=16, help="images [16]")
  parser.add_argument(
    "--image-px", type=int, help="side [256; 384 of transfer]"
  )
  parser.add_argument("--blocks", type=int, help="of each [8; 4 of eanet_best]")
  parser.add_argument(
    "--dtype",
    choices=("float32", "bfloat16"),
    default="float32",
    help="of ours",
  )
  parser.add_argument("--turns", type=int, default=7, help="of each [7]")
  parser.add_argument(
    "--seconds", type=float, default=3.0, help="of a turn, about [3]"
  )
  parser.add_argument(
    "--against",
    nargs="*",
    choices=(*PEERS, COMPILED),
    help="[those whose libraries are installed]",
  )
  parser.add_argument("--contestant", help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  image_px, blocks = NETWORKS[arguments.network]
  asked = workload.Asked(
    network=arguments.network,
    mode=arguments.mode,
    batch=arguments.batch,
    image_px=arguments.image_px or image_px,
    blocks=(arguments.blocks or blocks) if blocks else 0,
    dtype=arguments.dtype,
  )
  if arguments.contestant:
    return contestant(arguments.contestant, asked)
  against = arguments.against
  if against is None:
    against = installed(asked.network)
  everyone = [Process(name, sys.argv[1:]) for name in ("ours", *against)]
  counts = []
  for each in everyone:
    one = each.seconds(4) / 4
    counts.append(max(2, round(arguments.seconds / one)))
  speeds = [[] for _ in everyone]
  for _ in range(arguments.turns):
    for each, count, found in zip(everyone, counts, speeds, strict=True):
      time.sleep(0.3)  # threads of the one before go to sleep
      found.append(count * arguments.batch / each.seconds(count))
  print(
    f"{asked.network}, {asked.mode}, batch {asked.batch}, {asked.image_px} px,"
    f" {arguments.turns} turns, {os.cpu_count()} cores, load"
    f" {os.getloadavg()[0]:.1f}\n"
  )
  print("| | images/s: median [quartiles] | ours is faster by |")
  print("|---|---|---|")
  for each, found in zip(everyone, speeds, strict=True):
    low, median, high = statistics.quantiles(found, n=4)
    ratio = statistics.median(
      ours / other for ours, other in zip(speeds[0], found, strict=True)
    )
    print(
      f"| {each.title} | {median:.0f} [{low:.0f}, {high:.0f}] | {ratio:.2f} |"
    )
    each.close()


if __name__ == "__main__":
  main()
