"""All that a trained network answers for views, as one pure function.

Takes a restored network, gives what JAX traces for any number of images. It is
what `inference.classify.Classifier` does for each view, in float32 throughout
and in one piece: nothing runs on the host in between.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from eanet_jax.models import ensemble, inputs, transfer
from eanet_jax.runtime import compiler, pytrees, sharding
from eanet_jax.workdir import restore

Array = jax.Array

PROBABILITIES = "probabilities"  # float32 (b, l)
NOVELTY = "novelty"  # float32 (b,), where the network can tell
FEATURES = "features"  # float32 (b, f), where it has any

# From uint8 (b, y, x, 1) to the arrays by name.
AnswerFunction = Callable[[Array], dict[str, Array]]


def of(network: restore.TrainedNetwork) -> AnswerFunction:
  """Returns the answers of a network as a function of uint8 (b, y, x, 1).

  Its weights are constants in it. Images are looked at in the orientations that
  the network was tested with: the features of a `transfer.Transfer` are the
  mean over them, the probabilities of other networks are.
  """
  model, meta = network.model, network.meta
  variables = jax.tree.map(sharding.fetch, network.variables)
  members = [variables]
  if isinstance(model, ensemble.Ensemble):
    members = [ensemble.member(variables, i) for i in range(model.members)]
    model = model.network
  turns = meta.config["evaluation"]["orientations"]
  temperature = ensemble.temperature(variables)

  @compiler.full_precision
  def answers(images: Array) -> dict[str, Array]:
    seen = inputs.standardise(turned(images, turns), meta.mean, meta.std)
    found: dict[str, Array] = {}
    if isinstance(model, transfer.Transfer):
      # What is frozen is all it takes, and members have it in common.
      frozen = {"frozen": variables["frozen"]}
      each = model.apply(frozen, seen, method="features")
      found[FEATURES] = seen = _mean_over(each, turns)  # type: ignore[arg-type]
      if "familiar" in variables:
        found[NOVELTY] = _novelty(seen, variables["familiar"])
    of_members: list[Array] = []
    for member in members:
      logits: Array = model.apply(  # type: ignore[assignment]
        ensemble.of_network(member), seen, deterministic=True
      )
      of_members.append(jax.nn.softmax(logits / temperature))
    probabilities = functools.reduce(jnp.add, of_members) / len(of_members)
    if FEATURES not in found:
      probabilities = _mean_over(probabilities, turns)
    return {PROBABILITIES: probabilities, **found}

  return answers


def turned(images: Array, count: int) -> Array:
  """Returns (count b, y, x, c): images in the order of `inputs.orientations`.

  One batch, for convolutions within a loop are slow on CPUs.
  """
  if count == 1:
    return images
  found = []
  for k in range(count):
    each = jnp.rot90(images, k % 4, axes=(1, 2))
    found.append(each if k < 4 else jnp.flip(each, 2))
  return jnp.concatenate(found)


def _mean_over(rows: Array, turns: int) -> Array:
  """Returns (b, r): the mean of rows (turns b, r) over the orientations."""
  if turns == 1:
    return rows
  return rows.reshape(turns, -1, rows.shape[-1]).mean(axis=0)


def _novelty(features: Array, familiar: pytrees.Variables) -> Array:
  """Returns (b,): `novelty.Familiar.distances` of (b, f), by the threshold.

  What is left of the features is squared, not the difference of two squares
  taken, which float32 would round away.
  """
  scaled = (features - familiar["mean"][None]) / familiar["std"][None]
  directions = familiar["directions"]
  # Those in which nothing varies add nothing.
  directions = directions[np.any(directions != 0, axis=1)]
  left = scaled
  if len(directions):
    left = scaled - (scaled @ directions.T) @ directions
  return jnp.sqrt((left**2).mean(axis=1)) / familiar["threshold"]
