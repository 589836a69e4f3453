"""What the fields of a comparison may be.

Takes a merged ConfigDict with a group `compare`, gives nothing or one clear
error that names the field. configs/compare.py says what the fields mean.
"""

import ml_collections

from eanet_jax import errors
from eanet_jax.runtime import shards

_RULES = {
  "folds": (lambda folds: folds >= 2, "2 or more"),
  "micrograph_folds": (lambda folds: folds >= 0, "0 or more"),
  "seeds": (
    lambda seeds: seeds and all(isinstance(each, int) for each in seeds),
    "one whole number or more, e.g. (0, 1, 2)",
  ),
  "shard": (
    lambda text: not text or shards.parse(text),
    "empty, or one part of several such as 3/16, from 1/16 to 16/16",
  ),
}


def validate(config: ml_collections.ConfigDict) -> None:
  """Raises UserError naming the first field of `compare` that is unusable.

  The fields of each run are checked by `field_rules`.
  """
  compare = config.compare
  for field, (allowed, requirement) in _RULES.items():
    if not allowed(compare[field]):
      raise errors.UserError(
        f"--config.compare.{field}={compare[field]!r} cannot be used: it must"
        f" be {requirement}"
      )
  if compare.micrograph_folds > compare.folds:
    raise errors.UserError(
      f"--config.compare.micrograph_folds={compare.micrograph_folds} must not"
      f" be more than --config.compare.folds={compare.folds}"
    )
  names = list(config.systems)
  for name in (*compare.only, compare.reference):
    if name not in names:
      raise errors.UserError(
        f"{name!r} is not a system of this comparison: choose one of"
        f" {', '.join(names)} (--config.compare.only, .reference)"
      )
  if compare.only and compare.reference not in compare.only:
    raise errors.UserError(
      f"--config.compare.only={compare.only!r} leaves out the reference"
      f" {compare.reference}: add it, or name another with"
      " --config.compare.reference"
    )
