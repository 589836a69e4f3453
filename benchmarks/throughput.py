"""How fast a configuration trains or infers, and how near to the machine.

  python benchmarks/throughput.py --config configs/eanet.py
  python benchmarks/throughput.py --config configs/eanet.py --mode infer
  python benchmarks/throughput.py --config configs/eanet.py --mode loop

Prints one line of JSON. `train` is the jitted step with its augmentation and
the gathering of its batches; `infer` the forward pass from host to host; `loop`
the whole of training (batches, steps, progress, logs, a checkpoint each epoch,
a validation of 16 images) beside bare steps before and after it. On random
images; needs neither a data set nor TensorFlow.
"""

import argparse
import itertools
import json
import os
import pathlib
import resource
import statistics
import sys
import tempfile
import time

_STARTED = time.perf_counter()
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from eanet_jax.configuration import command_line
from eanet_jax.runtime import process

_IMAGES = 400
_EPOCH = 384  # images to train on; the others are for validation
_CLASSES = 3
_WINDOWS = 7


class Bench:
  """A configuration's training step, loop and forward pass, on random images.

  Attributes:
    config: with what was overridden.
    model: its network.
  """

  def __init__(
    self,
    config: str,
    *,
    batch: int = 0,
    image_px: int = 0,
    blocks: int = 0,
    dtype: str = "",
  ):
    """Builds the state; 0 and "" are what the configuration says."""
    import jax
    import numpy as np

    from eanet_jax.data import batching, dataset, splits, view_store
    from eanet_jax.inference import forward_pass
    from eanet_jax.runtime import sharding
    from eanet_jax.training import initial_state, objectives, train_step

    config = command_line.load(config).unlock()
    config.train.batch_size = batch or config.train.batch_size
    config.train.epochs = _WINDOWS + 1  # the first compiles
    config.dataset.image_px = image_px or config.dataset.image_px
    config.model.dtype = dtype or config.model.dtype
    if blocks:
      config.model.num_blocks = blocks
    self.config = config
    px, order = config.dataset.image_px, np.arange(_IMAGES)
    rng = np.random.default_rng(0)
    some = rng.integers(0, 256, (8, px, px, 1), dtype=np.uint8)
    # Large images are views of a few: what they show changes no speed.
    images = np.resize(some, (_IMAGES, px, px, 1)) if px <= 256 else some
    views = view_store.Views(
      images=images,
      micrograph=order.astype(np.int32),
      labels=(order % _CLASSES).astype(np.int32),
      specimens=tuple(map(str, order)),
      files=tuple(map(str, order)),
      class_names=("a", "b", "c"),
      skipped=(),
      unmatched=(),
      digest="random",
    )
    split = splits.Split(order[:_EPOCH], order[_EPOCH:], order[:0], "specimen")
    self._data = dataset.Dataset(
      views, split, by_image=config.dataset.standardise == "image"
    )
    self._objective = objectives.choose(config, self._data)
    mesh = sharding.data_mesh()
    self.model, self.state, _ = initial_state.create(
      config, self._data, self._objective, 1, mesh
    )
    self._batches = batching.Batches(
      images,
      np.arange(len(images)) % _CLASSES,
      indices=np.arange(min(_EPOCH, len(images))),
      batch_size=config.train.batch_size,
      seed=0,
      mesh=mesh,
      resident_bytes=2**40,
    )
    self._train_steps = train_step.make_train_steps(mesh)
    self._key = jax.random.key(0)
    self._forward = forward_pass.ForwardPass(
      self.model,
      self._data.mean,
      self._data.std,
      config.train.batch_size,
      mesh,
    )

  def train(self, count: int) -> None:
    """Trains `count` steps, to the end of the last."""
    from eanet_jax.training import dispatching

    self.state, _ = dispatching.run_steps(
      self.state,
      self._train_steps,
      self._batches,
      self._key,
      first_step=0,
      last_step=count,
      per_dispatch=dispatching.steps_per_dispatch(0, count, count),
      stop=lambda _: False,
      on_steps=lambda _: None,
    )

  def infer(self, count: int) -> None:
    """Gets the logits of `count` batches from host to host."""
    import numpy as np

    images = self._data.views.images
    chosen = np.arange(count * self.config.train.batch_size) % len(images)
    self._forward(self.state.variables, images, chosen)

  def features(self, count: int) -> None:
    """Finds what a frozen trunk says of `count` batches, for training."""
    import numpy as np

    images = self._data.views.images
    chosen = np.arange(count * self.config.train.batch_size) % len(images)
    orientations = self.config.evaluation.orientations
    self._forward.features(self.state.variables, images, chosen, orientations)

  def loop(self) -> list[float]:
    """Trains by the whole loop; returns seconds of each epoch but the first."""
    from eanet_jax.training import metric_writers, train_loop
    from eanet_jax.workdir import checkpoints

    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
      workdir = pathlib.Path(folder)
      with checkpoints.Checkpoints(workdir) as saved:
        training = train_loop.Training(
          self.config,
          workdir,
          self._data,
          self._objective,
          saved,
          metric_writers.Writers({}),
        )
        training.run(clock)
    return clock.epochs()

  def temporary_bytes(self) -> int:
    """Returns what the compiled training step needs besides its arguments."""
    lowered = self._train_steps.lower(
      self.state, self._batches(0, 1), self._key
    )
    return lowered.compile().memory_analysis().temp_size_in_bytes


