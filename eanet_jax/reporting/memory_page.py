"""The atlas of a network's memory for people: a page, and a table of slots.

Takes an atlas and the views it is of, gives what memory.html.jinja shows, and
slots.csv and specimens.csv.
"""

import base64
import dataclasses
import io
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from eanet_jax.explanation import memory_atlas
from eanet_jax.runtime import csv_files, wording
from eanet_jax.workdir import slot_names_csv

TABLE = "slots.csv"
SPECIMENS = "specimens.csv"
_TELLING_SHOWN = 8
_CLASSES_SHOWN = 6  # of a slot
_SPECIMENS_SHOWN = 3
_PATCH_PX = 96  # of a picture in a strip
_GAP_PX = 4
_AROUND = 3  # patches on a side of a picture, the typical one among them


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Page:
  """What the page is made of.

  Attributes:
    title: of the network.
    slots: in the order of the atlas.
    names: of those that have one.
    atlas: of the memory that is shown.
    agreement: of all members, see `memory_atlas.agreement`; or None.
    members: of an ensemble; 0 of a network alone.
    tokens: of each view, in a square grid.
    images: uint8 (v, y, x, 1), the views, y = x.
    specimen_names, class_names: in the order of the atlas.
    classes: int (g,), of each specimen.
    micrographs: int (g,), how many of each specimen.
    told: what micrographs they are, for people.
  """

  title: str
  slots: Sequence[slot_names_csv.Slot]
  names: Mapping[slot_names_csv.Slot, str]
  atlas: memory_atlas.Atlas
  agreement: memory_atlas.Agreement | None
  members: int
  tokens: int
  images: np.ndarray
  specimen_names: Sequence[str]
  class_names: Sequence[str]
  classes: np.ndarray
  micrographs: np.ndarray
  told: str

  def told_in_short(self) -> list[str]:
    """Returns lines for a terminal."""
    dead, count = int(self.atlas.dead.sum()), len(self.slots)
    extra = sum(len(group) - 1 for group in self.atlas.together)
    lines = [
      f"block {self.slots[0].block}: {count} slots, {dead} dead,"
      f" {extra} go with another one;"
      f" {wording.count(len(self.specimen_names), 'specimen')}"
    ]
    if self.agreement is not None:
      found, chance, in_place = self.agreement
      lines.append(
        f"{self.members} networks: the median correlation of matched slots is"
        f" {found:.2f}, by chance {chance:.2f}; {in_place:.0%} of slots match"
        " those of the same number, which were initialised alike"
      )
    return lines


def write_tables(folder: pathlib.Path, page: Page) -> None:
  """Writes slots.csv and specimens.csv to a folder that is there."""
  csv_files.write(folder / TABLE, *_slots(page))
  columns = ["slot", "name", "class", "specimen", "micrographs"]
  csv_files.write(
    folder / SPECIMENS, [*columns, "share", "low", "high"], _specimens(page)
  )


def _specimens(page: Page) -> Iterator[dict[str, Any]]:
  """The rows of specimens.csv."""
  atlas = page.atlas
  for i, slot in enumerate(page.slots):
    for g, specimen in enumerate(page.specimen_names):
      low, high = map(_rounded, atlas.interval_of_specimen[g, i])
      yield {
        "slot": str(slot),
        "name": page.names.get(slot, ""),
        "class": page.class_names[page.classes[g]],
        "specimen": specimen,
        "micrographs": int(page.micrographs[g]),
        "share": _rounded(atlas.of_specimen[g, i]),
        "low": low,
        "high": high,
      }


def _rounded(share: float) -> float | None:
  return None if math.isnan(share) else round(float(share), 5)


def _slots(page: Page) -> tuple[list[str], list[dict[str, Any]]]:
  """The columns and rows of slots.csv."""
  atlas, rows = page.atlas, []
  with_others = {
    slot: [str(page.slots[i]) for i in group if i != slot]
    for group in atlas.together
    for slot in group
  }
  shares = [
    (f"share of {name}", f"low of {name}", f"high of {name}")
    for name in page.class_names
  ]
  for i, slot in enumerate(page.slots):
    row: dict[str, Any] = {
      "slot": str(slot),
      "name": page.names.get(slot, ""),
      "share": _rounded(atlas.share[i]),
      "dead": "yes" if atlas.dead[i] else "no",
      "between classes": round(float(atlas.telling[i]), 3),
      "together with": " ".join(with_others.get(i, [])),
      "top specimens": "; ".join(
        f"{name} {share:.3f}" for name, share, _ in _top(page, i)
      ),
    }
    for label, (share, low, high) in enumerate(shares):
      row[share] = _rounded(atlas.of_class[label, i])
      row[low], row[high] = map(_rounded, atlas.interval[label, i])
    rows.append(row)
  columns = ["slot", "name", "share", "dead", "between classes"]
  columns += [name for names in shares for name in names]
  return [*columns, "together with", "top specimens"], rows


def _top(page: Page, slot: int) -> list[tuple[str, float, list[float] | None]]:
  """The specimens with the largest share of a slot, and their intervals."""
  own = page.atlas.of_specimen[:, slot]
  order = np.argsort(-own, kind="stable")[:_SPECIMENS_SHOWN]
  return [
    (
      page.specimen_names[i],
      float(own[i]),
      _interval(page.atlas.interval_of_specimen[i, slot]),
    )
    for i in order
    if own[i] > 0
  ]


