"""The ONNX file as the BioImage Model Zoo wants it: a folder with rdf.yaml.

Takes the `Classifier`, gives the network, a test input with its answers, and
what the zoo's programs must know of both (bioimage.io model description 0.5).
"""

import hashlib
import json
import pathlib
import re
from typing import Any

import numpy as np

from eanet_jax.exporting import answer_function, proof
from eanet_jax.inference import classify
from eanet_jax.models import networks

NETWORK = "network.onnx"
_FORMAT = "0.5.3"
_TESTED = 2  # views of noise: micrographs are their owner's to show
_LONGEST_NAME = 64
_AUTHOR = "unknown: write your name here"
_CITED = {
  "eanet": (
    "Guo et al., Beyond Self-Attention: External Attention Using Two Linear"
    " Layers for Visual Tasks",
    "10.1109/TPAMI.2022.3211006",
  ),
  "transfer": (
    "Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural"
    " Networks",
    "10.48550/arXiv.1905.11946",
  ),
  "vgg": (
    "Simonyan & Zisserman, Very Deep Convolutional Networks for Large-Scale"
    " Image Recognition",
    "10.48550/arXiv.1409.1556",
  ),
}
_README = """# {title}

Tells {classes} apart in micrographs of steel. Written by eanet_jax.

It takes views, not files: `images`, uint8 (batch, y, x, 1), of {side} x {side}
px, grey levels 0 black to 255 white, of the specimen alone. A view is {view},
resized bilinearly with antialiasing. Standardising and turning are part of the
network. The answer for a file is the mean over its views.

The test input is noise.

# Validation

Before it was written, the file was compared with the network that it was made
from, on micrographs and on noise. How often that is right for specimens it has
not seen is in the report of the run; write it here.
"""


def write(
  classifier: classify.Classifier, opset: int, folder: pathlib.Path
) -> None:
  """Adds all but the network to a folder that has it as NETWORK.

  Args:
    classifier: the network.
    opset: of the ONNX file.
    folder: to write to.
  """
  side, model = classifier.image_px, classifier.network.meta.config["model"]
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (_TESTED, side, side, 1), dtype=np.uint8)
  answers = proof.expectation(classifier, images)
  arrays = {"images": images, **answers}
  for name, array in arrays.items():
    kind = np.uint8 if name == "images" else np.float32
    np.save(folder / f"{name}.npy", array.astype(kind))
  title = networks.title(model)
  view = "the whole micrograph"
  if classifier.tile_px is not None:
    view = f"a tile of {classifier.tile_px} px of a centred grid"
  readme = _README.format(
    title=title, classes=", ".join(classifier.class_names), side=side, view=view
  )
  (folder / "README.md").write_text(readme, encoding="utf-8")
  cited, doi = _CITED[model["name"]]
  told = {
    "format_version": _FORMAT,
    "type": "model",
    "name": re.sub(r"[^\w ()-]", "", f"Steel - {title}")[:_LONGEST_NAME],
    "description": "Classes of steel from views of micrographs",
    "authors": [{"name": _AUTHOR}],
    "cite": [{"text": cited, "doi": doi}],
    "documentation": "README.md",
    "tags": ["classification", "steel", "microstructure"],
    "inputs": [_tensor("images", _image_axes(side), "uint8", folder)],
    "outputs": [
      _tensor(name, _axes(classifier, name, array), "float32", folder)
      for name, array in answers.items()
    ],
    "weights": {"onnx": {**_file(folder / NETWORK), "opset_version": opset}},
  }
  # JSON is YAML, too.
  (folder / "rdf.yaml").write_text(
    json.dumps(told, indent=2) + "\n", encoding="utf-8"
  )


def _image_axes(side_px: int) -> list[dict[str, Any]]:
  space = [{"type": "space", "id": axis, "size": side_px} for axis in "yx"]
  grey = {"type": "channel", "channel_names": ["grey"]}
  return [{"type": "batch"}, *space, grey]


def _axes(
  classifier: classify.Classifier, name: str, array: np.ndarray
) -> list[dict[str, Any]]:
  if name == answer_function.NOVELTY:
    return [{"type": "batch"}]
  if name == answer_function.PROBABILITIES:
    names = list(classifier.class_names)
    return [{"type": "batch"}, {"type": "channel", "channel_names": names}]
  feature = {"type": "index", "id": "feature", "size": array.shape[1]}
  return [{"type": "batch"}, feature]


def _tensor(
  name: str, axes: list[dict[str, Any]], kind: str, folder: pathlib.Path
) -> dict[str, Any]:
  return {
    "id": name,
    "axes": axes,
    "data": {"type": kind},
    "test_tensor": _file(folder / f"{name}.npy"),
  }


def _file(path: pathlib.Path) -> dict[str, str]:
  digest = hashlib.sha256(path.read_bytes()).hexdigest()
  return {"source": path.name, "sha256": digest}
