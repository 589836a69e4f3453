"""`eanet predict`: classify files with a trained network."""

import argparse
import pathlib
import sys
import typing
from collections.abc import Sequence

from eanet_jax import errors
from eanet_jax.commands import image_paths, output_file, reading_options

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import file_readers
  from eanet_jax.inference import classify

_DIGITS = 4  # of a probability


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "predict",
    help="classify files with a trained network",
    description="Writes one row for each file: file, label, probability, a"
    " column of probabilities for each class, novelty (how unlike everything"
    " trained on: 5 % of images like those are above 1), verdict (known, or"
    " foreign above 1), crop_rows (rows of the data bar removed), remarks (what"
    " is unsure about a file) and error (why it could not be used). Exit code 1"
    " if any file could not be used.",
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
  reading_options.add(parser)
  parser.add_argument(
    "--keep-going",
    action="store_true",
    help="exit with code 0 even if some files could not be used",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Classifies files and writes the table; returns 1 if a file is unusable."""
  from eanet_jax.data import file_readers

  output_file.check(arguments.out)
  files = image_paths.expand(arguments.paths)
  limits = reading_options.limits(arguments)
  with file_readers.Readers(limits, len(files)) as readers:
    readers.start()  # while JAX is imported and starts
    return _predict(arguments, files, readers)


def _predict(
  arguments: argparse.Namespace,
  files: Sequence[pathlib.Path],
  readers: "file_readers.Readers",
) -> int:
  from eanet_jax.explanation import named_structure
  from eanet_jax.inference import classify
  from eanet_jax.runtime import console, wording
  from eanet_jax.workdir import predictions_csv

  classifier = classify.Classifier.restore(
    arguments.workdir,
    readers,
    reading_options.told(arguments),
    named_structure.of_network,
  )
  names = classifier.class_names
  failed, count = [], 0
  structures = named_structure.BySpecimen()
  predictions = console.progress(
    classifier.stream(files), total=len(files), unit="file", leave=False
  )
  try:
    with predictions_csv.table_of_files(
      arguments.out, names, structure=classifier.describes
    ) as add:
      for each in predictions:
        add(_row(each, names))
        structures.add(each.file, each.structure)
        count += 1
        if each.error:
          failed.append(each)
  except KeyboardInterrupt:
    print(f"{count} of {wording.count(len(files), 'file')}: {arguments.out}")
    raise
  except OSError as error:
    raise errors.UserError(
      f"cannot write --out={arguments.out}: {errors.reason(error)};"
      f" {count} of {wording.count(len(files), 'file')} may be in it"
    ) from None
  for each in failed:
    line = wording.printable(f"{each.file}: {each.error}")
    print(line, file=sys.stderr)
  for line in structures.lines():
    print(wording.printable(line))
  used = wording.count(count - len(failed), "file")
  print(f"{used} classified, {len(failed)} could not be used: {arguments.out}")
  return 1 if failed and not arguments.keep_going else 0


def _row(
  prediction: "classify.Prediction", class_names: Sequence[str]
) -> dict[str, object]:
  """The cells of one file; empty except its name and error if unusable."""
  from eanet_jax.explanation import named_structure
  from eanet_jax.workdir import predictions_csv

  row: dict[str, object] = {
    "file": prediction.file,
    "label": prediction.label,
    "error": prediction.error,
    "structure": named_structure.in_words(prediction.structure),
  }
  if prediction.probabilities is not None:
    # More digits would say more than is known.
    rounded = prediction.probabilities.round(_DIGITS)
    row |= predictions_csv.by_column(class_names, rounded)
    row |= {
      "probability": float(rounded.max()),
      "novelty": prediction.novelty and round(prediction.novelty, _DIGITS),
      "verdict": prediction.verdict,
      "crop_rows": prediction.crop_rows,
      "remarks": "; ".join(prediction.remarks),
    }
  return row
