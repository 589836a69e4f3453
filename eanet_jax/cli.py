"""The command `eanet`: for what needs a workdir or a folder, not a job.

Parses, dispatches and writes files; the work is done elsewhere.
"""

import argparse
import pathlib
import sys

from eanet_jax import errors
from eanet_jax.runtime import console


def main() -> int:
  """Runs the command line; returns the exit code."""
  return console.guarded(_main, sys.argv)


def _main(argv: list[str]) -> int:
  parser = argparse.ArgumentParser(
    prog="eanet",
    description="Classifies steel micrographs with a trained network."
    " Train one with launch.py.",
    epilog="Compiled programs are kept in ~/.cache/eanet_jax; the variable"
    " EANET_COMPILATION_CACHE names another folder, or off.",
  )
  commands = parser.add_subparsers(dest="command", required=True)

  predict = commands.add_parser(
    "predict",
    help="classify files with a trained network",
    description="Writes one row for each file: file, label, probability, a"
    " column of probabilities for each class, crop_rows (rows of the data bar"
    " removed) and error (why a file could not be used). Exit code 1 if any"
    " file could not be used.",
  )
  predict.add_argument("workdir", type=pathlib.Path, help="of a training run")
  predict.add_argument(
    "paths",
    nargs="+",
    type=pathlib.Path,
    metavar="PATH",
    help="image files, or folders that are searched to any depth",
  )
  predict.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("predictions.csv"),
    help="CSV file to write [predictions.csv]",
  )
  predict.add_argument(
    "--keep-going",
    action="store_true",
    help="exit with code 0 even if some files could not be used",
  )
  predict.set_defaults(run=_predict)

  inspect = commands.add_parser(
    "inspect",
    help="show what cleaning does to files, before training on them",
    description="Prints size, rows of the data bar and scale of each file, and"
    " draws a contact sheet with what is cut off shaded. Exit code 1 if any"
    " file could not be used.",
  )
  inspect.add_argument(
    "paths",
    nargs="+",
    type=pathlib.Path,
    metavar="PATH",
    help="image files, or folders that are searched to any depth",
  )
  inspect.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("contact_sheet.png"),
    help="PNG file to write, of the first 60 files [contact_sheet.png]",
  )
  inspect.set_defaults(run=_inspect)

  report = commands.add_parser(
    "report",
    help="write report.html of a training run or a comparison again",
    description="Writes WORKDIR/report.html from the results in WORKDIR: one"
    " file that needs no other, to print or to send.",
  )
  report.add_argument(
    "workdir", type=pathlib.Path, help="of a finished run or comparison"
  )
  report.set_defaults(run=_report)

  draw = commands.add_parser(
    "draw",
    help="write drawn micrographs to look at or to try things on",
    description="Writes the drawn micrographs as FOLDER/class/specimen/*.bmp,"
    " with their data bars, as a microscope would. They are drawings and prove"
    " nothing about steel.",
  )
  draw.add_argument("folder", type=pathlib.Path, help="new folder to write to")
  draw.add_argument(
    "--per-specimen",
    type=int,
    default=3,
    metavar="N",
    help="the first N micrographs of each of the 28 specimens [3]",
  )
  draw.add_argument(
    "--seed", type=int, default=0, help="another seed is another set [0]"
  )
  draw.set_defaults(run=_draw)

  arguments = parser.parse_args(argv[1:])
  return arguments.run(arguments)


def _predict(arguments: argparse.Namespace) -> int:
  from eanet_jax.data import micrographs
  from eanet_jax.inference import classify
  from eanet_jax.runtime import atomic_files
  from eanet_jax.workdir import predictions_csv

  _check_out(arguments.out)
  files = micrographs.expand(arguments.paths)
  classifier = classify.Classifier.restore(arguments.workdir)
  predictions = list(
    console.progress(
      classifier.stream(files), total=len(files), unit="file", leave=False
    )
  )
  rows = []
  for each in predictions:
    row = {"file": each.file, "label": each.label, "error": each.error}
    if not each.error:
      row |= predictions_csv.by_column(
        classifier.class_names, each.probabilities
      )
      row |= {"probability": each.probability, "crop_rows": each.crop_rows}
    rows.append(row)
  classes = predictions_csv.class_columns(classifier.class_names)
  fields = ["file", "label", "probability", *classes, "crop_rows", "error"]
  atomic_files.write_csv(arguments.out, fields, rows)
  failed = [each for each in predictions if each.error]
  for each in failed:
    print(f"{each.file}: {each.error}", file=sys.stderr)
  print(
    f"{len(predictions) - len(failed)} files classified, {len(failed)} could"
    f" not be used: {arguments.out}"
  )
  return 1 if failed and not arguments.keep_going else 0


def _inspect(arguments: argparse.Namespace) -> int:
  from eanet_jax.data import contact_sheet, micrographs

  _check_out(arguments.out)
  files = micrographs.expand(arguments.paths)
  return 1 if contact_sheet.inspect(files, arguments.out) else 0


def _report(arguments: argparse.Namespace) -> int:
  from eanet_jax.reporting import html_pages

  print(html_pages.write(arguments.workdir))
  return 0


def _check_out(out: pathlib.Path) -> None:
  """Raises UserError now, not after the work, if `out` cannot be written."""
  if not out.absolute().parent.is_dir():
    raise errors.UserError(f"--out={out}: there is no folder {out.parent}")
  if out.is_dir():
    raise errors.UserError(f"--out={out} is a folder: name a file in it")


def _draw(arguments: argparse.Namespace) -> int:
  from PIL import Image

  from eanet_jax.data import synthetic

  folder, seed = arguments.folder, arguments.seed
  if folder.exists():
    raise errors.UserError(f"{folder} is there already: name a new folder")
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
