"""The page's reader of micrographs gives what the program's gives, or refuses.

Node runs the modules that a browser runs, once, over files of every kind.
"""

import dataclasses
import functools
import json
import shutil
import subprocess

import made_pictures
import numpy as np
import PIL
import pytest
from conftest import ROOT
from made_files import BAINITE, VENDOR

from eanet_jax.data import micrographs

PAGE = ROOT / "eanet_jax" / "exporting" / "page"
NODE = shutil.which("node")
CANNOT = "this page cannot read"
PILLOW = int(PIL.__version__.partition(".")[0])
SETS = {
  name: getattr(made_pictures, name)
  for name in ("tiffs", "pngs", "bmps", "depths", "bars", "boxes", "vendors")
}
pytestmark = pytest.mark.skipif(
  NODE is None, reason="it needs the program node, which runs JavaScript"
)


def told_to_page(told):
  return {
    "barRows": told.bar_rows,
    "umPerPx": told.um_per_px,
    "keepOverlays": told.keep_overlays,
    "resampleUmPerPx": told.resample_um_per_px,
  }


def read_by_page(files, folder):
  """What the page's modules find: a dictionary of each, with its arrays.

  Args:
    files: (path, told, names of files beside it, view or None).
    folder: for what is in between.
  """
  requests = [
    {
      "path": str(path),
      "told": told_to_page(told),
      "beside": [str(path.parent / name) for name in beside],
      "view": view,
    }
    for path, told, beside, view in files
  ]
  done = subprocess.run(
    [NODE, str(ROOT / "tests/exporting/read_files.mjs"), PAGE, folder / "out"],
    input=json.dumps(requests),
    capture_output=True,
    text=True,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr
  found, at = json.loads(done.stdout), 0
  pixels = np.fromfile(folder / "out", np.uint8)
  for each in found:
    if "error" in each:
      continue
    end = at + each["bytes"]
    each["image"] = pixels[at:end].reshape(each["height"], each["width"])
    at = end + each.get("viewBytes", 0)
    each["views"] = pixels[end:at]
  assert at == pixels.size
  return found


def read_by_program(path, told):
  try:
    return micrographs.read(path, told)
  except micrographs.MicrographError as error:
    return str(error)


def differences(page, program):
  """What the page finds otherwise; [] where it is the same to the byte."""
  if isinstance(program, str):
    return [] if page.get("error") == program else [page.get("error"), program]
  if "error" in page:
    return [page["error"]]
  names = {
    "cropRows": "crop_rows",
    "umPerPx": "um_per_px",
    "barFrom": "bar_from",
    "umFrom": "um_from",
    "levels": "levels",
    "remarks": "remarks",
    "overlays": "overlays",
  }
  other = json.loads(json.dumps(dataclasses.replace(program, image=0).__dict__))
  found = [
    (page[ours], other[theirs])
    for ours, theirs in names.items()
    if page[ours] != other[theirs]
  ]
  if not np.array_equal(page["image"], program.image):
    found.append("pixels")
  return found


def written(files, folder):
  """Writes files; yields what `read_by_page` takes of each."""
  for i, (name, content, told, beside) in enumerate(files):
    place = folder / str(i)
    place.mkdir()
    (place / name).write_bytes(content)
    for other, text in beside.items():
      (place / other).write_bytes(text)
    yield place / name, told, list(beside), None


@pytest.mark.parametrize("name", SETS)
def test_the_page_reads_as_the_program_does(name, tmp_path):
  files = list(written(SETS[name](), tmp_path))
  same, faults, refused = 0, [], []
  for (path, told, *_), page in zip(
    files, read_by_page(files, tmp_path), strict=True
  ):
    found = differences(page, read_by_program(path, told))
    if page.get("error", "").startswith(CANNOT):
      refused.append((path.name, page["error"]))
    elif found:
      faults.append((path.name, found))
    else:
      same += 1
  assert not faults, (len(faults), faults[:3])
  # Codes that the page has no decoder for are all that it refuses.
  assert all("lzma" in path or "zstd" in path for path, _ in refused)
  assert all("use eanet predict" in error for _, error in refused)
  assert same >= len(files) * (0.6 if name == "tiffs" else 1)


def test_a_damaged_file_is_no_other_picture(tmp_path):
  files = list(written(made_pictures.damaged(), tmp_path))
  same, refused_alone, faults = 0, 0, []
  for (path, told, *_), page in zip(
    files, read_by_page(files, tmp_path), strict=True
  ):
    program = read_by_program(path, told)
    error = page.get("error", "")
    if not differences(page, program):
      same += 1
    elif error and not isinstance(program, str):
      # The page is more strict with a wrong checksum than Pillow may be.
      refused_alone += not error.startswith(CANNOT)
    elif not (error and isinstance(program, str)):
      faults.append((path.name, differences(page, program)))
  assert not faults
  assert same > 0.6 * len(files)
  assert refused_alone < 0.02 * len(files)


@pytest.mark.parametrize("keywords", [{}, {"keep_overlays": True}])
def test_real_micrographs(keywords, tmp_path):
  paths = [*sorted(BAINITE.rglob("*.png"))[::9], *sorted(VENDOR.glob("*.tif"))]
  if not paths:
    pytest.skip("it needs the shared micrographs")
  files = [(path, micrographs.Told(**keywords), [], None) for path in paths]
  for (path, told, *_), page in zip(
    files, read_by_page(files, tmp_path), strict=True
  ):
    assert differences(page, read_by_program(path, told)) == []


@pytest.mark.parametrize(
  ("kind", "side", "tile_px"),
  [
    ("whole", 32, 32),
    ("whole", 256, 64),
    ("tiles", 32, 32),
    ("tiles", 48, 64),
    ("tiles", 64, 48),
  ],
)
def test_views_are_the_networks_to_the_byte(kind, side, tile_px, tmp_path):
  view = {"kind": kind, "side": side, "tilePx": tile_px}
  # Of two that are larger than a tile, and of one that is not.
  picture = functools.partial(made_pictures._saved, "PNG")
  told = micrographs.Told(bar_rows=0, um_per_px=0.37)
  sizes = ((160, 200), (331, 97))
  files = [
    (f"{height}.png", picture(made_pictures.specimen(height, width)), told, {})
    for height, width in sizes
  ]
  files = [(*each[:3], view) for each in written(files, tmp_path)]
  for (path, *_), page in zip(
    files, read_by_page(files, tmp_path), strict=True
  ):
    image = micrographs.read(path, told).image
    expected = micrographs.views(image, kind, side, tile_px)
    off = np.abs(page["views"].astype(int) - expected.ravel())
    # Before Pillow 13 a tall picture became narrower first, and then lower.
    is_tall = image.shape[0] > 300 and kind == "whole"
    assert off.max() <= (1 if is_tall and PILLOW < 13 else 0)
    if kind == "tiles":
      corners = micrographs.corners(*image.shape, tile_px)
      assert page["corners"] == corners.ravel().tolist()
    assert page["fieldUm"] == micrographs.field_um(
      0.37, image.size, kind, tile_px
    )


def test_a_picture_smaller_than_a_tile_has_no_view(tmp_path):
  view = {"kind": "tiles", "side": 32, "tilePx": 64}
  content = made_pictures._saved("PNG", made_pictures.specimen(40, 90))
  files = written([("a.png", content, micrographs.Told(0), {})], tmp_path)
  files = [(*each[:3], view) for each in files]
  (page,) = read_by_page(files, tmp_path)
  with pytest.raises(micrographs.MicrographError, match=page["error"]):
    micrographs.tile_grid((40, 90), 64)
