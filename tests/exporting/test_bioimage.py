"""The folder for the BioImage Model Zoo is whole, and valid by its library."""

import importlib.util
import json

import made_classifiers
import numpy as np
import pytest
from conftest import run

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from eanet_jax.exporting import description, kinds, reloaded

# Of its own: the library leaves files open.
_VALIDATE = """
import sys
from bioimageio.spec import load_model_description
found = load_model_description(sys.argv[1])
print(type(found).__module__, *found.outputs[0].axes[1].channel_names)
"""


@pytest.mark.parametrize("name", ["eanet", "transfer"])
def test_the_folder_is_what_the_zoo_wants(name, tmp_path):
  classifier = made_classifiers.SMALL[name]()
  folder = tmp_path / name
  kinds.KINDS["bioimageio"].write(classifier, tmp_path, folder)
  told = json.loads((folder / "rdf.yaml").read_text())
  tensors = {
    each["id"]: each["test_tensor"]
    for each in (*told["inputs"], *told["outputs"])
  }
  for each in (*tensors.values(), told["weights"]["onnx"]):
    assert description.sha256(folder / each["source"]) == each["sha256"]
  arrays = {
    key: np.load(folder / each["source"]) for key, each in tensors.items()
  }
  found = reloaded.load("bioimageio", folder)(arrays.pop("images"))
  made_classifiers.assert_equal(found, arrays)
  if importlib.util.find_spec("bioimageio"):
    done = run("-c", _VALIDATE, str(folder / "rdf.yaml"))
    module, *names = done.stdout.split()
    assert module == "bioimageio.spec.model.v0_5", done.stderr
    assert names == list(classifier.class_names)
