"""What the page of `eanet explain` shows: a section for each file."""

import base64
import io
import typing
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from PIL import Image

from eanet_jax.reporting import contribution_pictures
from eanet_jax.runtime import wording

if typing.TYPE_CHECKING:  # a page needs no JAX
  from eanet_jax.evaluation import explained

KIND = "micrographs explained by eanet explain"  # ends the page's title


class Shown(TypedDict):
  """A picture as a data URI."""

  picture: str
  width: int
  height: int
  caption: str


class Card(TypedDict):
  """A file on the page; names can be printed."""

  file: str
  link: str
  label: str
  probability: float
  asked: str
  verdict: str
  reason: str
  novelty: float | None
  sentence: str
  full: float
  panels: list[Shown]
  remarks: list[str]


def card(
  of: "explained.Explained",
  drawn: contribution_pictures.Panels,
  names: Sequence[str],
  label: int,
  rival: int,
  link: str,
) -> Card:
  """Returns a file's section.

  Args:
    of: the file.
    drawn: of the same.
    names: of the classes.
    label, rival: which classes the maps are of.
    link: the file of the figure, beside the page.
  """
  told = of.prediction
  assert told.probability is not None
  a, b = (wording.printable(names[i]) for i in (label, rival))
  captions = (
    "The micrograph as the network has it: data bar cut off, boxes hidden.",
    f"Red speaks for {a}, blue for {b}.",
    f"{a} alone: red adds to its logit, blue takes away;"
    f" {_sum(of.maps[label].sum(), of.constants[label])}.",
  )
  parts = (drawn.micrograph, drawn.lead, drawn.alone)
  named = wording.printable(told.label)
  return {
    "file": wording.printable(told.file),
    "link": link,
    "label": named,
    "probability": told.probability,
    "asked": a if a != named else "",
    "verdict": told.verdict,
    "reason": wording.printable(told.reason),
    "novelty": told.novelty,
    "sentence": _sentence(of, a, b, label, rival),
    "full": drawn.full,
    "panels": [
      _shown(pixels, caption)
      for pixels, caption in zip(parts, captions, strict=True)
    ],
    "remarks": [wording.printable(remark) for remark in told.remarks],
  }


def contents(
  title: str, class_names: Sequence[str], measured_from: str
) -> dict[str, Any]:
  """Returns what the page says of all files; cards and errors are added.

  Args:
    title: of the network.
    class_names: of it.
    measured_from: what adds nothing, in words.
  """
  step = np.linspace(-1, 1, 9)[None]
  colours = contribution_pictures.blend(np.full(step.shape, 128.0), step)
  stops = [f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in colours[0].tolist()]
  return {
    "title": title,
    "kind": KIND,
    "class_names": [wording.printable(name) for name in class_names],
    "measured_from": measured_from,
    "gradient": ", ".join(stops),
    "cards": [],
    "errors": [],
  }


def summary(of: "explained.Explained") -> str:
  """Returns class, probability and verdict of a file, in words."""
  told = of.prediction
  parts = [wording.printable(told.label), f"probability {told.probability:.3f}"]
  if told.novelty is not None:
    parts.append(f"{told.verdict} (novelty {told.novelty:.2f})")
  elif told.verdict:
    parts.append(told.verdict)
  return ", ".join(parts)


def _sentence(
  of: "explained.Explained", a: str, b: str, label: int, rival: int
) -> str:
  over_tiles = (
    f", in the mean of its {wording.count(of.views, 'tile')}"
    if of.views > 1
    else ""
  )
  places = float(of.maps[label].sum() - of.maps[rival].sum())
  constant = float(of.constants[label] - of.constants[rival])
  return (
    f"Red speaks for {a}, blue for {b}. The lead of {a} over {b}, the"
    f" difference of their logits{over_tiles}, is the sum of all places and a"
    f" constant: {_sum(places, constant)}."
  )


def _sum(places: float, constant: float) -> str:
  text = (
    f"{places:+.2f} from the places, {constant:+.2f} from the constant,"
    f" {places + constant:+.2f} in all"
  )
  return text.replace("-", "\N{MINUS SIGN}")


def _shown(pixels: np.ndarray, caption: str) -> Shown:
  content = io.BytesIO()
  Image.fromarray(pixels).save(content, "JPEG", quality=82)
  text = base64.b64encode(content.getvalue()).decode()
  height, width = pixels.shape[:2]
  return {
    "picture": f"data:image/jpeg;base64,{text}",
    "width": width,
    "height": height,
    "caption": caption,
  }
