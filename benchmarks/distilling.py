"""What a small network knows that the large trunk taught it on drawings.

  python benchmarks/distilling.py FOLDER_OF_SETS --workdir runs/distilled

The recommended network of those that start from nothing learns to give what
EfficientNet-Lite0 gives for drawn textures, no photograph among them. Then the
means and spreads of its maps take the place of the trunk's under the solved
layer, on the real sets, split as benchmarks/real_sets.py splits them. Beside
it: the same network as it was initialised, and the trunk itself at the same
image size. Prints a table; weights and drawings are kept in WORKDIR.
"""

import argparse
import pathlib
import sys
import time
from typing import Any

import numpy as np
import real_sets
from contestants import drawn_textures

from eanet_jax.runtime import console

_SIDE = 128  # of a drawing
_TARGETS = 256  # principal components of the trunk's features
_ORIENTATIONS = 4


def drawings(count: int, workdir: pathlib.Path) -> np.ndarray:
  """Returns uint8 (n, side, side, 1)."""
  path = workdir / f"drawings-{count}.npy"
  if not path.exists():
    made = np.empty((count, _SIDE, _SIDE, 1), np.uint8)
    bar = console.progress(total=count, unit="drawing", leave=False)
    with bar:
      for i in range(count):
        made[i, ..., 0] = drawn_textures.draw(i, _SIDE)
        bar.update(1, "drawing")
    np.save(path, made)
  return np.load(path)


def small_network(outputs: int) -> Any:
  """Returns the recommended network of those from nothing."""
  from eanet_jax.configuration import recipes
  from eanet_jax.models import networks

  return networks.create(recipes.load("eanet_best").model.to_dict(), outputs)


