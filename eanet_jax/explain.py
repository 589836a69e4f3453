"""What a network looked at, and the micrographs a reader should look at.

Takes a network, its logits and the views of a test split, gives small images
and attention maps, as arrays and as the words that go with them.
"""

import math
from typing import Any

import flax.linen as nn
import flax.traverse_util
import jax
import numpy as np
from PIL import Image

from eanet_jax import augment, evaluate, sharding
from eanet_jax.data import input_pipeline

FILE = "examples.npz"
_THUMB_PX = 160
_MAPS = 3
_OF_EACH_KIND = 12


def attention_maps(
  model: nn.Module,
  variables: Any,
  images: np.ndarray,
  mean: float,
  std: float,
  mesh: jax.sharding.Mesh,
) -> tuple[np.ndarray, list[str]] | None:
  """Returns the maps of the last attention that differ most over an image.

  Of external attention a map is one memory slot: how much of each token is
  taken from it. Of self-attention it is one head: how much all tokens together
  attend to each.

  Args:
    model, variables: the network; None comes back of one without attention.
    images: uint8 (k, y, x, 1), y = x.
    mean, std: of the pixels it was trained on.
    mesh: whose devices hold the variables.

  Returns:
    float32 (k, maps, gy, gx) over the grid of tokens, and a name for each map.
  """
  whole = sharding.replicated(mesh)

  @jax.jit
  def last_attention(variables, images):
    images = augment.standardise(images, mean, std)
    _, sown = model.apply(
      variables, images, deterministic=True, mutable=["intermediates"]
    )
    found = flax.traverse_util.flatten_dict(sown.get("intermediates", {}))
    of_block = {
      tuple(int(part) for part in path[0].split("_")[1:]): values[0]
      for path, values in found.items()
      if path[-1] == "attention"
    }
    last = [of_block[max(of_block)]] if of_block else []
    return jax.lax.with_sharding_constraint(last, whole)

  # A few images at a time: self-attention's maps are large.
  parts = [
    last_attention(variables, sharding.put(images[i : i + 1], whole))
    for i in range(len(images))
  ]
  if not parts or not parts[0]:
    return None
  maps = np.concatenate([sharding.fetch(part[0]) for part in parts])
  if model.attention_type in ("self", "simplified"):
    # Rows are the tokens that attend.
    maps, heads = maps.mean(2), maps.shape[1]
    names = [f"head {i + 1}" for i in range(heads)]
  else:
    tokens, heads, slots = maps.shape[1:]
    maps = maps.reshape(len(images), tokens, -1).transpose(0, 2, 1)
    names = [
      f"head {i + 1}, slot {j + 1}" if heads > 1 else f"slot {j + 1}"
      for i in range(heads)
      for j in range(slots)
    ]
  telling = np.argsort(-maps.std(-1).mean(0), kind="stable")[:_MAPS]
  side = math.isqrt(maps.shape[-1])
  maps = maps[:, telling].reshape(len(images), -1, side, side)
  return maps.astype(np.float32), [names[i] for i in telling]


def choose(
  logits: np.ndarray, views: input_pipeline.Views, chosen: np.ndarray
) -> dict[str, list[dict[str, Any]]]:
  """Returns the micrographs of a split that a reader should look at.

  Each is {"view", "file", "specimen", "true", "predicted", "probability"};
  the view is the one that speaks most for the predicted class. Lists:
  "mistakes", the surest first; "uncertain", the least sure first; "telling",
  of each class the one with the highest and the one with the lowest probability
  of being what it is.

  Args:
    logits: float32 (k, l), of the chosen views.
    views: of the data set.
    chosen: int (k,), which views.
  """
  members, p = evaluate.by_micrograph(logits, views, chosen)
  group = np.searchsorted(members, views.micrograph[chosen])
  view_p = evaluate.probabilities(logits)
  labels, predicted, sure = views.labels[members], p.argmax(1), p.max(1)
  for_predicted = view_p[np.arange(len(group)), predicted[group]]

  def describe(i: int) -> dict[str, Any]:
    own = np.flatnonzero(group == i)
    return {
      "view": int(chosen[own[for_predicted[own].argmax()]]),
      "file": views.files[members[i]],
      "specimen": views.specimens[members[i]],
      "true": views.class_names[labels[i]],
      "predicted": views.class_names[predicted[i]],
      "probability": float(sure[i]),
    }

  wrong = np.flatnonzero(predicted != labels)
  telling = []
  for label in np.unique(labels):
    own = np.flatnonzero(labels == label)
    own = own[np.argsort(-p[own, label], kind="stable")]
    telling += [own[0], own[-1]] if len(own) > 1 else [own[0]]
  order = {
    "mistakes": wrong[np.argsort(-sure[wrong], kind="stable")][:_OF_EACH_KIND],
    "uncertain": np.argsort(sure, kind="stable")[:_OF_EACH_KIND],
    "telling": telling[:_OF_EACH_KIND],
  }
  return {kind: [describe(int(i)) for i in of] for kind, of in order.items()}


def thumbnails(images: np.ndarray) -> np.ndarray:
  """Returns uint8 (k, t, t) small copies of images (k, y, x, 1), y = x."""
  side = min(images.shape[1], _THUMB_PX)
  small = [
    np.asarray(
      Image.fromarray(image[..., 0]).resize((side, side), Image.Resampling.BOX)
    )
    for image in images
  ]
  return np.asarray(small, np.uint8).reshape(len(images), side, side)
