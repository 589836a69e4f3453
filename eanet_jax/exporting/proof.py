"""Whether an exported file answers as the network that it was made from.

Takes the file and the `Classifier`, gives the greatest differences. The file
is loaded in a process of its own by `reloaded.py`, which knows no networks.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from eanet_jax.data import micrographs
from eanet_jax.exporting import answer_function, page_proof, reloaded
from eanet_jax.inference import classify
from eanet_jax.runtime import wording
from eanet_jax.workdir import examples_npz

TOLERANCE = 1e-4  # of a probability, of novelty and of a feature
_REAL = 12  # micrographs, as many as the workdir shows; the rest is noise
_NOISE = 4
_SMALL_PX = 160  # of an image of noise that others are to hold
# On the CPU: this process may hold an accelerator, or most of its memory.
_ENVIRONMENT = {
  "JAX_PLATFORMS": "cpu",
  "CUDA_VISIBLE_DEVICES": "-1",
  "TF_CPP_MIN_LOG_LEVEL": "3",
}


class Unsound(Exception):
  """An exported file does not answer as its network; its text says how."""


@dataclasses.dataclass(frozen=True)
class Proof:
  """How far a file's answers are from those of its network.

  Attributes:
    real, noise: micrographs and images of noise that were answered for.
    shapes: of what an output has for an image, by output.
    differences: the greatest, by output.
    labels: images that the file names another class for.
  """

  real: int
  noise: int
  shapes: dict[str, tuple[int, ...]]
  differences: dict[str, float]
  labels: int

  @property
  def sound(self) -> bool:
    """Whether it may be called the same network; with NaN it may not."""
    near = all(each <= TOLERANCE for each in self.differences.values())
    return near and not self.labels

  def __str__(self) -> str:
    """Returns the words for it: "greatest difference 2e-07 (...)"."""
    named = ", ".join(f"{k} {v:.1g}" for k, v in self.differences.items())
    greatest = max(self.differences.values(), key=lambda v: (v != v, v))
    labels = "all labels equal"
    if self.labels:
      labels = f"{wording.count(self.labels, 'label')} different"
    return (
      f"greatest difference {greatest:.1g} ({named}; {labels}) on"
      f" {wording.count(self.real, 'micrograph')} and"
      f" {wording.count(self.noise, 'image')} of noise"
    )


def prove(
  kind: str,
  path: pathlib.Path,
  classifier: classify.Classifier,
  images: np.ndarray,
) -> Proof | None:
  """Returns the differences of a file's answers from the network's.

  None of a page where Node is not installed.

  Args:
    kind: of the file, see `reloaded.load`.
    path: the file or folder.
    classifier: the network.
    images: from `test_images`.

  Raises:
    Unsound: it cannot be loaded or run, or has other outputs.
  """
  expected = expectation(classifier, images)
  if kind == "html":
    # It gives no features.
    expected.pop(answer_function.FEATURES, None)
    try:
      found = page_proof.answers(path, images)
    except FileNotFoundError:
      return None
    except RuntimeError as error:
      raise Unsound(f"the page does not run: {error}") from None
  else:
    found = _answered(kind, path, images)
  if {k: v.shape for k, v in found.items()} != {
    k: v.shape for k, v in expected.items()
  }:
    raise Unsound("the file has other outputs than the network")
  differences = {
    name: float(np.abs(found[name].astype(np.float64) - array).max())
    for name, array in expected.items()
  }
  labels = [
    each[answer_function.PROBABILITIES].argmax(axis=1)
    for each in (found, expected)
  ]
  return Proof(
    len(images) - _NOISE,
    _NOISE,
    {name: array.shape[1:] for name, array in expected.items()},
    differences,
    int((labels[0] != labels[1]).sum()),
  )


def expectation(
  classifier: classify.Classifier, images: np.ndarray
) -> dict[str, np.ndarray]:
  """Returns the network's own answers for uint8 (v, y, x, 1), by output."""
  answers = classifier.answers(images)
  found = {
    answer_function.PROBABILITIES: answers.probabilities,
    answer_function.NOVELTY: answers.novelties,
    answer_function.FEATURES: answers.features,
  }
  return {name: array for name, array in found.items() if array is not None}


def test_images(workdir: pathlib.Path, side_px: int) -> np.ndarray:
  """Returns uint8 (v, side, side, 1): examples of a workdir, then noise.

  The examples are small copies of micrographs, made as large as the network has
  them. A run that has not ended shows none, and then all is noise.

  Raises:
    UserError: the examples were changed.
  """
  real = [
    micrographs.resize(each, side_px, side_px) for each in _examples(workdir)
  ]
  rng = np.random.default_rng(0)
  noise = rng.integers(0, 256, (_NOISE, side_px, side_px), dtype=np.uint8)
  return np.stack([*real, *noise])[..., None]


def small_images(workdir: pathlib.Path) -> list[np.ndarray]:
  """Returns uint8 (y, x) each: examples of a workdir and one of noise.

  Raises:
    UserError: the examples were changed.
  """
  rng = np.random.default_rng(0)
  noise = rng.integers(0, 256, (_SMALL_PX, _SMALL_PX), dtype=np.uint8)
  return [*_examples(workdir)[: _REAL - 1], noise]


def _examples(workdir: pathlib.Path) -> list[np.ndarray]:
  """Small copies of micrographs, none of a run that has not ended."""
  try:
    return list(examples_npz.read(workdir).images[:_REAL])
  except FileNotFoundError:
    return []


def _sizes(count: int) -> Sequence[int]:
  """Batches: one image alone, then three at a time, and what is left."""
  whole, left = divmod(count - 1, 3)
  return [1, *[3] * whole, *[left] * (left > 0)]


def _answered(
  kind: str, path: pathlib.Path, images: np.ndarray
) -> dict[str, np.ndarray]:
  """Returns the file's answers for the images, from another process."""
  with tempfile.TemporaryDirectory() as folder:
    given, answered = (
      pathlib.Path(folder, name) for name in ("images.npz", "answers.npz")
    )
    np.savez(given, images=images, sizes=_sizes(len(images)))
    # Without the folder of the script, whose modules have names of their own.
    words = (reloaded.__file__, kind, path, given, answered)
    done = subprocess.run(
      [sys.executable, "-P", *map(str, words)],
      env={**os.environ, **_ENVIRONMENT},
      stdin=subprocess.DEVNULL,
      capture_output=True,
      check=False,
    )
    if done.returncode:
      said = done.stderr.decode(errors="replace").strip().splitlines()
      why = said[-1] if said else f"exit code {done.returncode}"
      raise Unsound(f"the file does not run: {why}")
    with np.load(answered) as arrays:
      return dict(arrays)