def taught(
  images: np.ndarray, epochs: int, batch: int, seed: int
) -> tuple[Any, float]:
  """Returns variables of the small network, and the share that it explains.

  Args:
    images: drawings; the last tenth of them judges.
    epochs, batch, seed: of the training.
  """
  import jax
  import jax.numpy as jnp
  import optax

  from eanet_jax.models import inputs

  features = looked_at("trunk", None, images, 1)
  mean, std = features.mean(0), features.std(0) + 1e-6
  scaled = (features - mean) / std
  _, _, directions = np.linalg.svd(scaled[:4000], full_matrices=False)
  targets = scaled @ directions[:_TARGETS].T
  targets /= targets[:, 0].std()
  model, key = small_network(_TARGETS), jax.random.key(seed)
  blank = np.zeros((1, _SIDE, _SIDE, 1), np.float32)
  variables = model.init(key, blank, deterministic=True)
  cut = len(images) * 9 // 10
  steps = epochs * (cut // batch)
  optimizer = optax.adamw(
    optax.warmup_cosine_decay_schedule(0, 4e-3, steps // 20, steps),
    weight_decay=1e-2,
  )

  @jax.jit
  def step(params, stats, state, some, wanted, key):
    def loss(params):
      found, changed = model.apply(
        {"params": params, "batch_stats": stats},
        inputs.standardise(some, None, None),
        deterministic=False,
        mutable=["batch_stats"],
        rngs={"dropout": key},
      )
      return ((found - wanted) ** 2).mean(), changed["batch_stats"]

    (value, stats), slope = jax.value_and_grad(loss, has_aux=True)(params)
    change, state = optimizer.update(slope, state, params)
    return optax.apply_updates(params, change), stats, state, value

  params, stats = variables["params"], variables["batch_stats"]
  state, rng = optimizer.init(params), np.random.default_rng(seed)
  bar = console.progress(total=steps, unit="step", leave=False)
  with bar:
    for number in range(steps):
      if number % (cut // batch) == 0:
        order = rng.permutation(cut)
      at = number % (cut // batch) * batch
      chosen = order[at : at + batch]
      some = np.rot90(images[chosen], rng.integers(4), (1, 2))
      params, stats, state, _ = step(
        params,
        stats,
        state,
        some,
        targets[chosen],
        jax.random.fold_in(key, number),
      )
      bar.update(1, "teaching")
  variables = {"params": params, "batch_stats": stats}
  predict = jax.jit(
    lambda some: model.apply(
      variables, inputs.standardise(some, None, None), deterministic=True
    )
  )
  judged = range(cut, len(images), batch)
  found = np.concatenate(
    [predict(jnp.asarray(images[i : i + batch])) for i in judged]
  )
  left = ((found - targets[cut:]) ** 2).sum()
  return variables, 1 - left / (
    (targets[cut:] - targets[cut:].mean(0)) ** 2
  ).sum()


def looked_at(
  kind: str, variables: Any, images: np.ndarray, orientations: int
) -> np.ndarray:
  """Returns float32 (n, f): means and spreads of maps of uint8 (n, y, x, 1)."""
  import jax

  from eanet_jax.models import efficientnet_lite, inputs, layers, transfer
  from eanet_jax.models.pretrained import efficientnet_lite0

  if kind == "trunk":
    model = transfer.Transfer(2, efficientnet_lite.Trunk())
    variables = {"frozen": {"trunk": efficientnet_lite0.load()}}
    features = lambda some: model.apply(variables, some, method="features")
  else:
    model = small_network(_TARGETS)

    def features(some):
      _, sown = model.apply(
        variables, some, deterministic=True, mutable=["intermediates"]
      )
      return transfer.moments(sown["intermediates"][layers.POOLED])

  look = jax.jit(lambda some: features(inputs.standardise(some, None, None)))
  size, found = 16, []
  bar = console.progress(total=len(images), unit="image", leave=False)
  with bar:
    for start in range(0, len(images), size):
      some = images[start : start + size]
      count = len(some)
      some = np.concatenate(
        [some, np.zeros((size - count, *some.shape[1:]), np.uint8)]
      )
      turned = inputs.orientations(some, orientations)
      found.append(np.mean([look(each) for each in turned], axis=0)[:count])
      bar.update(count, "looking")
  return np.concatenate(found)


def sizes_of(kind: str) -> tuple[int, ...]:
  """Returns how many features each map has."""
  from eanet_jax.models import efficientnet_lite, transfer

  if kind == "trunk":
    return transfer.Transfer(2, efficientnet_lite.Trunk()).sizes
  return (16, 32, 64, 128, 128)


def accuracies(
  name: str, arguments: argparse.Namespace, ways: dict[str, Any]
) -> dict[str, float]:
  """Returns how often each way is right on a set, over all its rounds."""
  from eanet_jax.commands import training_job
  from eanet_jax.evaluation import answers
  from eanet_jax.training import discriminant

  protocol = real_sets.PROTOCOLS[name]
  folder = (arguments.sets / name).resolve()
  source = ("dataset.source=folder", f"dataset.path={folder}")
  if protocol.every > 1:
    table = real_sets.table_of(folder, protocol.every, arguments.workdir)
    source = ("dataset.source=table", f"dataset.path={table}")
  source += (*protocol.fields, f"dataset.image_px={arguments.image_px}")
  if not protocol.fields:
    source += ("dataset.view=whole",)
  features: dict[str, np.ndarray] = {}
  right: dict[str, list[np.ndarray]] = {way: [] for way in ways}
  for each in protocol.rounds(0):
    config = real_sets.config_of("transfer", source, each, 0, [])
    data, _ = training_job.load(config)
    views = data.views
    train, test = (
      views.of(part) for part in (data.split.train, data.split.test)
    )
    for way, variables in ways.items():
      if way not in features:
        features[way] = looked_at(way, variables, views.images, _ORIENTATIONS)
      micrographs = views.micrograph[train]
      fitted = discriminant.fit(
        features[way][train],
        views.labels[micrographs],
        np.asarray(views.specimens)[micrographs],
        micrographs,
        sizes_of(way),
        len(views.class_names),
      )
      logits = logits_of(fitted, features[way][test], sizes_of(way))
      answered = answers.Answers(views, test, logits)
      told = answered.probabilities.argmax(1) == answered.labels
      if protocol.level == "tile":
        of_tiles = answered.tile_probabilities.argmax(1)
        told = of_tiles == answered.labels[answered.groups]
      right[way].append(told)
  return {
    way: float(np.concatenate(each).mean()) for way, each in right.items()
  }


def logits_of(
  fitted: Any, features: np.ndarray, sizes: tuple[int, ...]
) -> np.ndarray:
  """Returns float64 (n, l) of features (n, f) by a solved layer."""
  from eanet_jax.models import transfer

  equalised = transfer.equalise(
    features, fitted.mean, fitted.std, np.float32(fitted.power), sizes
  )
  return np.asarray(equalised, np.float64) @ fitted.kernel + fitted.bias


def main(argv: list[str]) -> int:
  """Parses the command line, teaches, judges, prints the table."""
  import jax

  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("sets", type=pathlib.Path, metavar="FOLDER_OF_SETS")
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--drawings", type=int, default=8192, help="[8192]")
  parser.add_argument("--epochs", type=int, default=10, help="[10]")
  parser.add_argument("--batch", type=int, default=32, help="[32]")
  parser.add_argument("--image-px", type=int, default=256, help="[256]")
  parser.add_argument(
    "--only",
    type=lambda text: text.split(","),
    default=list(real_sets.PROTOCOLS),
    help="names of sets [all]",
  )
  arguments = parser.parse_args(argv[1:])
  arguments.workdir.mkdir(parents=True, exist_ok=True)
  begun = time.monotonic()
  images = drawings(arguments.drawings, arguments.workdir)
  variables, share = taught(images, arguments.epochs, arguments.batch, 0)
  console.say(
    f"taught in {time.monotonic() - begun:.0f} s: {100 * share:.0f} % of what"
    " the trunk says of drawings it was not taught"
  )
  blank = np.zeros((1, _SIDE, _SIDE, 1), np.float32)
  untaught = small_network(_TARGETS).init(
    jax.random.key(0), blank, deterministic=True
  )
  ways = {
    "small, taught": variables,
    "small, untaught": untaught,
    "trunk": None,
  }
  print(f"| | {' | '.join(ways)} |\n|---" + "|---" * len(ways) + "|")
  for name in arguments.only:
    if not (arguments.sets / name).is_dir():
      console.say(f"{name}: not in {arguments.sets}")
      continue
    found = accuracies(name, arguments, ways)
    cells = [f"{100 * found[way]:.1f}" for way in ways]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)
  return 0


if __name__ == "__main__":
  sys.exit(console.guarded(main, sys.argv))
