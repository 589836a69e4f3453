"""What each place of an image adds to the logit of each class.

Takes a network and images, gives maps over places whose sums are the logits:
behind the pooling of every network here only an affine layer follows, so a
logit is a sum over places. Reads and writes no files.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from eanet_jax.models import eanet, ensemble, inputs, layers, transfer
from eanet_jax.runtime import compiler, pytrees, sharding

Array = jax.Array

NAMES = ("speaks for it", "speaks for the runner-up")


def contributions(
  model: nn.Module | ensemble.Ensemble,
  variables: pytrees.Variables,
  images: np.ndarray,
  mean: float | None,
  std: float | None,
  orientations: int,
  mesh: jax.sharding.Mesh,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns maps and constants: sums of maps + constants are the logits.

  They are the logits that the network's own temperature divides, in the mean
  over the orientations, each turned back into place, and over the members of
  an ensemble. The probabilities of a `transfer.Transfer` of one member are
  their softmax. Other networks and ensembles give the mean of the
  probabilities of orientations and members, which is the softmax of no such
  sum, but near it where they agree.

  Args:
    model, variables: the network.
    images: uint8 (k, y, x, 1), y = x.
    mean, std: as `inputs.standardise` takes them.
    orientations: see `forward_pass.ForwardPass`.
    mesh: the devices that hold the variables.

  Returns:
    float32 (k, l, gy, gx) over the places of the finest map that is pooled,
    and float32 (l,). A place of a coarser map is shared out equally among the
    places of the finest that it covers.
  """
  whole = sharding.replicated(mesh)
  of_members = [variables]
  if isinstance(model, ensemble.Ensemble):
    count, model = model.members, model.network
    of_members = [ensemble.member(variables, i) for i in range(count)]
  maps, constants = [], np.zeros(())
  for image in images:
    turned = list(inputs.orientations(image[None], orientations))
    on_devices = sharding.put(np.concatenate(turned), whole)
    found = [
      _of_image(model, mean, std, whole, own, on_devices) for own in of_members
    ]
    maps.append(np.mean([sharding.fetch(own) for own, _ in found], axis=0))
    constants = np.mean([sharding.fetch(own) for _, own in found], axis=0)
  return np.stack(maps).transpose(0, 3, 1, 2), constants


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
@compiler.full_precision
def _of_image(
  model: nn.Module,
  mean: float | None,
  std: float | None,
  whole: jax.sharding.NamedSharding,
  variables: pytrees.Variables,
  images: Array,
) -> tuple[Array, Array]:
  """Maps (gy, gx, l) and constants (l,) by one member.

  Args:
    model, mean, std, variables: see `contributions`.
    whole: on every device the same.
    images: uint8 (o, y, x, 1), the orientations of one image.
  """
  images = inputs.standardise(images, mean, std)
  temperature = ensemble.temperature(variables)
  of_network = ensemble.of_network(variables)
  if isinstance(model, transfer.Transfer):
    maps, constants = _of_moments(model, of_network, images)
  else:
    maps, constants = _of_means(model, of_network, images)
  finest = max(each.shape[1:3] for each in maps)
  total = jnp.stack([_on_finest(each, finest) for each in maps]).sum(axis=0)
  upright = [inputs.upright(each, k) for k, each in enumerate(total)]
  mean_map = jnp.stack(upright).mean(axis=0)
  found = mean_map / temperature, constants / temperature
  return jax.lax.with_sharding_constraint(found, whole)


