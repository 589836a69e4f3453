"""What a network's answers and its description are as JSON.

Takes predictions and the files they are of, gives the rows that `eanet predict`
writes of them, with their names alone.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from eanet_jax import errors
from eanet_jax.data import file_limits
from eanet_jax.explanation import named_structure
from eanet_jax.exporting import html_page
from eanet_jax.inference import answer_rows, classify, predictions
from eanet_jax.models import networks
from eanet_jax.reporting import html_pages
from eanet_jax.serving import limits, uploads

# A specimen is a folder of files, and uploads have none.
LEVELS: tuple[answer_rows.Level, ...] = ("micrograph", "tile")
_FORM = pathlib.Path(__file__).parent / "form.html.jinja"


class ServedNetwork:
  """A network as those see it who ask over HTTP.

  Attributes:
    network_id: see `classify.Classifier.identity`.
    title: what kind of network it is.
  """

  def __init__(
    self,
    classifier: classify.Classifier,
    structure: named_structure.NamedStructure | None = None,
  ):
    """Takes what slots of the network's memory are called, too."""
    self.network_id = classifier.identity(structure.key if structure else "")
    self.title = networks.title(classifier.network.meta.config["model"])
    self._classifier = classifier
    self._names = structure.names if structure else ()

  def table(
    self, level: answer_rows.Level = "micrograph", top_k: int = 0
  ) -> answer_rows.Table:
    """Returns the rows and columns of a level."""
    return answer_rows.Table(
      level,
      self._classifier.class_names,
      self.network_id,
      top_k,
      structure=self._names,
    )

  def answer(
    self,
    files: Sequence[uploads.Upload],
    answered: Sequence[predictions.Prediction],
    table: answer_rows.Table,
  ) -> dict[str, Any]:
    """Returns what the body of an answer says."""
    rows = [
      _named(row, file, table.columns)
      for file, prediction in zip(files, answered, strict=True)
      for row in table.rows(prediction)
    ]
    return {
      "network_id": self.network_id,
      "promise": self._classifier.promise,
      "rows": rows,
    }

  def description(
    self, allowed: limits.Limits, of_files: file_limits.Limits
  ) -> dict[str, Any]:
    """Returns what there is to know before anything is sent.

    Args:
      allowed: what a request may take.
      of_files: what reading one may take.
    """
    return {
      "network": self.title,
      "network_id": self.network_id,
      "class_names": list(self._classifier.class_names),
      "promise": self._classifier.promise,
      "view": "whole" if self._classifier.tile_px is None else "tiles",
      "tile_px": self._classifier.tile_px,
      "image_px": self._classifier.image_px,
      "columns": list(self.table().columns),
      "limits": {
        **vars(allowed),
        "file_limit_gb": of_files.gb,
        "file_limit_s": of_files.s,
      },
    }

  def page(self, workdir: pathlib.Path, folder: pathlib.Path) -> bytes:
    """Returns the page that classifies; a form where there is none of it.

    Args:
      workdir: of the network.
      folder: to write to.
    """
    path = folder / "page.html"
    try:
      html_page.write(self._classifier, workdir, path)
      return path.read_bytes()
    except errors.UserError as error:
      contents = {
        "title": self.title,
        "class_names": list(self._classifier.class_names),
        "network_id": self.network_id,
        "promise": self._classifier.promise,
        "why": str(error),
      }
      return html_pages.render(_FORM, contents).encode()
    finally:
      path.unlink(missing_ok=True)


def _named(
  row: Mapping[str, object],
  file: uploads.Upload,
  columns: Mapping[str, type],
) -> dict[str, object]:
  """A row of a file as it was called, which says nothing of where it lay."""
  named: dict[str, object] = {}
  for column in columns:
    value = row.get(column)
    if isinstance(value, str):
      value = value.replace(str(file.path), file.name)
      value = value.replace(f"{file.path.parent}", "")
    named[column] = value
  return named | {"file": file.name}
