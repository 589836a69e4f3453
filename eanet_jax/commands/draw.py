"""`eanet draw`: drawn micrographs as files."""

import argparse
import pathlib

from eanet_jax import errors


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "draw",
    help="write drawn micrographs to look at or to try things on",
    description="Writes the drawn micrographs as FOLDER/class/specimen/*.bmp,"
    " with their data bars, as a microscope would. They are drawings and prove"
    " nothing about steel.",
  )
  parser.add_argument(
    "folder", type=pathlib.Path, help="new folder to write to"
  )
  parser.add_argument(
    "--per-specimen",
    type=int,
    default=3,
    metavar="N",
    help="the first N micrographs of each of the 28 specimens [3]",
  )
  parser.add_argument(
    "--seed", type=int, default=0, help="another seed gives another set [0]"
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Draws and writes the files."""
  from PIL import Image

  from eanet_jax.data import synthetic
  from eanet_jax.runtime import console

  folder, seed = arguments.folder, arguments.seed
  if folder.exists():
    raise errors.UserError(f"{folder} exists already: name a new folder")
  items = [
    item for item in synthetic.catalogue() if item[2] < arguments.per_specimen
  ]
  if not items:
    raise errors.UserError("--per-specimen must be 1 or more")
  drawings = synthetic.draw_all(seed, items)
  for drawing in console.progress(
    drawings, total=len(items), unit="image", leave=False
  ):
    specimen = folder / drawing.label / drawing.specimen
    specimen.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawing.image).save(specimen / f"{drawing.name}.bmp")
  print(f"{len(items)} drawn micrographs: {folder}")
  return 0
