"""Files of weights from other programs, read as data.

Takes a file of Keras or PyTorch, gives its tensors by name. Nothing in it is
ever unpickled, imported or run, and nothing outside it is opened.
"""

import collections
import pathlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
  import h5py

Tensors = dict[str, np.ndarray]

_READ = (".h5", ".hdf5", ".safetensors", ".npz")
_RUN = (".pth", ".pt", ".bin", ".pkl")
_LARGEST_BYTES = 2 * 2**30  # VGG16 in full has a quarter of it
_UNUSED = re.compile(
  r"optimizer|seed_generator|num_batches_tracked"  # no weights
  r"|(^|\.)classifier\.|^(fc\d|predictions)/"  # nine tenths of VGG16
)


class WrongFile(Exception):
  """What is wrong with a file: the end of a sentence that its name begins."""


def read(file: pathlib.Path) -> Tensors:
  """Returns the file's tensors by name, float32 and finite."""
  suffix = file.suffix.lower()
  if suffix in _RUN:
    code = (
      "import torch, safetensors.torch as s; s.save_file({k:"
      f" v.clone().contiguous() for k, v in torch.load({file.name!r},"
      " map_location='cpu', weights_only=True).items()},"
      f" {file.with_suffix('.safetensors').name!r})"
    )
    raise WrongFile(
      "is not opened, for such a file can run code when it is: convert it with"
      f" python -c {shlex.quote(code)}"
    )
  if suffix not in _READ:
    raise WrongFile(
      f"is not a kind of file that can be read: {', '.join(_READ)}"
    )
  if not file.is_file():
    raise WrongFile("cannot be read: there is no such file")
  try:
    with np.errstate(over="ignore"):  # infinite, and refused below
      tensors = {
        name: np.asarray(tensor, np.float32)
        for name, tensor in _stored(file, suffix)
        if not _UNUSED.search(name)
      }
  except ImportError as error:
    raise WrongFile(
      f"cannot be read without {error.name}: pip install it"
    ) from None
  except Exception as error:  # a damaged file fails in many ways
    reason = " ".join(str(error).split()) or type(error).__name__
    raise WrongFile(f"cannot be read as {suffix}: {reason}") from None
  for name, tensor in tensors.items():
    if not np.isfinite(tensor).all():
      raise WrongFile(f"has values that are not finite in {name}")
  return tensors


def _stored(file: pathlib.Path, suffix: str) -> Iterator[tuple[str, Any]]:
  """Yields (name, array); "layer/vars/i" in both of Keras' HDF5 layouts."""
  if suffix == ".npz":
    # Opened here: of a damaged file NumPy would leave it open.
    with (
      file.open("rb") as opened,
      np.load(opened, allow_pickle=False) as stored,
    ):
      _check_size(info.file_size for info in stored.zip.infolist())
      yield from stored.items()
  elif suffix == ".safetensors":
    import safetensors.numpy

    _check_size([file.stat().st_size])  # its header can claim no more
    yield from safetensors.numpy.load_file(file).items()
  else:
    import h5py

    with h5py.File(file, "r") as root:
      nodes = {}
      # Follows no link that could lead out of the file.
      root.visititems(lambda path, node: nodes.update({path: node}))
      named = _keras_names(root, nodes)
      # What was never written takes no place in the file, but does in memory.
      used = (nodes[path] for path in named.values())
      _check_size(n.nbytes for n in used if isinstance(n, h5py.Dataset))
      for name, path in named.items():
        if isinstance(nodes[path], h5py.Dataset):
          if nodes[path].external or nodes[path].is_virtual:
            raise ValueError(f"{path} is kept in another file")
          yield name, nodes[path]


def _check_size(parts: Iterable[int]) -> None:
  """Raises ValueError if more bytes than any network has would be read."""
  total = sum(parts)
  if total > _LARGEST_BYTES:
    raise ValueError(
      f"it would take {total / 2**30:.1f} GiB of memory, more than the"
      f" {_LARGEST_BYTES / 2**30:.1f} that are allowed"
    )


def _keras_names(
  root: "h5py.File", nodes: Mapping[str, "h5py.Group | h5py.Dataset"]
) -> dict[str, str]:
  """Returns {"layer/vars/i": path} of an HDF5 file's {path: node}."""
  prefix = "model_weights/" if "model_weights" in nodes else ""
  attributes = nodes.get("model_weights", root).attrs
  if "layer_names" not in attributes:
    return {path: path for path in nodes}
  # The layout before Keras 3, with bytes in the oldest files.
  text = lambda name: name.decode() if isinstance(name, bytes) else name
  return {
    f"{layer}/vars/{i}": f"{prefix}{layer}/{text(weight)}"
    for layer in map(text, attributes["layer_names"])
    for i, weight in enumerate(nodes[prefix + layer].attrs["weight_names"])
  }


def keras_layers(tensors: Tensors, kind: str) -> list[Tensors]:
  """Returns [{"weight": .., "bias": ..}] of a kind, as they were made."""
  leaves = {"0": "weight", "1": "bias"}
  found: dict[str, Tensors] = collections.defaultdict(dict)
  for name, tensor in tensors.items():
    layer, _, leaf = name.rpartition("/vars/")
    if leaf in leaves and re.fullmatch(rf"(.*/)?({kind})(_\d+)?", layer):
      found[layer][leaves[leaf]] = tensor
  # dense, dense_1, ..., dense_9, dense_10
  number = lambda layer: [int(n) for n in re.findall(r"\d+", layer)]
  return [found[layer] for layer in sorted(found, key=number)]


def sum_over_rgb(kernel: np.ndarray, old: Any) -> np.ndarray:
  """Returns kernel (..., c, d), summed over c if it has 3 and `old` has 1."""
  d = old.shape[-1]
  if kernel.size == 3 * old.size and kernel.shape[-1] == d:
    kernel = kernel.reshape(-1, 3, d).sum(axis=1, dtype="f8").reshape(old.shape)
  return kernel
