"""What each slot of a memory stands for, in how much of which micrographs.

Takes the attention of many images over a memory that all of them share, gives
the share of each slot, where it is most typical, which slots are dead or
redundant, and how far the memories of several networks agree. NumPy only.
S slots are those of all heads, (h, s) in one axis; v views are of m micrographs
of g specimens of l classes.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

# A slot that is the strongest for no more tokens than this share is dead.
DEAD_SHARE = 0.001
# Slots whose maps are so correlated always go together.
TOGETHER = 0.95
# Of typical tokens, all and those of one specimen.
TYPICAL = 6
_TYPICAL_OF_SPECIMEN = 2
# Maps of so many views are compared, of all specimens alike.
_COMPARED = 96
_RESAMPLES = 1000
# The bootstrap of two values is but those two.
_FEWEST = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
  """What a memory took from a set of views.

  Attributes:
    shares: float64 (v, S), the share of a view's tokens whose strongest slot,
      of those of its head, it is; each head's sum to 1.
    best: float32 (v, S), the highest weight of a token of the view.
    token: int32 (v, S), which token that is.
    maps: float32 (c, n, S), the weights in the views that are compared.
  """

  shares: np.ndarray
  best: np.ndarray
  token: np.ndarray
  maps: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Atlas:
  """The slots of one memory, over the specimens of a data set.

  Attributes:
    share: float64 (S,), the mean over specimens.
    of_specimen: float64 (g, S), the mean over a specimen's micrographs.
    of_class: float64 (l, S), the mean over a class's specimens.
    interval: float64 (l, S, 2), 95 % over specimens; NaN of fewer than 3.
    interval_of_specimen: float64 (g, S, 2), 95 % over its micrographs; NaN of
      fewer than 3.
    telling: float64 (S,), the share of the variance between specimens that is
      between classes (eta squared); 0 where nothing varies.
    dead: bool (S,).
    typical: for each slot (view, token), the most typical first; none if dead.
    together: groups of slots whose maps are nearly the same, none of them dead.
  """

  share: np.ndarray
  of_specimen: np.ndarray
  of_class: np.ndarray
  interval: np.ndarray
  interval_of_specimen: np.ndarray
  telling: np.ndarray
  dead: np.ndarray
  typical: Sequence[Sequence[tuple[int, int]]]
  together: Sequence[Sequence[int]]


def strongest_shares(weights: np.ndarray) -> np.ndarray:
  """Returns float64 (b, h, s): shares of tokens whose strongest slot it is.

  Not the mean weight: the softmax over tokens gives every slot the same sum in
  every image, before the norm over slots, so that means differ by some per cent
  however much of an image a slot stands for (docs/results.md, what slots
  measure). Of equally strong slots it is the first.

  Args:
    weights: (b, n, h, s) of tokens over the slots of each head.
  """
  slots = weights.shape[-1]
  strongest = weights.argmax(-1)  # (b, n, h)
  return np.stack(
    [(strongest == slot).mean(1, dtype=np.float64) for slot in range(slots)], -1
  )


def compared_views(specimens: np.ndarray) -> np.ndarray:
  """Returns int (c,): views to compare maps in, as many of each specimen.

  Args:
    specimens: int (v,), of each view.
  """
  turn = np.empty(len(specimens), np.int64)
  for each in np.unique(specimens):
    own = np.flatnonzero(specimens == each)
    turn[np.random.default_rng(0).permutation(own)] = np.arange(len(own))
  return np.sort(np.argsort(turn, kind="stable")[:_COMPARED])


def see(
  batches: Iterable[np.ndarray],
  compared: np.ndarray,
  done: Callable[[int], object] = lambda count: None,
) -> Seen:
  """Returns what is kept of the weights of views.

  Args:
    batches: (b, n, h, s), v views in all.
    compared: int (c,), the views whose maps are kept.
    done: called with the number of views that were looked at.
  """
  shares, best, token, maps = [], [], [], []
  first = 0
  for weights in batches:
    flat = weights.reshape(*weights.shape[:2], -1)  # (b, n, S)
    shares.append(strongest_shares(weights).reshape(len(flat), -1))
    token.append(flat.argmax(1).astype(np.int32))
    best.append(np.take_along_axis(flat, token[-1][:, None], axis=1)[:, 0])
    kept = compared[(compared >= first) & (compared < first + len(flat))]
    maps.append(flat[kept - first].astype(np.float32))
    first += len(flat)
    done(len(flat))
  return Seen(*map(np.concatenate, (shares, best, token, maps)))


def means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
  """Returns float64 (g, ...): means of values (k, ...) by group int (k,)."""
  count = int(groups.max()) + 1
  total = np.zeros((count, *values.shape[1:]))
  np.add.at(total, groups, values)
  sizes = np.bincount(groups, minlength=count)
  return total / sizes.reshape(-1, *[1] * (values.ndim - 1))


def make(
  seen: Seen,
  micrographs: np.ndarray,
  specimens: np.ndarray,
  classes: np.ndarray,
) -> Atlas:
  """Returns the atlas of a memory.

  A specimen counts once, however many micrographs it has; so does a micrograph,
  however many views.

  Args:
    seen: of v views.
    micrographs: int (v,), of each view, from 0.
    specimens: int (m,), of each micrograph, from 0.
    classes: int (g,), of each specimen, from 0.
  """
  of_micrograph = means(seen.shares, micrographs)
  of_specimen = means(of_micrograph, specimens)
  share = of_specimen.mean(0)
  dead = share <= DEAD_SHARE
  return Atlas(
    share=share,
    of_specimen=of_specimen,
    of_class=means(of_specimen, classes),
    interval=_intervals(of_specimen, classes),
    interval_of_specimen=_intervals(of_micrograph, specimens),
    telling=_telling(of_specimen, classes),
    dead=dead,
    typical=_typical(seen, specimens[micrographs], dead),
    together=_together(seen.maps, dead),
  )


def _intervals(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
  """(g, S, 2) of values (k, S): percentile bootstrap within each group."""
  found = np.full((groups.max() + 1, values.shape[1], 2), np.nan)
  rng = np.random.default_rng(0)
  for group in range(len(found)):
    own = values[groups == group]
    if len(own) >= _FEWEST:
      share = np.full(len(own), 1 / len(own))
      drawn = rng.multinomial(len(own), share, _RESAMPLES) / len(own)
      found[group] = np.quantile(drawn @ own, [0.025, 0.975], axis=0).T
  return found


def _telling(of_specimen: np.ndarray, classes: np.ndarray) -> np.ndarray:
  """(S,): sum of squares between classes over that of all specimens."""
  centred = of_specimen - of_specimen.mean(0)
  between = means(centred, classes)[classes]
  total = (centred**2).sum(0)
  return (between**2).sum(0) / np.where(total > 0, total, 1)


def _typical(
  seen: Seen, specimens: np.ndarray, dead: np.ndarray
) -> list[list[tuple[int, int]]]:
  """The tokens of highest weight, one a view and few a specimen."""
  found: list[list[tuple[int, int]]] = []
  for slot in range(len(dead)):
    chosen: list[tuple[int, int]] = []
    left = dict.fromkeys(specimens.tolist(), _TYPICAL_OF_SPECIMEN)
    order = np.argsort(-seen.best[:, slot], kind="stable")
    for view in order if not dead[slot] else ():
      if left[specimens[view]]:
        left[specimens[view]] -= 1
        chosen.append((int(view), int(seen.token[view, slot])))
      if len(chosen) == TYPICAL:
        break
    found.append(chosen)
  return found


def _together(maps: np.ndarray, dead: np.ndarray) -> list[list[int]]:
  """Groups of slots that are linked by correlations above TOGETHER."""
  from scipy.sparse import csgraph

  alive = np.flatnonzero(~dead)
  if not len(alive):
    return []
  linked = correlations(maps[..., alive], maps[..., alive]) > TOGETHER
  _, group = csgraph.connected_components(linked, directed=False)
  found = [alive[group == i].tolist() for i in range(group.max() + 1)]
  return [each for each in found if len(each) > 1]


def correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
  """Returns float64 (S, T): Pearson's, over all tokens of all views.

  0 where a map is constant.

  Args:
    one: (c, n, S), maps of the same tokens as
    other: (c, n, T).
  """
  return _scaled(one).T @ _scaled(other)


def _scaled(maps: np.ndarray) -> np.ndarray:
  """(c n, S) of mean 0 and length 1; a constant map is 0."""
  flat = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
  flat -= flat.mean(0)
  length = np.sqrt((flat**2).sum(0))
  return flat / np.where(length > 1e-9, length, np.inf)


def match(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns the slots (S,) that fit those of another memory, and how well.

  One for one, of the largest sum of correlations (Kuhn 1955). What comes back
  is int (S,), the other's slot for each of one's, and float64 (S,), their
  correlation.

  Args:
    correlation: (S, S), of one memory's slots with the other's.
  """
  from scipy import optimize

  _, fitting = optimize.linear_sum_assignment(-correlation)
  return fitting, correlation[np.arange(len(fitting)), fitting]


class Agreement(NamedTuple):
  """How far the memories of several networks agree, the mean over pairs.

  Attributes:
    found: the median correlation of matched slots.
    chance: the same, matched anew, where one of two networks has seen the
      images in another order. What is alike in all images stays alike in that.
    in_place: the share of slots whose match has the same number. Networks that
      were initialised alike may keep what they began with; by chance it is 1/S.
  """

  found: float
  chance: float
  in_place: float


def agreement(members: Sequence[np.ndarray]) -> Agreement | None:
  """Returns how far the memories of networks agree.

  Args:
    members: of each (c, n, S), the maps of the same views. None comes back for
      one member, or one view.
  """
  if len(members) < 2 or len(members[0]) < 2:
    return None
  rows = []
  for i, one in enumerate(members):
    for other in members[i + 1 :]:
      fitting, found = match(correlations(one, other))
      # No image keeps its place.
      moved = np.roll(other, len(other) // 2, axis=0)
      _, chance = match(correlations(one, moved))
      in_place = (fitting == np.arange(len(fitting))).mean()
      rows.append((np.median(found), np.median(chance), in_place))
  return Agreement(*map(float, np.mean(rows, axis=0)))