def _of_moments(
  model: transfer.Transfer, variables: pytrees.Variables, images: Array
) -> tuple[list[Array], Array]:
  """Maps (o, y, x, l) of each block and constants (l,) of a frozen trunk.

  Measured from the mean of the training images. What `transfer.equalise`
  divides by counts as a constant of the image. Of a channel a, with the mean m
  and the logarithm s of its spread over the n places of the image, place p has

    (a_p - mean of m) / n  and  (s - mean of s) (a_p - m)^2 / sum_q (a_q - m)^2

  times the weights of either. So the sum over places is exact.
  """
  # It returns a tuple only if something is mutable.
  maps: list[Array] = model.apply(  # type: ignore[assignment]
    variables, images, method="maps"
  )
  features = transfer.moments(maps)  # (o, f)
  stats, head = variables["batch_stats"], variables["params"]["head"]
  off = features - stats["mean"][None]
  # Features are averaged over the orientations before they are equalised.
  scaled = off.mean(axis=0, keepdims=True) / stats["std"][None]
  divisors = transfer.divisors(scaled, stats["power"], model.sizes)
  slopes = head["kernel"] / (stats["std"] * divisors[0])[:, None]  # (f, l)
  found, start = [], 0
  for each in maps:
    o, y, x, c = each.shape
    middle, end = start + c, start + 2 * c
    rows = each.astype(jnp.float32).reshape(o, y * x, c)
    squares = (rows - rows.mean(axis=1, keepdims=True)) ** 2
    total = squares.sum(axis=1, keepdims=True)
    # Of a channel that is the same everywhere, each place has as much.
    share = jnp.where(total > 0, squares / total, 1 / (y * x))
    of_mean = (rows - stats["mean"][None, None, start:middle]) / (y * x)
    of_spread = share * jnp.expand_dims(off[:, middle:end], 1)
    heat = of_mean @ slopes[start:middle] + of_spread @ slopes[middle:end]
    found.append(heat.reshape(o, y, x, -1))
    start = end
  return found, head["bias"]


def _of_means(
  model: nn.Module, variables: pytrees.Variables, images: Array
) -> tuple[list[Array], Array]:
  """Maps (o, y, x, l) of each map that is pooled, and constants (l,).

  Measured from the running averages where what is pooled is batch-normalised,
  else from zero.
  """
  _, sown = model.apply(
    variables, images, deterministic=True, mutable=["intermediates"]
  )
  maps = sown["intermediates"][layers.POOLED]
  head = variables["params"]["head"]
  slopes, constants = head["kernel"], head["bias"]
  start = jnp.zeros(len(slopes))
  if "pool_norm" in variables["params"]:
    norm = variables["params"]["pool_norm"]
    stats = variables["batch_stats"]["pool_norm"]
    start = stats["mean"]
    constants = constants + norm["bias"] @ slopes
    std = jnp.sqrt(stats["var"] + eanet.POOL_EPSILON)
    slopes = slopes * (norm["scale"] / std)[:, None]
  found, first = [], 0
  for each in maps:
    _, y, x, c = each.shape
    own = slice(first, first + c)
    off = each.astype(jnp.float32) - start[None, None, None, own]
    found.append(off @ slopes[own] / (y * x))
    first += c
  return found, constants


def _on_finest(maps: Array, finest: tuple[int, ...]) -> Array:
  """Maps (o, y, x, l) on a grid as fine or finer, their sums as they were."""
  for axis, fine in enumerate(finest, start=1):
    coarse = maps.shape[axis]
    covered = np.arange(fine) // -(-fine // coarse)
    counts = np.bincount(covered, minlength=coarse)
    shape = [1, 1, 1, 1]
    shape[axis] = coarse
    maps = (maps / counts.reshape(shape)).take(covered, axis=axis)
  return maps


def for_and_against(
  maps: np.ndarray, constants: np.ndarray
) -> tuple[np.ndarray, list[str]]:
  """Returns what speaks for the class that is named, and for the runner-up.

  Args:
    maps, constants: see `contributions`.

  Returns:
    float32 (k, 2, gy, gx), none below 0, and NAMES.
  """
  first, second = np.argsort(-(maps.sum(axis=(2, 3)) + constants), axis=1).T[:2]
  rows = np.arange(len(maps))
  margin = maps[rows, first] - maps[rows, second]
  return np.maximum(np.stack([margin, -margin], axis=1), 0), list(NAMES)


def over_micrograph(maps: np.ndarray, columns: int) -> np.ndarray:
  """Returns maps (l, y, x) of the views of a micrograph, each in its place.

  Each is divided by how many there are, so that the sum over places is the
  mean over the views.

  Args:
    maps: (v, l, gy, gx), a row of views after the other.
    columns: views in a row.
  """
  views, classes, y, x = maps.shape
  grid = maps.reshape(views // columns, columns, classes, y, x)
  grid = grid.transpose(2, 0, 3, 1, 4) / views
  return grid.reshape(classes, -1, columns * x)
