"""How fast a configuration trains or infers, and how near to the machine.

  python benchmarks/throughput.py --config configs/eanet.py
  python benchmarks/throughput.py --config configs/eanet.py --mode infer --batch 64
  python benchmarks/throughput.py --config configs/eanet.py --mode loop

Prints one line of JSON. `train` is the jitted step with its augmentation and
the gathering of its batches, `infer` the forward pass from host to host, `loop`
the whole training loop (step, progress, validation, logs, checkpoints) beside
the bare step. On random images; needs neither a data set nor TensorFlow.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from eanet_jax import settings

_IMAGES = 64
_CLASSES = 3
_STARTED = time.perf_counter()


class Bench:
  """A configuration's training step and forward pass on random images."""

  def __init__(
    self, config: str, *, batch: int = 0, image_px: int = 0, dtype: str = ""
  ):
    """Builds the state; 0 and "" are what the configuration says."""
    import jax
    import numpy as np

    from eanet_jax import augment, evaluate, optimizer, sharding, train
    from eanet_jax.data import batching
    from eanet_jax.models import systems

    config = settings.load(config).unlock()
    config.train.batch_size = batch or config.train.batch_size
    config.dataset.image_px = image_px or config.dataset.image_px
    config.model.dtype = dtype or config.model.dtype
    self.config = config
    self.model = systems.create(config.model.to_dict(), _CLASSES)
    mesh = sharding.data_mesh()
    px = config.dataset.image_px
    ranges = augment.Ranges(**config.augment.to_dict())
    self.state = train.create_state(
      self.model,
      optimizer.adamw(lambda _: 1e-3, 1e-4, 0.0),
      train.Recipe(mean=127.0, std=74.0, ranges=ranges),
      px,
      0,
      mesh,
    )
    rng = np.random.default_rng(0)
    self.images = rng.integers(0, 256, (_IMAGES, px, px, 1), dtype=np.uint8)
    self._batches = batching.Batches(
      self.images,
      np.arange(_IMAGES) % _CLASSES,
      indices=np.arange(_IMAGES),
      batch_size=config.train.batch_size,
      seed=0,
      mesh=mesh,
      resident_bytes=2**40,
    )
    self._train_steps = train.make_train_steps(mesh)
    self._key = jax.random.key(0)
    self._per_dispatch = train.steps_per_dispatch(0, 32, 1000)
    self._forward = evaluate.Forward(
      self.model, 127.0, 74.0, config.train.batch_size, mesh
    )

  def train(self, count: int) -> None:
    """Trains `count` steps, to the end of the last."""
    from eanet_jax import train

    self.state, _ = train.run_steps(
      self.state,
      self._train_steps,
      self._batches,
      self._key,
      first_step=0,
      last_step=count,
      per_dispatch=self._per_dispatch,
      stop=lambda _: False,
      on_steps=lambda _: None,
    )

  def infer(self, count: int) -> None:
    """Gets the logits of `count` batches from host to host."""
    import numpy as np

    size = self.config.train.batch_size
    chosen = np.resize(np.arange(_IMAGES), count * size)
    self._forward(self.state.variables, self.images, chosen)