def _interval(ends: np.ndarray) -> list[float] | None:
  return None if np.isnan(ends).any() else ends.tolist()


def contents(page: Page) -> dict[str, Any]:
  """Returns what memory.html.jinja shows."""
  atlas = page.atlas
  cards = [_card(page, i) for i in range(len(page.slots))]
  by_share = np.argsort(-atlas.share, kind="stable")
  heads: dict[int, dict[str, Any]] = {}
  for i, slot in enumerate(page.slots):
    own = heads.setdefault(slot.head, {"number": slot.head, "dead": []})
    if atlas.dead[i]:
      own["dead"].append(str(slot))
  for own in heads.values():
    own["cards"] = [
      cards[i]
      for i in by_share
      if page.slots[i].head == own["number"] and not atlas.dead[i]
    ]
  telling = np.argsort(-np.where(atlas.dead, -1, atlas.telling), kind="stable")
  some = len(page.class_names) > 1
  some = some and len(page.specimen_names) > len(page.class_names)
  return {
    "title": page.title,
    "shown": {
      "block": page.slots[0].block,
      "member": page.slots[0].member,
      "members": page.members,
      "told": page.told,
      "specimens": len(page.specimen_names),
      "classes": list(page.class_names),
      "views": len(page.images),
      "agreement": page.agreement,
    },
    "alive": int((~atlas.dead).sum()),
    "slots": len(cards),
    "slots_of_head": len(cards) // len(heads),
    "dead_share": memory_atlas.DEAD_SHARE,
    "together_from": memory_atlas.TOGETHER,
    "together": [[str(page.slots[i]) for i in each] for each in atlas.together],
    "extra": sum(len(group) - 1 for group in atlas.together),
    "telling": [
      cards[i]
      for i in telling[: _TELLING_SHOWN if some else 0]
      if not atlas.dead[i]
    ],
    "named": [cards[i] for i in by_share if page.slots[i] in page.names],
    "heads": list(heads.values()),
  }


def _card(page: Page, i: int) -> dict[str, Any]:
  """What is shown of one slot."""
  atlas, slot = page.atlas, page.slots[i]
  largest = np.argsort(-atlas.of_class[:, i], kind="stable")
  shown = sorted(largest[:_CLASSES_SHOWN].tolist())
  most = max(float(np.nanmax(atlas.interval[:, i], initial=0)), 1e-9)
  most = max(most, float(atlas.of_class[:, i].max()))
  group = next((each for each in atlas.together if i in each), [])
  return {
    "slot": str(slot),
    "name": page.names.get(slot, ""),
    "share": float(atlas.share[i]),
    "telling": float(atlas.telling[i]),
    "classes": [
      {
        "name": page.class_names[label],
        "share": float(atlas.of_class[label, i]),
        "interval": _interval(atlas.interval[label, i]),
        "bar": round(100 * float(atlas.of_class[label, i]) / most, 1),
      }
      for label in shown
    ],
    "top": _top(page, i),
    "together": [str(page.slots[other]) for other in group if other != i],
    "strip": _strip(page, atlas.typical[i]),
  }


def _strip(page: Page, tokens: Sequence[tuple[int, int]]) -> str:
  """Patches with what is around them, side by side, as a data URI."""
  if not tokens:
    return ""
  step = _PATCH_PX + _GAP_PX
  width = step * memory_atlas.TYPICAL - _GAP_PX
  strip = np.full((_PATCH_PX, width), 255, np.uint8)
  for place, (view, token) in enumerate(tokens):
    picture = _around(page.images[view, ..., 0], token, page.tokens)
    strip[:, place * step : place * step + _PATCH_PX] = picture
  content = io.BytesIO()
  Image.fromarray(strip).save(content, "JPEG", quality=80)
  text = base64.b64encode(content.getvalue()).decode()
  return f"data:image/jpeg;base64,{text}"


def _around(image: np.ndarray, token: int, tokens: int) -> np.ndarray:
  """uint8 (_PATCH_PX, _PATCH_PX): a framed patch and what is around it.

  At a border the frame is not in the middle.
  """
  grid = math.isqrt(tokens)
  patch = len(image) // grid
  span = min(_AROUND, grid)
  row, column = divmod(token, grid)
  top, left = (min(max(at - span // 2, 0), grid - span) for at in (row, column))
  cut = image[
    top * patch : (top + span) * patch, left * patch : (left + span) * patch
  ]
  drawn = np.asarray(
    Image.fromarray(np.asarray(cut)).resize(
      (_PATCH_PX, _PATCH_PX), Image.Resampling.BICUBIC
    )
  ).copy()
  side = _PATCH_PX / span
  y, x = (
    round((at - first) * side) for at, first in ((row, top), (column, left))
  )
  # White in black: a frame that shows on any steel.
  for inset, level in ((0, 0), (1, 255)):
    low, high = inset, round(side) - 1 - inset
    drawn[y + low, x + low : x + high + 1] = level
    drawn[y + high, x + low : x + high + 1] = level
    drawn[y + low : y + high + 1, x + low] = level
    drawn[y + low : y + high + 1, x + high] = level
  return drawn
