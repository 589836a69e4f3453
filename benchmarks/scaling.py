"""Cost by number of tokens: external attention beside self-attention.

  python benchmarks/scaling.py --out scaling.png

Trains steps of the default network and of ViT on ever larger images, 16,384
tokens to a step: 64 images of 256 px, 16 of 512, 4 of 1024, 1 of 2048. Time
and temporary memory for a token should stay as they are where cost is linear.
A step that would need more than 8 GB is not run. Prints a table, draws a plot.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import throughput

_LIMIT_BYTES = 8 * 2**30
_SIDES_PX = (256, 512, 1024, 2048)
_NETWORKS = {
  "external": ("EANet, external attention", "configs/eanet.py"),
  "self": ("ViT, self-attention", "configs/vit.py"),
}


def one(config: str, image_px: int, tokens: int) -> dict:
  """Returns the figures of one network and image size."""
  from eanet_jax.runtime import process

  process.prepare()
  batch = tokens * 16**2 // image_px**2
  bench = throughput.Bench(config, batch=batch, image_px=image_px)
  needs = bench.temporary_bytes()
  found = {"tokens": (image_px // 16) ** 2, "KiB": needs / tokens / 2**10}
  if needs > _LIMIT_BYTES:
    return found
  bench.train(1)
  seconds = throughput.windows(bench.train, 1)
  return {**found, "us": statistics.median(seconds) / tokens * 1e6}


def draw(rows: dict[str, list[dict]], tokens: int, out: pathlib.Path) -> None:
  """Writes a PNG of time and memory of a token by the tokens of an image."""
  import matplotlib

  matplotlib.use("Agg")
  from matplotlib import pyplot

  figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
  for name, found in rows.items():
    for axis, field in zip(axes, ("us", "KiB"), strict=True):
      shown = [row for row in found if field in row]
      axis.loglog(
        [row["tokens"] for row in shown],
        [row[field] for row in shown],
        "o-",
        label=_NETWORKS[name][0],
      )
  limit = _LIMIT_BYTES / tokens / 2**10
  axes[1].axhline(limit, color="grey", ls=":")
  axes[1].annotate("8 GB", (256, limit), va="bottom")
  for axis, title in zip(
    axes, ("training, µs a token", "temporary memory, KiB a token"), strict=True
  ):
    axis.set(title=title, xlabel="tokens of an image")
    axis.set_xticks([256, 1024, 4096, 16384], ["256", "1024", "4096", "16384"])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
  axes[0].legend(frameon=False)
  figure.savefig(out, dpi=140)


def main() -> None:
  """Parses the command line, measures each size in a process of its own."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("scaling.png"),
    help="PNG file to write [scaling.png]",
  )
  parser.add_argument(
    "--sides", type=int, nargs="+", default=_SIDES_PX, metavar="PX"
  )
  parser.add_argument(
    "--tokens", type=int, default=16_384, help="of a step [16384]"
  )
  parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  if arguments.one:
    config, image_px = arguments.one
    found = one(config, int(image_px), arguments.tokens)
    print(json.dumps(found))
    return
  rows: dict[str, list[dict]] = {name: [] for name in _NETWORKS}
  print("| | tokens of an image | µs a token | KiB a token |")
  print("|---|---|---|---|")
  for name, found in rows.items():
    for side in arguments.sides:
      command = [__file__, "--one", _NETWORKS[name][1], str(side)]
      done = subprocess.run(
        [sys.executable, *command, f"--tokens={arguments.tokens}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
      )
      found.append(json.loads(done.stdout))
      us, kib = (_beside_first(found, field) for field in ("us", "KiB"))
      print(
        f"| {_NETWORKS[name][0]} | {found[-1]['tokens']} | {us} | {kib} |",
        flush=True,
      )
  draw(rows, arguments.tokens, arguments.out)


def _beside_first(found: list[dict], field: str) -> str:
  """The newest figure, and how often it is the first."""
  if field not in found[-1]:
    return "needs more than 8 GB: not run"
  ratio = found[-1][field] / found[0][field]
  return f"{found[-1][field]:.2f} ({ratio:.2f}x)"


if __name__ == "__main__":
  main()
