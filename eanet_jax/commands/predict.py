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
    " column of probabilities for each class, set (the classes of which one is"
    " the true one as often as is promised), novelty (how unlike everything"
    " trained on: 5 % of images like those are above 1), verdict (known,"
    " unsure, foreign or other magnification) and reason, nearest (the training"
    " micrograph most like it), nearest_specimen and nearest_distance (1 is"
    " usual), trained_on (the training micrograph that it is), um_per_px and"
    " um_from, crop_rows (rows of the data bar removed) and bar_from (what told"
    " them), remarks (what is unsure about a file) and error (why it could not"
    " be used). Exit code 1 if any file could not be used.",
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
    "--coverage",
    type=int,
    metavar="N",
    help="per cent of micrographs of new specimens whose true class shall be in"
    " their set [90, or as many as can be promised]",
  )
  parser.add_argument(
    "--uncalibrated",
    action="store_true",
    help="probabilities as the network gives them; no sets",
  )
  parser.add_argument(
    "--report",
    type=pathlib.Path,
    metavar="PAGE",
    help="HTML page to write besides, to look at: thumbnails by class, the"
    " least sure first; those unlike all that was trained on at the top",
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
  from eanet_jax.data import file_readers, thumbnails

  if arguments.uncalibrated and arguments.coverage is not None:
    raise errors.UserError(
      "--coverage is of sets of calibrated probabilities: leave it or"
      " --uncalibrated out"
    )
  output_file.check(arguments.out)
  if arguments.report:
    output_file.check(arguments.report, whole=True, option="--report")
  files = image_paths.expand(arguments.paths)
  limits = reading_options.limits(arguments)
  kind = thumbnails.Readers if arguments.report else file_readers.Readers
  with kind(limits, len(files)) as readers:
    readers.start()  # while JAX is imported and starts
    return _predict(arguments, files, readers)


def _predict(
  arguments: argparse.Namespace,
  files: Sequence[pathlib.Path],
  readers: "file_readers.Readers",
) -> int:
  from eanet_jax.data import thumbnails
  from eanet_jax.inference import classify
  from eanet_jax.runtime import console, wording
  from eanet_jax.workdir import predictions_csv

  classifier = classify.Classifier.restore(
    arguments.workdir,
    readers,
    reading_options.told(arguments),
    coverage=arguments.coverage,
    calibrated=not arguments.uncalibrated,
  )
  names = classifier.class_names
  shown = None
  if isinstance(readers, thumbnails.Readers):  # as --report needs
    from eanet_jax.reporting import gallery, html_pages

    shown = gallery.Gallery(names, classifier.tile_px, readers.take)
  failed, count = [], 0
  predictions = console.progress(
    classifier.stream(files), total=len(files), unit="file", leave=False
  )
  try:
    with predictions_csv.table_of_files(arguments.out, names) as add:
      for each in predictions:
        add(_row(each, names))
        if shown:
          shown.add(each)
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
  if shown:
    html_pages.write_predictions(arguments.report, shown, arguments.workdir)
  print(classifier.promise)
  used = wording.count(count - len(failed), "file")
  print(
    f"{used} classified, {len(failed)} could not be used: {arguments.out}"
    + (f", {arguments.report}" if shown else "")
  )
  return 1 if failed and not arguments.keep_going else 0


def _row(
  prediction: "classify.Prediction", class_names: Sequence[str]
) -> dict[str, object]:
  """The cells of one file; empty except its name and error if unusable."""
  from eanet_jax.workdir import predictions_csv

  row: dict[str, object] = {
    "file": prediction.file,
    "label": prediction.label,
    "error": prediction.error,
  }
  if prediction.probabilities is not None:
    # More digits would say more than is known.
    rounded = prediction.probabilities.round(_DIGITS)
    row |= predictions_csv.by_column(class_names, rounded)
    row |= {
      "probability": float(rounded.max()),
      "set": "; ".join(prediction.set),
      "novelty": prediction.novelty and round(prediction.novelty, _DIGITS),
      "verdict": prediction.verdict,
      "reason": prediction.reason,
      "trained_on": prediction.trained_on,
      "um_per_px": prediction.um_per_px and f"{prediction.um_per_px:.6g}",
      "um_from": prediction.um_from,
      "crop_rows": prediction.crop_rows,
      "bar_from": prediction.bar_from,
      "remarks": "; ".join(prediction.remarks),
    }
    for each in prediction.nearest[:1]:
      row |= {
        "nearest": each.file,
        "nearest_specimen": each.specimen,
        "nearest_distance": round(each.distance, _DIGITS),
      }
  return row
