"""`eanet predict`: classify files with a trained network."""

import argparse
import pathlib
import sys

from eanet_jax.commands import image_paths, output_file


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "predict",
    help="classify files with a trained network",
    description="Writes one row for each file: file, label, probability, a"
    " column of probabilities for each class, crop_rows (rows of the data bar"
    " removed) and error (why a file could not be used). Exit code 1 if any"
    " file could not be used.",
  )
  parser.add_argument(
    "workdir", type=pathlib.Path, help="workdir of a training run"
  )
  image_paths.add(parser)
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("predictions.csv"),
    help="CSV file to write [predictions.csv]",
  )
  parser.add_argument(
    "--keep-going",
    action="store_true",
    help="exit with code 0 even if some files could not be used",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Classifies files and writes the table; returns 1 if a file is unusable."""
  from eanet_jax.data import micrographs
  from eanet_jax.inference import classify
  from eanet_jax.runtime import atomic_files, console, wording
  from eanet_jax.workdir import predictions_csv

  output_file.check(arguments.out)
  files = micrographs.expand(arguments.paths)
  classifier = classify.Classifier.restore(arguments.workdir)
  predictions = list(
    console.progress(
      classifier.stream(files), total=len(files), unit="file", leave=False
    )
  )
  rows = []
  for each in predictions:
    row: dict[str, object] = {
      "file": each.file,
      "label": each.label,
      "error": each.error,
    }
    if each.probabilities is not None:
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
  used = wording.count(len(predictions) - len(failed), "file")
  print(f"{used} classified, {len(failed)} could not be used: {arguments.out}")
  return 1 if failed and not arguments.keep_going else 0
