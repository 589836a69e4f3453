"""An exported file as another program has it: loaded by its own runtime alone.

  python reloaded.py KIND FILE IMAGES.npz ANSWERS.npz

Nothing of this package is imported, so that nothing of it can help: what comes
out is the file's own. Importable, for whoever wants to time what is loaded.
"""

import pathlib
import sys
from collections.abc import Callable

import numpy as np

# From uint8 (b, y, x, 1) to arrays by name.
Loaded = Callable[[np.ndarray], dict[str, np.ndarray]]


def load(kind: str, path: pathlib.Path) -> Loaded:
  """Returns the function in a file of a kind: a key of `_LOADERS`."""
  return _LOADERS[kind](path)


def _stablehlo(path: pathlib.Path) -> Loaded:
  import jax
  from jax import export

  called = jax.jit(export.deserialize(bytearray(path.read_bytes())).call)
  return lambda images: jax.device_get(called(images))


def _onnx(path: pathlib.Path) -> Loaded:
  import onnxruntime

  session = onnxruntime.InferenceSession(
    str(path), providers=["CPUExecutionProvider"]
  )
  names = [each.name for each in session.get_outputs()]
  return lambda images: dict(
    zip(names, session.run(names, {"images": images}), strict=True)
  )


def _saved_model(path: pathlib.Path) -> Loaded:
  import tensorflow as tf

  # The model is kept as long as its function is.
  model = tf.saved_model.load(str(path))
  called = model.signatures["serving_default"]

  def answers(images: np.ndarray, model: object = model) -> dict:
    found = called(images=tf.constant(images))
    return {name: array.numpy() for name, array in found.items()}

  return answers


_LOADERS: dict[str, Callable[[pathlib.Path], Loaded]] = {
  "stablehlo": _stablehlo,
  "onnx": _onnx,
  "bioimageio": lambda folder: _onnx(folder / "network.onnx"),
  "savedmodel": _saved_model,
}


def main(kind: str, path: str, given: str, answered: str) -> None:
  """Answers for the images, in batches of the sizes beside them."""
  with np.load(given) as arrays:
    images, sizes = arrays["images"], arrays["sizes"]
  function = load(kind, pathlib.Path(path))
  batches = np.split(images, np.cumsum(sizes)[:-1])
  found = [function(batch) for batch in batches]
  joined = {
    name: np.concatenate([np.asarray(each[name]) for each in found])
    for name in found[0]
  }
  with pathlib.Path(answered).open("wb") as file:
    np.savez(file, **joined)  # type: ignore[arg-type]


if __name__ == "__main__":
  main(*sys.argv[1:])
