"""The kinds of files there are: what each is called, needs and is written by.

What writes one is imported only when it is asked for: ONNX may not be
installed, and TensorFlow takes seconds.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping

from eanet_jax.exporting import answer_function
from eanet_jax.inference import classify


@dataclasses.dataclass(frozen=True)
class Kind:
  """One kind of file.

  Attributes:
    ending: of its usual name.
    needs: modules that an installation may lack.
    write: takes a network and the workdir that it was restored from, and writes
      it to a path, a file or a folder.
    json_beside: whether what is to know lies beside it, not in it.
  """

  ending: str
  needs: tuple[str, ...]
  write: Callable[[classify.Classifier, pathlib.Path, pathlib.Path], None]
  json_beside: bool = True


def _stablehlo(
  classifier: classify.Classifier, workdir: pathlib.Path, path: pathlib.Path
) -> None:
  from eanet_jax.exporting import stablehlo

  del workdir
  function = answer_function.of(classifier.network)
  stablehlo.write(function, classifier.image_px, path)


def _onnx(
  classifier: classify.Classifier, workdir: pathlib.Path, path: pathlib.Path
) -> None:
  from eanet_jax.exporting import onnx_file

  del workdir
  said = {
    "class_names": classifier.class_names,
    "image_px": classifier.image_px,
    "network_id": classifier.identity(),
  }
  function = answer_function.of(classifier.network)
  onnx_file.write(function, classifier.image_px, said, path)


def _bioimage(
  classifier: classify.Classifier, workdir: pathlib.Path, path: pathlib.Path
) -> None:
  from eanet_jax.exporting import bioimage, onnx_operators

  path.mkdir()
  _onnx(classifier, workdir, path / bioimage.NETWORK)
  bioimage.write(classifier, onnx_operators.OPSET, path)


def _saved_model(
  classifier: classify.Classifier, workdir: pathlib.Path, path: pathlib.Path
) -> None:
  from eanet_jax.exporting import saved_model

  del workdir
  saved_model.write(
    answer_function.of(classifier.network),
    classifier.image_px,
    classifier.class_names,
    path,
  )


def _html(
  classifier: classify.Classifier, workdir: pathlib.Path, path: pathlib.Path
) -> None:
  from eanet_jax.exporting import html_page

  html_page.write(classifier, workdir, path)


KINDS: Mapping[str, Kind] = {
  "html": Kind(".html", (), _html, json_beside=False),
  "stablehlo": Kind(".stablehlo", (), _stablehlo),
  "onnx": Kind(".onnx", ("onnx", "onnxruntime"), _onnx),
  "bioimageio": Kind(".bioimageio", ("onnx", "onnxruntime"), _bioimage),
  "savedmodel": Kind(".savedmodel", ("tensorflow",), _saved_model),
}
