"""What a result depends on besides its inputs: package versions, the device."""

import functools
from importlib import metadata

_PACKAGES = (
  "eanet_jax",
  "jax",
  "jaxlib",
  "flax",
  "optax",
  "orbax-checkpoint",
  "numpy",
  "pillow",
)


@functools.cache
def installed() -> dict[str, str]:
  """Returns the versions of what a result depends on, by package."""
  found = {}
  for package in _PACKAGES:
    try:
      found[package] = metadata.version(package)
    except metadata.PackageNotFoundError:
      found[package] = "not installed"  # eanet_jax run from a checkout
  return found


def device() -> str:
  """Returns how many devices this job has, and of what kind: "1 x cpu"."""
  import jax

  return f"{jax.device_count()} x {jax.devices()[0].device_kind}"
