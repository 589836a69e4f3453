"""One HTML file that classifies micrographs, in any browser and offline.

Takes a `Classifier` and the workdir that it was restored from, gives the page:
the network as operations, its weights, the scripts that read micrographs and
answer, and test images with the answers that they must have. Its forward pass
is a small one of our own, page/kernels.c and page/operations.js: the well-kept
runtimes are larger than the network (docs/export.md has the figures).
"""

import base64
import gzip
import hashlib
import json
import pathlib
from typing import Any

import jax
import markupsafe
import numpy as np

from eanet_jax.exporting import (
  description,
  page_network,
  page_script,
  proof,
)
from eanet_jax.inference import classify
from eanet_jax.models import efficientnet_lite, networks
from eanet_jax.reporting import html_pages, verdicts
from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import results_json, trained_on

# Weights of a trunk lose so many bits: they are a seventh of a page, and change
# an answer by less than a tenth of what may be off. Eight would be too many.
_DROPPED_BITS = 4
_LEVEL = 9  # of compression


def write(
  classifier: classify.Classifier, workdir: pathlib.Path, path: pathlib.Path
) -> None:
  """Writes the page of a trained network.

  Args:
    classifier: of the network.
    workdir: that it was restored from.
    path: of the page.

  Raises:
    UserError: a page cannot compute this network.
  """
  meta = classifier.network.meta
  side = meta.config["dataset"]["image_px"]
  variables = dict(classifier.network.variables)
  if efficientnet_lite.COLLECTION in variables:
    variables[efficientnet_lite.COLLECTION] = jax.tree.map(
      rounded, variables[efficientnet_lite.COLLECTION]
    )
  network = page_network.of(
    classifier.network.model,
    variables,
    meta.mean,
    meta.std,
    side,
    meta.config["evaluation"]["orientations"],
  )
  small = proof.small_images(workdir)
  described = description.about(classifier, trained_on.read(workdir))
  script = page_script.bundle("page.js")
  digest = hashlib.sha256(script.encode()).digest()
  contents = {
    "title": networks.title(meta.config["model"]),
    "class_names": list(classifier.class_names),
    "network_id": classifier.identity(),
    "promise": classifier.promise,
    "tells_novelty": network.description["familiar"] is not None,
    "headline": _headline(workdir),
    "script_hash": base64.b64encode(digest).decode(),
    "script": markupsafe.Markup(script),
    "worker": _inside_script(page_script.bundle("worker.js")),
    "model": _as_json(described),
    "network": _as_json(
      {
        **network.description,
        "weights": [int(each.size) for each in network.weights],
      }
    ),
    "weights": _as_base64(
      gzip.compress(pack(network.weights), _LEVEL, mtime=0)
    ),
    "kernels": _as_base64((page_script.FOLDER / "kernels.wasm").read_bytes()),
    "tests": _as_json(_tests(classifier, small, side)),
    "test_images": _as_base64(
      gzip.compress(
        b"".join(image.tobytes() for image in small), _LEVEL, mtime=0
      )
    ),
  }
  text = html_pages.render(page_script.FOLDER / "page.html.jinja", contents)
  atomic_files.write_text(path, text)


def rounded(weights: Any) -> np.ndarray:
  """Returns float32 weights whose last bits are 0, each the nearest such."""
  bits = np.ascontiguousarray(weights, np.float32).view(np.uint32)
  half = np.uint32(1 << (_DROPPED_BITS - 1))
  mask = np.uint32(0xFFFFFFFF << _DROPPED_BITS & 0xFFFFFFFF)
  return ((bits + half) & mask).view(np.float32)


def pack(weights: list[np.ndarray]) -> bytes:
  """Returns the bytes of float32 arrays, those of each together.

  All first bytes of an array stand together, then all second ones, and so on:
  they are alike, and compress well.
  """
  planes = [
    array.ravel().astype(">f4").view(np.uint8).reshape(-1, 4).T
    for array in weights
  ]
  return b"".join(each.tobytes() for each in planes)


def enlarged(small: np.ndarray, side: int) -> np.ndarray:
  """Returns uint8 (side, side) of (y, x): each pixel many times."""
  rows, columns = (np.arange(side) * n // side for n in small.shape)
  return small[rows][:, columns]


def _tests(
  classifier: classify.Classifier, small: list[np.ndarray], side: int
) -> list[dict[str, Any]]:
  """The sizes of test images, and what the network answers for them."""
  images = np.stack([enlarged(each, side) for each in small])[..., None]
  answers = classifier.answers(images)
  probabilities, novelties = answers.probabilities, answers.novelties
  return [
    {
      "width": image.shape[1],
      "height": image.shape[0],
      "expected": {
        "probabilities": probabilities[i].tolist(),
        "novelty": None if novelties is None else float(novelties[i]),
      },
    }
    for i, image in enumerate(small)
  ]


def _headline(workdir: pathlib.Path) -> dict[str, Any] | None:
  """How often it was right on what it had not seen; None if nobody knows."""
  run = results_json.read(workdir)
  if not isinstance(run, results_json.RunResults):
    return None
  with html_pages.malformed_is_told(workdir):
    return verdicts.headline(run)


def _as_base64(data: bytes) -> markupsafe.Markup:
  return markupsafe.Markup(base64.b64encode(data).decode())


def _as_json(value: Any) -> markupsafe.Markup:
  """JSON that ends no script element, whatever names it holds."""
  text = json.dumps(value, allow_nan=False, separators=(",", ":"))
  return markupsafe.Markup(
    text.replace("<", "\\u003c").replace("\u2028", "\\u2028")
  )


def _inside_script(script: str) -> markupsafe.Markup:
  if "</script" in script.lower():
    raise ValueError("a script holds the end of a script element")
  return markupsafe.Markup(script)