class _Clock:
  """What the loop takes for its progress bar; notes when epochs end."""

  def __init__(self):
    self._times = []

  def update(self, *_):
    """Of the images done."""

  def tell(self, *_):
    """Of the epoch done."""
    self._times.append(time.perf_counter())

  def epochs(self) -> list[float]:
    """Returns the seconds of each epoch but the first."""
    return [b - a for a, b in itertools.pairwise(self._times)]


def gflop_per_image(group, model, image_px: int) -> float:
  """Returns 1e9 operations of the forward pass's products, by the formulas.

  A multiplication and an addition are two. Of a network that has no formula
  here, what XLA counts.

  Args:
    group: `model` of a configuration.
    model: the network it describes.
    image_px: side of an image.
  """
  from eanet_jax.models import cost

  if group.name != "eanet" or group.stem != "patches":
    return cost.gflop_per_image(model, image_px)
  n, d = (image_px // group.patch_px) ** 2, group.width
  if group.attention_type == "self":
    attention = 2 * n * group.num_heads * group.key_width * (4 * d + 2 * n)
  elif group.attention_type == "simplified":
    attention = 2 * n * n * d * 2
  else:
    attention = 2 * n * d * group.num_heads * group.num_slots * 2
  block = attention + 2 * n * d * group.mlp_width * 2
  return (2 * n * group.patch_px**2 * d + group.num_blocks * block) / 1e9


def matmul_gflops(dtype: str) -> float:
  """Returns 1e9 operations a second of a large product, the best of 5."""
  import jax
  import jax.numpy as jnp

  side = 2048 if jax.default_backend() == "cpu" else 8192
  a = jnp.ones((side, side), dtype)
  multiply = jax.jit(lambda a: a @ a)
  multiply(a).block_until_ready()
  return 2 * side**3 / min(windows(lambda _: multiply(a), 1)) / 1e9


def windows(work, count: int) -> list[float]:
  """Returns the seconds of each of several calls work(count)."""
  import jax

  seconds = []
  for _ in range(_WINDOWS):
    begun = time.perf_counter()
    jax.block_until_ready(work(count))
    seconds.append(time.perf_counter() - begun)
  return seconds


def measure(bench: Bench, mode: str, steps: int) -> dict:
  """Returns the figures of one mode, as they are printed."""
  from eanet_jax.runtime import versions

  config = bench.config
  size, px = config.train.batch_size, config.dataset.image_px
  work = bench.infer if mode == "infer" else bench.train
  work(1)
  first_step_s = time.perf_counter() - _STARTED
  work(steps)  # a dispatch of many steps is another program
  load = os.getloadavg()[0]
  peak = matmul_gflops(config.model.dtype)
  step_s = [s / steps for s in windows(work, steps)]
  rates, loop = [size / s for s in step_s], {}
  if mode == "loop":
    rates = [_EPOCH / s for s in bench.loop()]
    step_s += [s / steps for s in windows(work, steps)]
    bare = size / statistics.median(step_s)
    loop = {
      "step_images_per_s": round(bare, 1),
      "loop_over_step": round(statistics.median(rates) / bare, 3),
    }
  low, median, high = statistics.quantiles(rates, n=4)
  gflop = gflop_per_image(config.model, bench.model, px)
  gflop *= 1 if mode == "infer" else 3
  peak = max(peak, matmul_gflops(config.model.dtype))
  usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return {
    "mode": mode,
    "batch": size,
    "image_px": px,
    "dtype": config.model.dtype,
    "images_per_s": round(median, 1),
    "quartiles": [round(low, 1), round(high, 1)],
    "windows": len(rates),
    "step_ms": round(1e3 * statistics.median(step_s), 2),
    **loop,
    "first_step_s": round(first_step_s, 2),
    "gflop_per_image": float(f"{gflop:.4g}"),
    "matmul_gflops": round(peak, 1),
    "mfu": float(f"{median * gflop / peak:.3g}"),
    "peak_rss_mb": usage // (2**20 if sys.platform == "darwin" else 2**10),
    "device": versions.device(),
    "versions": versions.installed(),
    "load_average": round(load, 2),
  }


def main() -> None:
  """Parses the command line, measures, prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--config", required=True, help="FILE or FILE:variant")
  modes = ("train", "infer", "loop")
  parser.add_argument("--mode", choices=modes, default="train", help="[train]")
  parser.add_argument("--batch", type=int, default=0, help="images of a batch")
  parser.add_argument(
    "--image-px", type=int, default=0, help="side of an image"
  )
  parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="")
  parser.add_argument(
    "--steps", type=int, default=16, help="of each of 7 windows [16]"
  )
  arguments = parser.parse_args()
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  process.prepare()
  bench = Bench(
    arguments.config,
    batch=arguments.batch,
    image_px=arguments.image_px,
    dtype=arguments.dtype,
  )
  found = measure(bench, arguments.mode, arguments.steps)
  print(json.dumps({"config": arguments.config, **found}))


if __name__ == "__main__":
  main()
