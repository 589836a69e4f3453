"""EANet against the same network of stock Keras 3 layers, in one run.

  pip install '.[bench]'
  python benchmarks/peers.py
  python benchmarks/peers.py --mode infer --batch 64 --backends jax torch

Keras runs on each of its backends that is installed. Every contestant is a
process of its own that trains or infers when told to, so that they take turns:
what slows the machine down for a while slows all of them. Prints a table of
images per second and of ratios to ours, paired by turn.

Theirs is the network of the Keras example, with its projections before and
after the memories, batches ready in memory and no augmentation. Ours is the
training loop's step, augmentation and gathering of batches included.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

BACKENDS = ("jax", "tensorflow", "torch")
_IMAGES = 64
_CLASSES = 3
# As configs/eanet.py has them; heads and slots as the Keras example counts.
_PATCH_PX, _WIDTH, _HEADS, _COEFFICIENT = 16, 64, 4, 4
_MLP_WIDTH, _DROPOUT = 64, 0.2


def keras_network(image_px: int, blocks: int = 8):
  """Returns the example's EANet for (b, y, x, 1) images, uncompiled."""
  import keras
  from keras import layers, ops

  tokens = (image_px // _PATCH_PX) ** 2

  class PositionEmbedding(layers.Layer):
    def build(self, shape):
      self.position = self.add_weight(shape=shape[1:], name="position")

    def call(self, x):
      return x + self.position

  def external_attention(x):
    heads, wide = _HEADS * _COEFFICIENT, _WIDTH * _COEFFICIENT
    x = layers.Dense(wide)(x)
    x = layers.Reshape((tokens, heads, wide // heads))(x)
    x = layers.Permute((2, 1, 3))(x)  # (b, h, n, k)
    x = layers.Dense(_WIDTH // _COEFFICIENT)(x)  # M_k
    x = layers.Softmax(axis=2)(x)
    x = layers.Lambda(
      lambda a: a / (1e-9 + ops.sum(a, axis=-1, keepdims=True)),
      output_shape=x.shape[1:],
    )(x)
    x = layers.Dropout(_DROPOUT)(x)
    x = layers.Dense(wide // heads)(x)  # M_v
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Reshape((tokens, wide))(x)
    return layers.Dropout(_DROPOUT)(layers.Dense(_WIDTH)(x))

  image = layers.Input((image_px, image_px, 1))
  x = layers.Rescaling(1 / 60, -2.0)(image)
  x = layers.Conv2D(_WIDTH, _PATCH_PX, _PATCH_PX)(x)  # a patch is a token
  x = PositionEmbedding()(layers.Reshape((tokens, _WIDTH))(x))
  for _ in range(blocks):
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, external_attention(y)])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(_MLP_WIDTH, activation="gelu")(y)
    y = layers.Dense(_WIDTH)(layers.Dropout(_DROPOUT)(y))
    x = layers.Add()([x, layers.Dropout(_DROPOUT)(y)])
  x = layers.GlobalAveragePooling1D()(x)
  return keras.Model(image, layers.Dense(_CLASSES)(x))


def keras_work(backend: str, arguments):
  """Returns (name, work): work(k) trains or infers k batches, to the end."""
  os.environ["KERAS_BACKEND"] = backend
  import keras
  import numpy as np

  network = keras_network(arguments.image_px, arguments.blocks)
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (_IMAGES, *network.input_shape[1:])).astype(
    "f4"
  )
  labels = np.eye(_CLASSES, dtype="f4")[np.arange(_IMAGES) % _CLASSES]
  rows = np.arange(arguments.batch)
  batches = [
    np.take(np.arange(_IMAGES), start + rows, mode="wrap")
    for start in range(0, _IMAGES, arguments.batch)
  ]
  batches = [(images[rows], labels[rows]) for rows in batches]
  name = f"Keras {keras.__version__} on {backend}"
  if arguments.mode == "infer":

    def work(count):
      for i in range(count):
        network.predict_on_batch(batches[i % len(batches)][0])
  else:
    network.compile(
      keras.optimizers.AdamW(1e-3, weight_decay=1e-4),
      keras.losses.CategoricalFocalCrossentropy(from_logits=True),
    )
    many = [np.concatenate(arrays) for arrays in zip(*batches, strict=True)]

    def work(count):
      # One pass of `fit`, its fastest loop: nothing is fetched in between.
      rows = np.resize(np.arange(len(many[0])), count * arguments.batch)
      images, labels = (array[rows] for array in many)
      network.fit(
        images, labels, batch_size=arguments.batch, epochs=1, verbose=0
      )

  return name, work


def our_work(arguments):
  """Returns (name, work) of this project's step or forward pass."""
  import throughput

  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  throughput.process.prepare()
  bench = throughput.Bench(
    "configs/eanet.py",
    batch=arguments.batch,
    image_px=arguments.image_px,
    blocks=arguments.blocks,
    dtype=arguments.dtype,
  )
  work = bench.train if arguments.mode == "train" else bench.infer
  return f"eanet_jax, {arguments.dtype}", work


def contestant(name: str, arguments) -> None:
  """Serves one contestant: reads counts, writes seconds, until no more come."""
  title, work = (
    our_work(arguments) if name == "ours" else keras_work(name, arguments)
  )
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
    self._process = subprocess.Popen(
      [sys.executable, __file__, *argv, "--contestant", name],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE if name != "ours" else None,
      text=True,
    )
    self.title = self._read()

  def _read(self):
    while line := self._process.stdout.readline():
      try:
        return json.loads(line)
      except json.JSONDecodeError:
        continue  # what a library has to say
    raise SystemExit((self._process.stderr or sys.stderr).read()[-2000:])

  def seconds(self, count: int) -> float:
    """Returns how long `count` batches take."""
    print(count, file=self._process.stdin, flush=True)
    return self._read()

  def close(self) -> None:
    """Ends the process."""
    self._process.stdin.close()
    self._process.wait()


def main() -> None:
  """Parses the command line, lets all take turns, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--mode", choices=("train", "infer"), default="train")
  parser.add_argument("--batch", type=int, default=16, help="images [16]")
  parser.add_argument("--image-px", type=int, default=256, help="side [256]")
  parser.add_argument("--blocks", type=int, default=8, help="of each [8]")
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
  parser.add_argument("--backends", nargs="*", choices=BACKENDS)
  parser.add_argument("--contestant", help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.contestant:
    return contestant(arguments.contestant, arguments)
  backends = arguments.backends
  if backends is None:
    backends = [b for b in BACKENDS if importlib.util.find_spec(b)]
  if not importlib.util.find_spec("keras"):
    sys.exit("peers.py: Keras is not installed: pip install '.[bench]'")
  everyone = [Process(name, sys.argv[1:]) for name in ("ours", *backends)]
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
    f"{arguments.mode}, batch {arguments.batch}, {arguments.image_px} px,"
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
  sys.path.insert(0, str(pathlib.Path(__file__).parent))
  main()
