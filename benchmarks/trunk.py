"""How fast the frozen trunk looks at images, beside other ways to compute it.

  python benchmarks/trunk.py

One process for each way, one after the other, several rounds; each figure is
the median of the rounds' fastest passes. "xla" has the compiler's own grouped
convolutions in place of shifted sums. "torch" is the published network with
batch norms folded likewise, where torch and efficientnet-lite-pytorch are
installed; else it is left out.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from eanet_jax.runtime import console

WAYS = ("ours", "xla", "torch")


def ours(images: np.ndarray, grouped: bool) -> Callable[[], object]:
  """Returns what computes all maps once, by JAX."""
  import jax

  from eanet_jax.models import efficientnet_lite
  from eanet_jax.models.pretrained import efficientnet_lite0

  if grouped:
    efficientnet_lite.depthwise = by_xla
  trunk = efficientnet_lite.Trunk()
  variables = {"frozen": efficientnet_lite0.load()}
  maps = jax.jit(lambda images: trunk.apply(variables, images)[1:])
  return lambda: jax.block_until_ready(maps(images))


def by_xla(maps: object, kernel: object, stride: int) -> object:
  """Returns `efficientnet_lite.depthwise`, as one grouped convolution."""
  import jax

  channels = maps.shape[-1]
  return jax.lax.conv_general_dilated(
    maps,
    kernel[:, :, None],
    (stride, stride),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
    feature_group_count=channels,
  )


def torchs(images: np.ndarray) -> Callable[[], object]:
  """Returns what computes all maps once, by PyTorch."""
  import torch
  from contestants import torch_networks

  network = torch_networks.efficientnet_lite0()
  torch_networks.fold_norms(network)
  layout = torch.channels_last
  network = network.to(memory_format=layout)
  rgb = torch.from_numpy(images.transpose(0, 3, 1, 2)).repeat(1, 3, 1, 1)
  rgb = rgb.contiguous(memory_format=layout)

  def run() -> object:
    with torch.no_grad():
      maps = network._swish(network._conv_stem(rgb))
      for block in network._blocks:
        maps = block(maps)
      return maps

  return run


def seconds_per_image(way: str, batch: int, image_px: int) -> float:
  """Returns the fastest of several passes over a batch, for one image."""
  rng = np.random.default_rng(0)
  images = rng.normal(size=(batch, image_px, image_px, 1)).astype(np.float32)
  run = torchs(images) if way == "torch" else ours(images, way == "xla")
  run()
  times = []
  for _ in range(5):
    begun = time.perf_counter()
    run()
    times.append(time.perf_counter() - begun)
  return min(times) / batch


def main(argv: list[str]) -> int:
  """Parses the command line, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--batch", type=int, default=16, help="images [16]")
  parser.add_argument("--image-px", type=int, default=384, help="side [384]")
  parser.add_argument("--rounds", type=int, default=3, help="[3]")
  parser.add_argument("--way", choices=WAYS, help="time this one here")
  arguments = parser.parse_args(argv[1:])
  if arguments.way:
    found = seconds_per_image(
      arguments.way, arguments.batch, arguments.image_px
    )
    print(found)
    return 0
  times: dict[str, list[float]] = {way: [] for way in WAYS}
  for _ in range(arguments.rounds):
    for way in WAYS:
      done = subprocess.run(
        [sys.executable, *argv, f"--way={way}"], capture_output=True, text=True
      )
      if done.returncode == 0:
        times[way].append(float(done.stdout.split()[-1]))
      elif way != "torch":
        print(done.stderr, file=sys.stderr)
        return 1
  ours_ms = 1e3 * statistics.median(times["ours"])
  print("| way | ms an image | times ours |\n|---|---|---|")
  for way, found in times.items():
    if not found:
      print(f"| {way} | not installed | |")
      continue
    ms = 1e3 * statistics.median(found)
    spread = f"{1e3 * min(found):.1f} to {1e3 * max(found):.1f}"
    print(f"| {way} | {ms:.1f} ({spread}) | {ms / ours_ms:.2f} |")
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
